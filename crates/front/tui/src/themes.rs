//! Every theme that can be named: those that come with codex, and those of the user's folder, which win.

use codex_base::{AbsPath, os};
use codex_tui_kit::theme::{BUILT_IN, Background, Theme, ThemeSpec};
use std::io::{self, Read};

/// Files of the folder that are looked at, and bytes of each.
const FILES_MAX: usize = 100;
const FILE_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Themes {
    /// By name.
    own: Vec<(String, Result<ThemeSpec, String>)>,
}

impl Themes {
    /// Reads `NAME.toml` of a folder; no folder, no themes. A file that cannot be used is listed with its fault.
    pub fn read(folder: &AbsPath) -> Self {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<(String, AbsPath)> = entries
            .filter_map(|entry| {
                let file = entry.file_name().into_string().ok()?;
                let name = file.strip_suffix(".toml").filter(|name| !name.is_empty())?;
                Some((name.to_owned(), folder.join(&file)))
            })
            .take(FILES_MAX)
            .collect();
        files.sort();
        let own = files.into_iter().map(|(name, file)| {
            let spec = text(&file)
                .map_err(|error| format!("cannot read {file}: {error}"))
                .and_then(|text| ThemeSpec::parse(&name, &text).map_err(|error| with_cause(&error)));
            (name, spec)
        });
        Self { own: own.collect() }
    }

    /// Names, and for which terminals or what is wrong; the user's first.
    pub fn list(&self) -> Vec<(String, String)> {
        let own = self.own.iter().map(|(name, spec)| {
            let about = match spec {
                Ok(spec) => format!("{}, from your folder", ground(spec)),
                Err(fault) => fault.clone(),
            };
            (name.clone(), about)
        });
        let built_in = BUILT_IN.iter().filter(|(name, _)| !self.own.iter().any(|(own, _)| own == name));
        let built_in = built_in.map(|(name, _)| {
            let about = ThemeSpec::built_in(name).map(|spec| ground(&spec)).unwrap_or_default();
            ((*name).to_owned(), about.to_owned())
        });
        own.chain(built_in).collect()
    }

    /// The theme of this name, with depth, signs and motion of another one.
    ///
    /// # Errors
    /// What is wrong, for people, if there is none or its file cannot be used.
    pub fn named(&self, name: &str, like: &Theme) -> Result<Theme, String> {
        let spec = match self.own.iter().find(|(own, _)| own == name) {
            Some((_, spec)) => spec.clone()?,
            None => ThemeSpec::built_in(name).ok_or_else(|| self.unknown(name))?,
        };
        let mut theme = Theme::new(&spec, like.depth);
        theme.glyphs = like.glyphs;
        theme.motion = like.motion;
        Ok(theme)
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<String> = self.list().into_iter().map(|(name, _)| name).collect();
        match codex_base::nearest(name, names.iter().map(String::as_str)) {
            Some(nearest) => format!("there is no theme {name:?}; did you mean {nearest:?}?"),
            None => format!("there is no theme {name:?}; there are {}", names.join(", ")),
        }
    }
}

const fn ground(spec: &ThemeSpec) -> &'static str {
    match spec.background {
        Background::Dark => "for dark terminals",
        Background::Light => "for light terminals",
    }
}

fn text(file: &AbsPath) -> io::Result<String> {
    let mut text = String::new();
    os::open_regular(file)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// In one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_tui_kit::theme::{ColorDepth, Role};

    #[test]
    fn a_file_of_the_folder_is_a_theme_and_a_broken_one_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("mine.toml", "background = \"light\"\n[roles]\nheading = { fg = \"#ff0000\" }\n");
        write("dark.toml", "background = \"dark\"\n");
        write("broken.toml", "background = \"dark\"\n[roles]\nheading = { fg = \"reddish\" }\n");
        write("notes.txt", "");
        let themes = Themes::read(&AbsPath::new(folder.path()).unwrap());
        let like = Theme::default_for(Background::Dark, ColorDepth::TrueColor);

        let listed: Vec<String> = themes
            .list()
            .iter()
            .take(4)
            .map(|(name, about)| format!("{name}: {about}"))
            .collect();
        insta::assert_snapshot!(listed.join("\n"), @r##"
        broken: theme "broken": "reddish" in role Heading is no colour (a name of [palette], "#rrggbb", 0-255, or a name such as "bright-red")
        dark: for dark terminals, from your folder
        mine: for light terminals, from your folder
        light: for light terminals
        "##);
        let red = themes.named("mine", &like).unwrap().style(Role::Heading).fg;
        assert_eq!(red, Some(ratatui::style::Color::Rgb(255, 0, 0)));
        assert_ne!(themes.named("dark", &like).unwrap(), like);
        assert!(themes.named("broken", &like).unwrap_err().contains("reddish"));
        insta::assert_snapshot!(themes.named("noord", &like).unwrap_err(), @r#"there is no theme "noord"; did you mean "nord"?"#);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_folder_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.toml");
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());

        let themes = Themes::read(&AbsPath::new(folder.path()).unwrap());

        assert!(themes.list()[0].1.ends_with("pipe.toml: not a regular file"));
    }
}
