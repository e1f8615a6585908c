//! Pictures for the message: a path that is pasted, or what lies on the clipboard.

use crate::Failure;
use crate::state::{Effect, State};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use codex_base::path::percent_decoded;
use codex_base::{AbsPath, os};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Names of files that may be pictures end so.
const ENDINGS: &[&str] = &[".png", ".jpg", ".jpeg", ".gif", ".webp"];
/// Bytes of a picture on the clipboard.
const PICTURE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a program may take to hand over the clipboard.
const CLIPBOARD_LIMIT: Duration = Duration::from_secs(10);

/// The path that pasted text is, if it may be one of a picture: quoted, with backslashes before blanks, or as `file://`, as terminals paste it.
pub fn path_in(text: &str) -> Option<String> {
    let text = text.trim();
    let lower = text.to_lowercase();
    let bare = lower.trim_end_matches(['\'', '"']);
    if text.contains('\n') || !ENDINGS.iter().any(|ending| bare.ends_with(ending)) {
        return None;
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return Some(inner.to_owned());
        }
    }
    if let Some(path) = text.strip_prefix("file://") {
        return percent_decoded(path);
    }
    let mut path = String::new();
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            // A path of Windows has its backslashes between names.
            '\\' => match letters.next() {
                Some(next) if next.is_alphanumeric() => path.extend(['\\', next]),
                Some(next) => path.push(next),
                None => return None,
            },
            // Several words are no path.
            ' ' => return None,
            c => path.push(c),
        }
    }
    Some(path)
}

/// Asks whether pasted text names a picture that is there.
pub fn look(state: &State, text: &str) -> Option<Effect> {
    let words = path_in(text)?;
    Some(Effect::LookAtPicture(state.look.place(state.cwd(), &words), text.to_owned()))
}

/// A program that writes the picture on the clipboard to its output.
struct Source {
    program: &'static str,
    arguments: &'static [&'static str],
    written: Written,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Plain,
    Base64,
    /// `«data PNGf...»`
    AppleHex,
}

/// Windows' clipboard, also from its Linux.
const WINDOWS: &str = "Add-Type -AssemblyName System.Windows.Forms,System.Drawing;\
    $i=[Windows.Forms.Clipboard]::GetImage();if($i){$m=New-Object IO.MemoryStream;\
    $i.Save($m,[Drawing.Imaging.ImageFormat]::Png);[Convert]::ToBase64String($m.ToArray())}";

const SOURCES: &[Source] = &[
    Source {
        program: "wl-paste",
        arguments: &["--no-newline", "--type", "image/png"],
        written: Written::Plain,
    },
    Source {
        program: "xclip",
        arguments: &["-selection", "clipboard", "-target", "image/png", "-out"],
        written: Written::Plain,
    },
    Source {
        program: "osascript",
        arguments: &["-e", "the clipboard as «class PNGf»"],
        written: Written::AppleHex,
    },
    Source {
        program: "powershell.exe",
        arguments: &["-NoProfile", "-NonInteractive", "-STA", "-Command", WINDOWS],
        written: Written::Base64,
    },
];

