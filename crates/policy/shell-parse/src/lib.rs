//! Reads shell text with a real grammar, to judge it; runs nothing.
//!
//! Input: the script of one command (or an argument vector). Output, by question:
//!
//! | function | answers |
//! | --- | --- |
//! | [`plain_commands`] | which simple commands is this script made of, if it is made of nothing else? |
//! | [`commands_inside`] | which commands can be seen anywhere in it? (only to be stricter, never to allow) |
//! | [`is_known_safe`] | does this command only read and print? |
//! | [`dangerous`], [`dangerous_argv`] | does it delete by force? |
//! | [`patch_heredoc`], [`is_bare_patch`] | is it a patch in a shell's clothes? |
//! | [`actions`] | what may be shown to the user about it? |
//!
//! Whatever is not understood for certain is opaque: [`plain_commands`] says `None`. The grammar's opinion alone is not trusted: every
//! byte of a plain script is accounted for, because the grammar skips more than a shell does (other blanks, glued continuation lines).

mod actions;
mod dangerous;
mod grammar;
mod patch;
mod plain;
mod safe;

pub use actions::actions;
pub use dangerous::{Danger, dangerous, dangerous_argv};
pub use grammar::{commands_inside, shell_script};
pub use patch::{PatchHeredoc, is_bare_patch, patch_heredoc};
pub use plain::plain_commands;
pub use safe::is_known_safe;

/// One line that a shell reads back as exactly these words; for display.
pub fn quoted(argv: &[String]) -> String {
    // Only a NUL character cannot be quoted, and no argument that can be run contains one.
    shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_else(|_| argv.join(" "))
}

/// The last component of a program's path, `/` and `\` alike.
fn base_name(program: &str) -> &str {
    program.rsplit(['/', '\\']).next().unwrap_or(program)
}

const SHELLS: [&str; 3] = ["bash", "zsh", "sh"];
