//! Somebody at a terminal who runs one of the programs, types, and looks at the clock.

use super::BETWEEN_KEYS;
use super::usage::Usage;
use crate::bench::Program;
use crate::bench::measures::millis;
use anyhow::{Context, Result, bail};
use codex_testkit::{MockModel, Pty, Screen, TempHome};
use std::time::{Duration, Instant};

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;
/// What takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);
/// A terminal that got nothing for so long has got everything.
const QUIET: Duration = Duration::from_millis(500);
/// Keys typed during one load at most.
const KEYS_MAX: usize = 400;

pub struct Desk {
    pty: Pty,
    /// Letters in the field.
    typed: String,
}

/// A home whose model is the mock and whose workspace may be worked in without a question.
pub fn home(mock: &MockModel) -> Result<TempHome> {
    let home = TempHome::new();
    write_config(&home, &mock.base_url())?;
    Ok(home)
}

pub fn write_config(home: &TempHome, base_url: &str) -> Result<()> {
    let workspace = home.workspace().to_str().context("a temporary folder has a plain name")?;
    let trust = format!("[projects.{workspace:?}]\ntrust_level = \"trusted\"\n");
    // A name that no program has an offer for: the reference asks about a newer model before anything else.
    let config = codex_testkit::home::provider_config(base_url, "").replace("gpt-5.5", "a-model");
    home.write_config(&(config + &trust));
    Ok(())
}

impl Desk {
    /// Starts the program and waits for the field; says how long that took.
    pub fn sit_down(program: &Program, home: &TempHome, arguments: &[&str]) -> Result<(Self, Duration)> {
        let mut command = home.command(&program.path);
        command
            .env("TERM", "xterm-256color")
            .args(["--no-daemon", "--no-alt-screen", "-a", "never", "-s", "danger-full-access"])
            .args(arguments);
        let begin = Instant::now();
        let pty = Pty::start(command, COLUMNS, ROWS).with_context(|| format!("could not start {}", program.path.display()))?;
        let shown = pty.wait_until("a field to type into", LIMIT, |screen| field(screen).is_some())?;
        let desk = Self { pty, typed: String::new() };
        Ok((desk, shown.duration_since(begin)))
    }

    /// When this was shown.
    pub fn wait_for(&self, text: &str) -> Result<Instant> {
        Ok(self.pty.wait_until(text, LIMIT, |screen| screen.text().contains(text))?)
    }

    /// Waits until no turn runs.
    pub fn wait_until_idle(&self) -> Result<()> {
        self.pty.wait_until("the end of the turn", LIMIT, |screen| !busy(screen))?;
        Ok(())
    }

    /// Waits until one runs.
    pub fn wait_until_busy(&self) -> Result<()> {
        self.pty.wait_until("a turn that runs", LIMIT, busy)?;
        Ok(())
    }

    pub fn settle(&self) {
        self.pty.settle(QUIET);
    }

    pub fn usage(&self) -> Result<Usage> {
        Usage::of_session(self.pty.pid())
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.pty.bytes_total()
    }

    /// Types so many letters; how long each took to appear, in milliseconds.
    pub fn time_keys(&mut self, count: usize) -> Result<Vec<f64>> {
        let times = (0..count).map(|_| self.time_key()).collect::<Result<_>>()?;
        self.clear_field()?;
        Ok(times)
    }

    /// The same until the turn is over, at least once.
    pub fn time_keys_while_busy(&mut self) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        let deadline = Instant::now() + LIMIT;
        while self.pty.with_screen(busy) && times.len() < KEYS_MAX {
            times.push(self.time_key()?);
            if Instant::now() > deadline {
                bail!("the turn did not end in {LIMIT:?}");
            }
        }
        if times.is_empty() {
            bail!("no turn is shown to run; its screen:\n{}", self.pty.text());
        }
        self.wait_until_idle()?;
        self.clear_field()?;
        Ok(times)
    }

    fn time_key(&mut self) -> Result<f64> {
        if self.typed.len() >= usize::from(COLUMNS) / 2 {
            self.clear_field()?;
        }
        std::thread::sleep(BETWEEN_KEYS);
        let letter = char::from(b'a' + u8::try_from(self.typed.len() % 26).unwrap_or(0));
        self.typed.push(letter);
        let pressed = Instant::now();
        self.pty.type_bytes(letter.to_string().as_bytes())?;
        let shown = self.wait_for_field(&self.typed)?;
        Ok(millis(shown.saturating_duration_since(pressed)))
    }

    /// Types these letters. How long it took until this was on the screen, from the first of them and from the last, in milliseconds; a
    /// list that does not wait for the last one took no time from there.
    pub fn time_list(&mut self, letters: &str, shown: &str) -> Result<(f64, f64)> {
        let mut seen = None;
        let mut pressed = Vec::new();
        for letter in letters.chars() {
            self.typed.push(letter);
            pressed.push(Instant::now());
            self.pty.type_bytes(letter.to_string().as_bytes())?;
            let next_key = Instant::now() + BETWEEN_KEYS;
            if seen.is_none() {
                seen = self
                    .pty
                    .wait_until(shown, BETWEEN_KEYS, |screen| screen.text().contains(shown))
                    .ok();
            }
            std::thread::sleep(next_key.saturating_duration_since(Instant::now()));
        }
        let seen = match seen {
            Some(seen) => seen,
            None => self.wait_for(shown)?,
        };
        let since = |pressed: Option<&Instant>| pressed.map_or(0.0, |pressed| millis(seen.saturating_duration_since(*pressed)));
        Ok((since(pressed.first()), since(pressed.last())))
    }

    pub fn clear_field(&mut self) -> Result<()> {
        let typed = std::mem::take(&mut self.typed);
        std::thread::sleep(BETWEEN_KEYS);
        // Ctrl-U, in both programs.
        self.pty.type_bytes(b"\x15")?;
        self.pty.wait_until("an empty field", LIMIT, |screen| {
            typed.is_empty() || field(screen).is_some_and(|field| !field.contains(&typed))
        })?;
        Ok(())
    }

    fn wait_for_field(&self, typed: &str) -> Result<Instant> {
        let shown = |screen: &Screen| field(screen).is_some_and(|field| field.ends_with(typed));
        Ok(self.pty.wait_until(&format!("{typed:?} in the field"), LIMIT, shown)?)
    }

    /// Ends the turn.
    pub fn interrupt(&mut self) -> Result<()> {
        self.pty.type_bytes(b"\x1b")?;
        self.wait_until_idle()
    }

    /// Leaves, as somebody would.
    pub fn leave(self) -> Result<()> {
        self.settle();
        self.pty.type_bytes(b"\x04")?;
        match self.pty.ended(LIMIT) {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the program ended with {status}; its screen:\n{}", self.pty.text()),
            None => bail!("the program did not leave; its screen:\n{}", self.pty.text()),
        }
    }
}

/// What stands in the field: the lowest row with its sign.
fn field(screen: &Screen) -> Option<String> {
    let text = screen.text();
    let row = text.lines().rev().find_map(|row| row.trim_start().strip_prefix('›'))?;
    Some(row.trim().to_owned())
}

/// Both programs say how a running turn is interrupted.
fn busy(screen: &Screen) -> bool {
    let says_how = |row: &str| row.contains("esc") && row.contains("interrupt");
    screen.text().to_lowercase().lines().any(says_how)
}
