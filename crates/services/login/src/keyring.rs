//! The system's own store of secrets, through the program that the system has for it: `secret-tool` (libsecret) asks the Secret Service of the
//! desktop, `security` the keychain of macOS. No secret ever stands on a command line.
//!
//! What lies there is the text of `auth.json`, under the names that other versions of this program use (seen in the store: 0.130 and 0.169).

use crate::LoginError;
use codex_base::{AbsPath, Secret};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SERVICE: &str = "Codex Auth";

/// Time for the user to unlock a store that is locked.
const LIMIT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(2);

/// `security` when there is no such entry (errSecItemNotFound, as an exit code).
const NOT_FOUND: i32 = 44;

/// The entry that belongs to one home.
pub struct Keyring {
    tool: Tool,
    account: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    SecretTool,
    Security,
}

impl Keyring {
    /// # Errors
    /// On systems whose store we cannot ask.
    pub fn of(home: &AbsPath) -> Result<Self, LoginError> {
        let tool = match std::env::consts::OS {
            "macos" => Tool::Security,
            "windows" => return Err(unusable("the credential store of Windows is not in this build")),
            _ => Tool::SecretTool,
        };
        Ok(Self {
            tool,
            account: account(home),
        })
    }

    /// The text that is stored, if any. Blocks; the system may ask the user to unlock the store.
    ///
    /// # Errors
    /// If the store cannot be asked.
    pub fn read(&self) -> Result<Option<Secret>, LoginError> {
        let output = match self.tool {
            Tool::SecretTool => self.run("lookup", &self.attributes(), ""),
            Tool::Security => self.run("find-generic-password", &["-s", SERVICE, "-a", &self.account, "-w"], ""),
        }?;
        let said = String::from_utf8_lossy(&output.stderr);
        let none = match self.tool {
            // It says nothing when there is nothing, and exits as for every trouble.
            Tool::SecretTool => !output.status.success() && said.trim().is_empty(),
            Tool::Security => output.status.code() == Some(NOT_FOUND),
        };
        match (output.status.success(), none, String::from_utf8(output.stdout)) {
            (true, _, Ok(text)) if text.trim().is_empty() => Ok(None),
            (true, _, Ok(text)) => Ok(Some(Secret::new(text.trim().to_owned()))),
            (false, true, _) => Ok(None),
            (true, _, Err(_)) => Err(unusable("what it holds is no text")),
            (false, false, _) => Err(self.failed(&said)),
        }
    }

    /// # Errors
    /// If it cannot be stored; what was there is then as it was.
    pub fn write(&self, text: &Secret) -> Result<(), LoginError> {
        let output = match self.tool {
            Tool::SecretTool => {
                let label = format!("--label={}@{SERVICE}", self.account);
                let mut arguments = vec![label.as_str()];
                arguments.extend(self.attributes());
                self.run("store", &arguments, text.expose())
            }
            // It reads commands, so that the secret is in none that others can see.
            Tool::Security => {
                let (account, text) = (&self.account, codex_base::hex(text.expose().as_bytes()));
                self.run(
                    "-i",
                    &[],
                    &format!("add-generic-password -U -s \"{SERVICE}\" -a \"{account}\" -X {text}\n"),
                )
            }
        }?;
        let said = String::from_utf8_lossy(&output.stderr);
        // The one that reads commands exits with success whatever became of them.
        match output.status.success() && (self.tool == Tool::SecretTool || said.trim().is_empty()) {
            true => Ok(()),
            false => Err(self.failed(&said)),
        }
    }

    /// Whether there was something to remove.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> Result<bool, LoginError> {
        if self.read()?.is_none() {
            return Ok(false);
        }
        let output = match self.tool {
            Tool::SecretTool => self.run("clear", &self.attributes(), ""),
            Tool::Security => self.run("delete-generic-password", &["-s", SERVICE, "-a", &self.account], ""),
        }?;
        match output.status.success() {
            true => Ok(true),
            false => Err(self.failed(&String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// With these an entry is found, whichever version stored it.
    fn attributes(&self) -> [&str; 8] {
        [
            "service",
            SERVICE,
            "username",
            &self.account,
            "target",
            "default",
            "application",
            "rust-keyring",
        ]
    }

    const fn program(&self) -> &'static str {
        match self.tool {
            Tool::SecretTool => "secret-tool",
            Tool::Security => "/usr/bin/security",
        }
    }

    fn run(&self, action: &str, arguments: &[&str], input: &str) -> Result<Output, LoginError> {
        let mut command = Command::new(self.program());
        command.arg(action).args(arguments);
        run(command, input).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unusable(&format!("there is no program `{}` to ask it with", self.program())),
            io::ErrorKind::TimedOut => unusable(&format!("`{}` did not answer within {} s", self.program(), LIMIT.as_secs())),
            _ => unusable(&format!("cannot run `{}`: {error}", self.program())),
        })
    }

    fn failed(&self, said: &str) -> LoginError {
        let said = said.trim().lines().next().unwrap_or("no reason given");
        let said = said.strip_prefix("secret-tool: ").unwrap_or(said);
        unusable(&format!("`{}` says: {said}", self.program()))
    }
}

fn unusable(problem: &str) -> LoginError {
    LoginError::Keyring {
        problem: problem.to_owned(),
    }
}

/// The name of a home's entry.
fn account(home: &AbsPath) -> String {
    let home = home.canonicalize().unwrap_or_else(|_| home.to_path_buf());
    let digest = codex_base::hex(&Sha256::digest(home.to_string_lossy().as_bytes()));
    format!("cli|{}", digest.get(..16).unwrap_or_default())
}

/// Runs to the end with `input`. What it says fits into a pipe, or it is not what we ask for.
fn run(mut command: Command, input: &str) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It has ended, and its status says why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(STEP);
    };
    let mut output = Output {
        status,
        stdout: Vec::new(),
        stderr: Vec::new(),
    };
    if let (Some(stdout), Some(stderr)) = (&mut child.stdout, &mut child.stderr) {
        stdout.read_to_end(&mut output.stdout)?;
        stderr.read_to_end(&mut output.stderr)?;
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_a_home_has_the_name_that_other_versions_use() {
        let home = AbsPath::new("/home/ada/.codex").unwrap();
        assert_eq!(account(&home), "cli|09225bfea46805b1");
    }
}
