//! `/review [uncommitted | base BRANCH | commit SHA | words]`: a model reads a change and says what is wrong with it.

use crate::picker::{Choice, Picker, Row};
use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::{ReviewStart, ReviewStartParams};
use codex_protocol::review::ReviewTarget;

pub fn run(state: &mut State, argument: &str, now: Now) -> Vec<Effect> {
    if super::open(state).is_none() {
        return Vec::new();
    }
    if argument.is_empty() {
        let words = |words: &str| Choice::Draft(words.to_owned());
        let rows = vec![
            Row::new("What is not committed", "", Choice::Review(ReviewTarget::UncommittedChanges)),
            Row::new("Against a branch", "/review base BRANCH", words("/review base ")),
            Row::new("One commit", "/review commit SHA", words("/review commit ")),
            Row::new("Something else", "/review and what to look at", words("/review ")),
        ];
        state.picker = Some(Picker::question("What shall be reviewed?", rows));
        return Vec::new();
    }
    start(state, target(argument), now)
}

fn target(argument: &str) -> ReviewTarget {
    let (word, rest) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    let rest = rest.trim();
    let one = !rest.is_empty() && !rest.contains(char::is_whitespace);
    match word {
        "uncommitted" if rest.is_empty() => ReviewTarget::UncommittedChanges,
        "base" if one => ReviewTarget::BaseBranch { branch: rest.to_owned() },
        "commit" if one => ReviewTarget::Commit {
            sha: rest.to_owned(),
            title: None,
        },
        _ => ReviewTarget::Custom {
            instructions: argument.to_owned(),
        },
    }
}

pub fn start(state: &mut State, target: ReviewTarget, now: Now) -> Vec<Effect> {
    let Some(open) = super::open(state) else { return Vec::new() };
    let params = ReviewStartParams {
        thread_id: open.thread_id.clone(),
        target,
        delivery: None,
    };
    state.expect_turn(now);
    vec![Effect::ask::<ReviewStart>(params, Then::TurnStarted)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_is_reviewed_if_it_can() {
        let branch = ReviewTarget::BaseBranch { branch: "main".into() };
        assert_eq!(target("base main"), branch);
        assert_eq!(target("uncommitted"), ReviewTarget::UncommittedChanges);
        let words = |instructions: &str| ReviewTarget::Custom {
            instructions: instructions.to_owned(),
        };
        assert_eq!(target("base of the design"), words("base of the design"));
        assert_eq!(target("commit"), words("commit"));
    }
}
