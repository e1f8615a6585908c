//! The examples of README.md and docs/ do what they say.
//!
//! The blocks of one page run in order, in one home and one repository, with a model that answers `Done.` or what a comment in front of
//! the block scripts. `CONTRIBUTING.md` says how a page marks its blocks; [`codex_testkit::examples`] reads them.

use crate::support::{Lab, PATIENCE, Ran};
use codex_base::AbsPath;
use codex_config::{Overrides, ProcessEnv};
use codex_testkit::examples::{Example, Kind, examples};
use codex_testkit::{Answer, MockModel};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap()
}

/// README.md, CONTRIBUTING.md and every page directly below docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    pages.sort();
    pages
}

#[test]
fn every_example_does_what_it_says() {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let pages = pages().into_iter().map(|path| {
            scope.spawn(move || {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                let wrong = check_page(&fs::read_to_string(&path).unwrap());
                wrong.into_iter().map(move |why| format!("{name}:{why}")).collect::<Vec<_>>()
            })
        });
        let running: Vec<_> = pages.collect();
        running.into_iter().flat_map(|page| page.join().unwrap()).collect()
    });

    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is wrong with a page, each with its line.
fn check_page(markdown: &str) -> Vec<String> {
    let examples = match examples(markdown) {
        Ok(examples) => examples,
        Err(wrong) => return wrong,
    };
    let mut reader = Reader::default();
    let checked = examples
        .iter()
        .map(|example| reader.check(example).map_err(|why| format!("{}: {why}", example.line)));
    checked.filter_map(Result::err).collect()
}

/// Somebody who does what a page says, from its first block to its last.
#[derive(Default)]
struct Reader {
    /// Made for the first block that runs something.
    place: Option<(Lab, MockModel)>,
}

impl Reader {
    fn check(&mut self, example: &Example) -> Result<(), String> {
        let text = &example.text;
        match example.kind {
            Kind::Reading => Ok(()),
            Kind::Shell { exit } => self.with_model(example.model.as_deref(), |reader| {
                let ran = reader.shell(text);
                if ran.end() == Ok(exit) {
                    Ok(())
                } else {
                    Err(format!("wanted exit code {exit}, got {}", ran.all()))
                }
            }),
            Kind::Console => self.with_model(example.model.as_deref(), |reader| reader.console(text)),
            Kind::Config => loads(text, None),
            Kind::ProjectConfig => loads("", Some(text)),
            Kind::Toml => toml::from_str::<toml::Table>(text).map(drop).map_err(|error| error.to_string()),
            Kind::Json => is_json(text),
            Kind::JsonLines => text.lines().filter(|line| !line.is_empty()).try_for_each(is_json),
            Kind::Script => {
                let script = codex_model::scripted::script::Script::parse("example", text);
                script.map(drop).map_err(|error| error.to_string())
            }
        }
    }

    fn place(&mut self) -> &(Lab, MockModel) {
        self.place.get_or_insert_with(|| {
            let mock = MockModel::start_with(|_, _| Answer::message("Done."));
            let lab = Lab::with_model(&mock);
            fs::create_dir_all(lab.home.workspace().join("your/repository")).unwrap();
            std::os::unix::fs::symlink(lab.home.codex_home(), lab.home.home().join(".codex")).unwrap();
            (lab, mock)
        })
    }

    /// With the words of the model from this script, where there is one.
    fn with_model(&mut self, script: Option<&str>, run: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        let Some(script) = script else { return run(self) };
        let (lab, _) = self.place();
        let (config, file) = (lab.home.codex_home().join("config.toml"), lab.root().join("script.jsonl"));
        let before = fs::read_to_string(&config).unwrap();
        fs::write(&file, script).unwrap();
        lab.home.write_config(&format!(
            "model_provider = \"scripted\"\n[model_providers.scripted]\nscript = \"{}\"\n",
            file.display()
        ));
        let done = run(self);
        fs::write(config, before).unwrap();
        done
    }

