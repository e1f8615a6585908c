//! A word to somebody who looks at another window: a turn has ended, or something is asked.

use crate::state::{Effect, State};
use codex_protocol::terminal::{NotificationCondition, NotificationMethod};
use codex_tui_kit::sanitize;
use codex_tui_kit::terminal::notify::{self, Method};

/// Characters of the text.
const TEXT_MAX: usize = 160;

/// What the terminal is known to have; from the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terminal {
    pub method: Method,
    pub in_tmux: bool,
    /// Windows shows toasts of a program in its Linux.
    pub toasts: bool,
    /// It shows links, or at least nothing of them but their text.
    pub links: bool,
}

/// What there was before an event.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    questions: usize,
    working: bool,
    interrupting: bool,
}

impl Before {
    pub fn of(state: &State) -> Self {
        Self {
            questions: state.questions.len(),
            working: state.working.is_some(),
            interrupting: state.working.as_ref().is_some_and(|working| working.interrupting),
        }
    }
}

/// Tells what the event brought, if somebody wants to hear of it.
pub fn follow(state: &State, before: Before) -> Option<Effect> {
    let (kind, text) = if state.questions.len() > before.questions {
        ("approval-requested", state.questions.back()?.dialog.title.clone())
    } else if before.working && !before.interrupting && state.working.is_none() {
        let answer = state.last_answer.as_deref().unwrap_or_default();
        let first = answer.lines().map(str::trim).find(|line| !line.is_empty());
        ("agent-turn-complete", first.unwrap_or("the turn has ended").to_owned())
    } else {
        return None;
    };
    let hears = match state.wanted.notification_condition {
        NotificationCondition::Always => true,
        NotificationCondition::Unfocused => !state.focused,
    };
    if !hears || !state.wanted.notifications.include(kind) {
        return None;
    }
    let text: String = sanitize::label(&text).chars().take(TEXT_MAX).collect();
    Some(effect(state, text))
}

fn effect(state: &State, text: String) -> Effect {
    let terminal = state.terminal;
    let method = match state.wanted.notification_method {
        NotificationMethod::Auto if terminal.toasts => return Effect::Toast(text),
        NotificationMethod::Auto => terminal.method,
        NotificationMethod::Osc9 => Method::Osc9,
        NotificationMethod::Osc777 => Method::Osc777,
        NotificationMethod::Bel => Method::Bell,
    };
    Effect::Terminal(notify::bytes(method, "codex", &text, terminal.in_tmux))
}

/// The script for Windows' PowerShell that shows a toast. Every character that means anything to it or to XML is written as a number.
pub fn toast_script(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == ' ' {
                c.to_string()
            } else {
                format!("&#{};", u32::from(c))
            }
        })
        .collect();
    format!(
        "[void][Windows.UI.Notifications.ToastNotificationManager,Windows.UI.Notifications,ContentType=WindowsRuntime];\
         [void][Windows.Data.Xml.Dom.XmlDocument,Windows.Data.Xml.Dom,ContentType=WindowsRuntime];\
         $x=New-Object Windows.Data.Xml.Dom.XmlDocument;\
         $x.LoadXml('<toast><visual><binding template=\"ToastGeneric\"><text>codex</text><text>{text}</text></binding></visual></toast>');\
         [Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('Windows PowerShell').Show(\
         (New-Object Windows.UI.Notifications.ToastNotification $x))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{Desk, setup};
    use crate::state::Event;
    use codex_protocol::items::Turn;
    use codex_protocol::terminal::Notifications;
    use codex_tui_kit::terminal::Input;

    fn turn(status: &str) -> Turn {
        serde_json::from_value(serde_json::json!({"id": "1", "status": status, "items": [
            {"type": "agentMessage", "id": "a", "text": "\n# Done\u{1b}]0;x\u{7}\nmore"}
        ]}))
        .unwrap()
    }

    /// What is told when a turn ends.
    fn told(change: impl FnOnce(&mut Desk)) -> String {
        let mut desk = Desk::new();
        change(&mut desk);
        desk.say("hello");
        desk.state.last_answer = Some("\n# Done\u{1b}]0;x\u{7}\nmore".into());
        desk.effects.clear();
        let ended = serde_json::json!({"method": "turn/completed", "params": {"threadId": "t-1", "turn": turn("completed")}});
        let ended = codex_rpc::ServerMessage::Notification(serde_json::from_value(ended).unwrap());
        desk.happens(Event::Server(Box::new(ended)));
        desk.effects
            .iter()
            .map(|effect| match effect {
                Effect::Terminal(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Effect::Toast(text) => format!("toast {text}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    fn away(desk: &mut Desk) {
        desk.happens(Event::Input(Input::Focus(false)));
    }

    #[test]
    fn the_end_of_a_turn_is_told_to_somebody_who_looks_elsewhere() {
        assert_eq!(told(|_| ()), "");
        assert_eq!(told(away), "\x07");
        let osc9 = told(|desk| {
            away(desk);
            desk.state.terminal.method = Method::Osc9;
        });
        assert_eq!(osc9, "\x1b]9;codex: # Done\x07");
        let toast = told(|desk| {
            away(desk);
            desk.state.terminal.toasts = true;
        });
        assert_eq!(toast, "toast # Done");
        let always = told(|desk| desk.state.wanted.notification_condition = NotificationCondition::Always);
        assert_eq!(always, "\x07");
        let others = told(|desk| {
            away(desk);
            desk.state.wanted.notifications = Notifications::Kinds(vec!["approval-requested".into()]);
        });
        assert_eq!(others, "");
    }

    #[test]
    fn an_interrupt_is_nothing_new_to_whoever_asked_for_it() {
        let mut desk = Desk::new();
        desk.open(setup("t-1", Vec::new()));
        away(&mut desk);
        desk.say("hello");
        desk.press("esc");
        desk.effects.clear();
        let ended = serde_json::json!({"method": "turn/completed", "params": {"threadId": "t-1", "turn": turn("interrupted")}});
        let ended = codex_rpc::ServerMessage::Notification(serde_json::from_value(ended).unwrap());
        desk.happens(Event::Server(Box::new(ended)));
        assert!(desk.effects.is_empty(), "{:?}", desk.effects);
    }

    #[test]
    fn no_text_leaves_its_place_in_the_script() {
        let script = toast_script("a b'</text>‘$(x)`");
        assert!(
            script.contains("<text>a b&#39;&#60;&#47;text&#62;&#8216;&#36;&#40;x&#41;&#96;</text>"),
            "{script}"
        );
    }
}
