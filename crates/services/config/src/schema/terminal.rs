//! Keys of the terminal interface.

use super::{COUNT, Key, Kind, SWITCH_MAP, TEXTS, later};
use Kind::{Any, Choice, Either, Map, Number, Switch, Table, Text};

/// A key name, or several; an empty list unbinds.
const BINDING: Kind = Either(&[Text, TEXTS]);

const KEYMAP: Kind = Table(&[
    context("global"),
    context("chat"),
    context("composer"),
    context("editor"),
    context("vim_normal"),
    context("vim_operator"),
    context("vim_search"),
    context("vim_text_object"),
    context("pager"),
    context("list"),
    context("agents"),
    context("approval"),
]);

const fn context(name: &'static str) -> Key {
    later(name, Map(&BINDING))
}

pub(super) const TUI: Kind = Table(&[
    later("notifications", Either(&[Switch, TEXTS])),
    later("notification_method", Choice(&["auto", "osc9", "osc777", "bel"])),
    later("notification_condition", Choice(&["unfocused", "always"])),
    later("animations", Switch),
    later("show_tooltips", Switch),
    later("alternate_screen", Choice(&["auto", "always", "never"])),
    later("theme", Text),
    later("status_line", TEXTS),
    later("status_line_use_colors", Switch),
    later("terminal_title", TEXTS),
    later("vim_mode_default", Switch),
    later("raw_output_mode", Switch),
    later("disable_paste_burst", Switch),
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
    later("keymap", KEYMAP),
    later("model_availability_nux", Map(&COUNT)),
]);

/// Top-level keys of the interface.
pub(super) static KEYS: &[Key] = &[
    later("check_for_update_on_startup", Switch),
    later("disable_paste_burst", Switch),
    later("file_opener", Choice(&["vscode", "vscode-insiders", "windsurf", "cursor", "none"])),
    later("notice", super::servers::NOTICE),
    later("thread_unload_delay_secs", COUNT),
    later("tui", TUI),
    later(
        "windows",
        Table(&[
            later("sandbox", Choice(&["elevated", "unelevated", "mxc"])),
            later("allow_mxc", Switch),
            later("sandbox_private_desktop", Switch),
        ]),
    ),
];
