//! Patches that a model wrote as a shell command.

use crate::plain::plain_commands;

/// `[cd DIR &&] apply_patch <<'EOF' ... EOF`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchHeredoc {
    /// The folder that the patch's paths count from, as written.
    pub cd: Option<String>,
    /// The document without its delimiters, with its last newline. Nothing in it is expanded, quoted delimiter or not.
    pub patch: String,
}

const PROGRAMS: [&str; 2] = ["apply_patch", "applypatch"];

/// The patch, if the script is exactly one here-document for `apply_patch`, optionally behind `cd DIR &&`.
///
/// Anything more or else is an ordinary command: a further command or redirection, a `<<-`, a missing end.
pub fn patch_heredoc(script: &str) -> Option<PatchHeredoc> {
    let (command, document) = script.trim_start().split_once('\n')?;
    let (call, delimiter) = command.rsplit_once("<<")?;
    let delimiter = delimiter_name(delimiter.trim_matches([' ', '\t']))?;
    let cd = cd_before(call.trim_end_matches([' ', '\t']))?;
    let patch = until_line(document, delimiter)?;
    Some(PatchHeredoc {
        cd,
        patch: patch.to_owned(),
    })
}

/// Whether the script is a patch without any command: the model forgot to call the tool.
pub fn is_bare_patch(script: &str) -> bool {
    script
        .trim_start()
        .lines()
        .next()
        .is_some_and(|first| first.trim_end() == "*** Begin Patch")
}

/// `EOF`, `'EOF'` or `"EOF"`.
fn delimiter_name(text: &str) -> Option<&str> {
    let unquoted = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let name = unquoted('\'').or_else(|| unquoted('"')).unwrap_or(text);
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

/// `Some(None)`: the call stands alone; `Some(Some(dir))`: behind `cd dir &&`; `None`: it is no such call.
fn cd_before(call: &str) -> Option<Option<String>> {
    let before = PROGRAMS.iter().find_map(|program| call.strip_suffix(program))?;
    if before.is_empty() {
        return Some(None);
    }
    let cd = before.trim_end_matches([' ', '\t']).strip_suffix("&&")?;
    match plain_commands(cd)?.as_slice() {
        [argv] if argv.len() == 2 && argv[0] == "cd" && !argv[1].starts_with('-') && !argv[1].is_empty() => Some(Some(argv[1].clone())),
        _ => None,
    }
}

/// The lines before the one that is `delimiter`, if only blanks follow it.
fn until_line<'a>(document: &'a str, delimiter: &str) -> Option<&'a str> {
    let mut start = 0;
    for line in document.split_inclusive('\n') {
        if line.strip_suffix('\n').unwrap_or(line) == delimiter {
            return document[start + line.len()..].trim().is_empty().then_some(&document[..start]);
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "*** Begin Patch\n*** Delete File: $x\n*** End Patch\n";

    #[test]
    fn exact_forms_are_taken_apart() {
        let check = |script: &str, cd: Option<&str>| {
            let expect = PatchHeredoc {
                cd: cd.map(str::to_owned),
                patch: BODY.to_owned(),
            };
            assert_eq!(patch_heredoc(script), Some(expect), "{script}");
        };

        check(&format!("apply_patch <<'EOF'\n{BODY}EOF"), None);
        check(&format!("apply_patch <<'EOF'\n{BODY}EOF\n\n"), None);
        check(&format!("\napply_patch <<EOF\n{BODY}EOF\n"), None);
        check(&format!("applypatch << \"PATCH_1\"\n{BODY}PATCH_1\n"), None);
        check(&format!("cd sub && apply_patch <<'EOF'\n{BODY}EOF"), Some("sub"));
        check(&format!("cd 'a && b' && apply_patch<<'EOF'\n{BODY}EOF"), Some("a && b"));
    }

    #[test]
    fn anything_more_is_an_ordinary_command() {
        let scripts = [
            format!("apply_patch <<'EOF'\n{BODY}EOF\necho done"),
            format!("apply_patch <<'EOF' > log\n{BODY}EOF\n"),
            format!("apply_patch <<'EOF' && ls\n{BODY}EOF\n"),
            format!("apply_patch <<-'EOF'\n{BODY}EOF\n"),
            format!("apply_patch <<'EOF\n{BODY}EOF\n"),
            format!("apply_patch <<'EOF'\n{BODY}"),
            format!("apply_patch x <<'EOF'\n{BODY}EOF\n"),
            format!("my_apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("./apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("cd a; apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("cd a b && apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("cd $X && apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("cd - && apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("ls && apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("cd a && ls && apply_patch <<'EOF'\n{BODY}EOF\n"),
            format!("apply_patch '{BODY}'"),
            "apply_patch".to_owned(),
            String::new(),
        ];
        for script in scripts {
            assert_eq!(patch_heredoc(&script), None, "{script}");
        }
    }

    #[test]
    fn a_patch_without_a_command_is_recognised() {
        assert!(is_bare_patch(BODY));
        assert!(is_bare_patch("\n  *** Begin Patch  \nx"));
        assert!(!is_bare_patch("echo '*** Begin Patch'"));
        assert!(!is_bare_patch("*** Begin Patching"));
        assert!(!is_bare_patch(""));
    }
}