    fn shell(&mut self, text: &str) -> Ran {
        let (lab, _) = self.place();
        let path = std::env::var("PATH").unwrap();
        let (marker, word) = lab.marker.env();
        let mut command: Command = lab.home.command("sh");
        command
            .args(["-eu", "-c", text])
            .env(marker, word)
            .env("SHELL", "/bin/sh")
            .env("PATH", format!("{}:{path}", lab.root().display()));
        let ran = lab.start(command).ended(PATIENCE);
        lab.assert_none_left(Duration::from_secs(1));
        ran
    }

    /// Each `$ ` line with the lines below it.
    fn console(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text.lines().peekable();
        while let Some(line) = rest.next() {
            let command = line.strip_prefix("$ ").ok_or_else(|| format!("`{line}` follows no command"))?;
            let mut expected = Vec::new();
            while let Some(line) = rest.next_if(|line| !line.starts_with("$ ")) {
                expected.push(line);
            }
            let ran = self.shell(&format!("{{\n{command}\n}} 2>&1"));
            let printed: Vec<&str> = ran.stdout.trim_end().lines().map(str::trim_end).collect();
            if !fits(&expected, &printed) {
                return Err(format!("`{command}` printed\n{}", ran.stdout));
            }
        }
        Ok(())
    }
}

/// Line by line; `…` stands for anything within a line, and a line of just `…` for any number of lines.
fn fits(expected: &[&str], printed: &[&str]) -> bool {
    match expected {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..])),
        [first, rest @ ..] => printed
            .split_first()
            .is_some_and(|(line, more)| line_fits(first, line) && fits(rest, more)),
    }
}

fn line_fits(expected: &str, printed: &str) -> bool {
    match expected.split_once('…') {
        None => expected == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            let mut tails = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            tails.any(|at| line_fits(after, &rest[at..]))
        }),
    }
}

/// As the configuration of a user, or of a project that the user trusts. Unknown keys are errors.
fn loads(user: &str, project: Option<&str>) -> Result<(), String> {
    let lab = Lab::new();
    lab.home.make_repository(&[("README.md", "A test.\n")]);
    let cwd = AbsPath::new(lab.home.workspace()).unwrap();
    let mut user = user.to_owned();
    if let Some(project) = project {
        lab.home.write(".codex/config.toml", project);
        user += &format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", cwd.display());
    }
    lab.home.write_config(&user);
    let env = ProcessEnv::new(lab.home.env(), cwd.clone(), None, "UTC".to_owned()).unwrap();
    let strict = Overrides {
        strict: true,
        ..Overrides::default()
    };
    let resolved = codex_config::resolve(&env, &cwd, &strict).map_err(|error| error.to_string())?;
    if resolved.warnings.is_empty() {
        Ok(())
    } else {
        Err(format!("{:?}", resolved.warnings))
    }
}

/// `[…]`, `{…}` and `"…"` are an empty list, an empty object and a text.
fn is_json(text: &str) -> Result<(), String> {
    let whole = text.replace("[…]", "[]").replace("{…}", "{}");
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(&whole);
    parsed.map(drop).map_err(|error| format!("{error} in {text}"))
}

/// The control: a page whose examples are wrong in every way is found out.
#[test]
fn an_example_that_does_not_do_what_it_says_is_found() {
    let page = "\
```sh
codex exec --nope
```
```sh exit=1
codex --version
```
<!-- model
{\"items\": [{\"message\": \"Scripted words.\"}]}
-->
```console
$ codex exec --ephemeral hello 2>/dev/null
Scripted words.
$ codex exec --ephemeral hello 2>/dev/null
Scripted …
$ codex --version
codex-cli 0.0.1
```
```toml
no_such_key = 1
```
```toml project
model_provider = \"mine\"
```
```toml other
a =
```
```json
{\"a\": […], }
```
```jsonl script
{\"itms\": []}
```
```console
$ codex exec --ephemeral hello 2>/dev/null
Done.
$ codex exec --ephemeral hello 2>&1 >/dev/null | tail -n 3
…
tokens used
…
```
";

    let wrong = check_page(page);

    let lines: Vec<&str> = wrong.iter().map(|text| text.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "4", "10", "18", "21", "24", "27", "30"], "{wrong:#?}");
}