/// Writes the picture on the clipboard into a new file of this folder.
///
/// # Errors
/// If there is no picture, nothing here can hand it over, or it cannot be written.
pub async fn from_clipboard(folder: AbsPath, name: String) -> Result<AbsPath, Failure> {
    let mut any = false;
    for source in SOURCES {
        let mut command = Command::new(source.program);
        command
            .args(source.arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(Ok(output)) = tokio::time::timeout(CLIPBOARD_LIMIT, command.output()).await else {
            continue;
        };
        any = true;
        let picture = bytes(&output.stdout, source.written).filter(|bytes| is_picture(bytes));
        if let Some(picture) = picture {
            let file = folder.join(&name);
            let written = os::create_private_dir(&folder).and_then(|()| os::write_atomic(&file, &picture, os::Privacy::Owner));
            let failed = |error| Failure::new("tui.clipboard", format!("cannot write {file}: {error}"));
            return written.map(|()| file.clone()).map_err(failed);
        }
    }
    if any {
        Err(Failure::new("tui.clipboard", "there is no picture on the clipboard"))
    } else {
        let failure = Failure::new("tui.clipboard", "nothing here can read a picture from the clipboard");
        Err(failure.with_hint("install wl-clipboard or xclip, or paste the path of a file"))
    }
}

fn bytes(output: &[u8], written: Written) -> Option<Vec<u8>> {
    let text = || std::str::from_utf8(output).ok().map(str::trim);
    match written {
        Written::Plain => Some(output.to_vec()),
        Written::Base64 => BASE64.decode(text()?).ok(),
        Written::AppleHex => {
            let digits = text()?.strip_prefix("«data PNGf")?.strip_suffix('»')?;
            let pairs = digits.as_bytes().chunks(2);
            pairs
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect()
        }
    }
}

fn is_picture(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() <= PICTURE_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{Desk, path};
    use crate::state::Event;
    use codex_tui_kit::terminal::Input;
    use insta::assert_snapshot;

    #[test]
    fn a_path_of_a_picture_is_found_in_every_way_that_terminals_paste_it() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(path_in(text).as_deref(), expect, "{text}");

        check("/tmp/a.png", Some("/tmp/a.png"));
        check("'/tmp/my shot.PNG' ", Some("/tmp/my shot.PNG"));
        check("/tmp/my\\ shot.png", Some("/tmp/my shot.png"));
        check("file:///tmp/my%20shot.jpeg", Some("/tmp/my shot.jpeg"));
        check(r"C:\Users\me\a.webp", Some(r"C:\Users\me\a.webp"));
        check("see a.png", None);
        check("a.png\nb.png", None);
        check("/tmp/a.txt", None);
    }

    #[test]
    fn every_source_is_read_in_its_own_way() {
        let png = b"\x89PNG\r\n\x1a\nrest";
        let hex: String = png.iter().map(|byte| format!("{byte:02X}")).collect();

        assert_eq!(bytes(png, Written::Plain).unwrap(), png);
        assert_eq!(
            bytes(format!("{}\r\n", BASE64.encode(png)).as_bytes(), Written::Base64).unwrap(),
            png
        );
        assert_eq!(bytes(format!("«data PNGf{hex}»\n").as_bytes(), Written::AppleHex).unwrap(), png);
        assert_eq!(bytes("«data PNGfÄ»".as_bytes(), Written::AppleHex), None);
        assert!(is_picture(png) && !is_picture(b"text"));
    }

    #[test]
    fn a_pasted_path_becomes_a_picture_if_it_is_there_and_backspace_takes_it_away() {
        for (columns, rows) in [(80, 24), (120, 40)] {
            let mut desk = Desk::sized(columns, rows);
            desk.skip();
            desk.happens(Event::Input(Input::Paste("~/shot.png".to_owned())));
            assert!(
                matches!(&desk.effects[..], [Effect::LookAtPicture(file, text)] if *file == path("/home/u/shot.png") && text == "~/shot.png")
            );
            desk.happens(Event::PictureSeen(path("/home/u/shot.png"), "~/shot.png".into(), true));
            desk.happens(Event::PictureSeen(path("/home/u/none.png"), "none.png".into(), false));
            if columns == 80 {
                assert_snapshot!(desk.screen(), @r"
                › none.png
                  [Image #1] /home/u/shot.png
                  small · ~/work
                ");
            } else {
                assert_snapshot!(desk.screen(), @r"
                › none.png
                  [Image #1] /home/u/shot.png
                  small · ~/work
                ");
            }
            desk.press("ctrl-u");
            desk.press("backspace");
            assert!(desk.state.images.is_empty());
        }
    }

    #[test]
    fn ctrl_v_asks_for_the_clipboard() {
        let mut desk = Desk::with(80, 24, |options| options.preferences.scratch = Some(path("/home/u/.codex/tmp")));
        desk.press("ctrl-v");
        assert!(matches!(&desk.effects[..], [Effect::ReadClipboard(folder)] if *folder == path("/home/u/.codex/tmp")));
        desk.happens(Event::ClipboardRead(Ok(path("/home/u/.codex/tmp/picture-1.png"))));
        desk.type_text("what is this?");
        desk.press("enter");
        let asked = desk.asked_one().0;
        assert!(
            asked.contains(r#"{"type":"localImage","path":"/home/u/.codex/tmp/picture-1.png"}"#),
            "{asked}"
        );
    }
}
