//! Keys of the terminal interface.

use super::{COUNT, Key, Kind, SWITCH_MAP, TEXTS, later, moved, used};
use Kind::{Any, Choice, Either, Map, Names, Number, Switch, Table, Text, Word};

/// A key name, or several; an empty list unbinds.
const BINDING: Kind = Either(&[Text, TEXTS]);

/// Names that other versions know are no mistake: they do nothing here.
#[rustfmt::skip]
const KEYMAP: Kind = Table(&[
    context("global", &[
        "leader", "open_transcript", "find_transcript", "select_transcript", "open_external_editor", "copy", "clear_terminal", "suspend",
        "toggle_vim_mode", "toggle_fast_mode", "toggle_raw_output", "toggle_side_conversation", "open_agents", "focus_activity",
        "change_host", "hide_pane", "resize_panes", "submit", "queue", "toggle_shortcuts",
    ]),
    context("chat", &[
        "interrupt_turn", "decrease_reasoning_effort", "increase_reasoning_effort", "previous_permission_mode", "next_permission_mode", "cycle_mode",
        "edit_queued_message", "prompt_stack_back", "skip_question", "open_presets", "toggle_voice", "toggle_voice_mute",
    ]),
    context("composer", &["submit", "queue", "toggle_shortcuts", "history_search_previous", "history_search_next", "paste_image"]),
    context("editor", &[
        "insert_newline", "move_left", "move_right", "move_up", "move_down", "move_word_left", "move_word_right", "move_line_start",
        "move_line_end", "delete_backward", "delete_forward", "delete_backward_word", "delete_forward_word", "kill_line_start",
        "kill_whole_line", "kill_line_end", "yank", "undo", "redo",
    ]),
    used("vim_normal", Map(&BINDING), "", ""),
    used("vim_operator", Map(&BINDING), "", ""),
    used("vim_search", Map(&BINDING), "", ""),
    used("vim_text_object", Map(&BINDING), "", ""),
    context("pager", &[
        "scroll_up", "scroll_down", "page_up", "page_down", "half_page_up", "half_page_down", "jump_top", "jump_bottom", "close",
        "close_transcript", "find", "find_next", "find_previous",
    ]),
    context("list", &[
        "move_up", "move_down", "move_left", "move_right", "page_up", "page_down", "jump_top", "jump_bottom", "accept", "cancel",
    ]),
    later("agents", Map(&BINDING)),
    context("approval", &[
        "open_fullscreen", "open_thread", "approve", "approve_for_session", "approve_for_prefix", "deny", "decline", "cancel",
    ]),
]);

const fn context(name: &'static str, actions: &'static [&'static str]) -> Key {
    used(name, Names(actions, &BINDING), "", "")
}

#[rustfmt::skip]
pub(super) const TUI: Kind = Table(&[
    used("notifications", Either(&[Switch, TEXTS]), "`true`",
         "what is told to somebody who looks at another window: all, nothing, or a list of `agent-turn-complete`, `approval-requested`"),
    used("notification_method", Choice(&["auto", "osc9", "osc777", "bel"]), "`auto`",
         "how: `auto` is what the terminal is known to show, else a bell; a toast in Windows Terminal under WSL"),
    used("notification_condition", Choice(&["unfocused", "always"]), "`unfocused`", "when: `always` also while somebody looks"),
    used("animations", Switch, "`true`", "things on the screen may move by themselves"),
    later("show_tooltips", Switch),
    used("screen_reader", Switch, "`false`", "line after line for somebody who hears them, as `--screen-reader`"),
    used("alternate_screen", Choice(&["auto", "always", "never"]), "`auto`",
         "`always`: the whole window, as `--alt-screen`; else the terminal's own scrollback"),
    used("theme", Word, "by the terminal's background",
         "colours: a name that `/theme` lists; `NAME` may be the file `themes/NAME.toml` in CODEX_HOME"),
    used("status_line", TEXTS, "model, folder, name, tokens, context", "what the last row says: names that `/statusline` lists"),
    later("status_line_use_colors", Switch),
    used("terminal_title", TEXTS, "activity, name, project",
         "what the title of the window says: names that `/title` lists; `[]` leaves it alone"),
    used("vim_mode_default", Switch, "`false`", "the field begins with Vim's keys"),
    used("raw_output_mode", Switch, "`false`", "answers are shown as they were written"),
    used("disable_paste_burst", Switch, "`false`", "keys that come very fast are keys, not a paste"),
    later("fullscreen_transcript", Switch),
    later("collapse_turn_details", Switch),
    later("auto_recap", Switch),
    later("question_esc_back", Switch),
    later("show_server_version_notice", Switch),
    later("copy_on_select_clear_selection", Switch),
    later("screen_reader_detection_done", Switch),
    later("sidebar_width_percent", Kind::Count { min: 0, max: 255 }),
    later("mouse_scroll_speed", Number),
    later("terminal_resize_reflow_max_rows", COUNT),
    later("copy_on_select", Choice(&["auto", "always", "never"])),
    later("right_click_paste", Choice(&["auto", "on", "off"])),
    later("session_picker_view", Choice(&["comfortable", "dense"])),
    later("agents_overview_grouping", Choice(&["project", "status", "model"])),
    later("resume_cwd", Choice(&["current", "session"])),
    later("pet", Text),
    later("pet_anchor", Choice(&["composer", "screen-bottom"])),
    later("effects", SWITCH_MAP),
    later("rendering", Table(&[later("math", Switch)])),
    later("presets", Map(&Table(&[later("input", Text), later("label", Text)]))),
    later("default_hosts", Map(&Any)),
    used("keymap", KEYMAP, "",
         "`[tui.keymap.CONTEXT]`, an action and its key, or a list of keys; an empty list unbinds. Contexts and actions: \
          [docs/tui.md](tui.md#keys)"),
    later("model_availability_nux", Map(&COUNT)),
]);

/// Top-level keys of the interface.
#[rustfmt::skip]
pub(super) static KEYS: &[Key] = &[
    later("check_for_update_on_startup", Switch),
    moved("disable_paste_burst", Switch, "tui.disable_paste_burst"),
    later("file_opener", Choice(&["vscode", "vscode-insiders", "windsurf", "cursor", "none"])),
    later("notice", super::servers::NOTICE),
    later("thread_unload_delay_secs", COUNT),
    used("tui", TUI, "", ""),
    later("windows", Table(&[
        later("sandbox", Choice(&["elevated", "unelevated", "mxc"])),
        later("allow_mxc", Switch),
        later("sandbox_private_desktop", Switch),
    ])),
];
