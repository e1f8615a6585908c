//! What a command costs without any agent around it: a plain spawn of the same arguments, environment and directory.
//!
//! The spawning happens in a helper process of our own that holds 40 MB, the size an agent may have: forking is dearer for a big parent,
//! and the memory must not stick to the process that measures peaks.

use super::PLAIN;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PARENT_BYTES: usize = 40 * 1024 * 1024;

/// A command as the program under test ran it.
pub struct Observed {
    pub argv: Vec<String>,
    pub dir: PathBuf,
    /// `NAME=value`, each ended by a zero byte.
    pub environment: PathBuf,
}

/// Times `count` plain spawns, with so long a rest before each.
pub fn measure(observed: &Observed, count: usize, rest: Duration) -> Result<Vec<Duration>> {
    let ourselves = std::env::current_exe().context("could not find this program")?;
    let mut command = Command::new(ourselves);
    command
        .args(["bench", PLAIN, &count.to_string(), &rest.as_millis().to_string()])
        .arg(&observed.dir)
        .arg(&observed.environment)
        .args(&observed.argv);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("could not start the helper")?;
    if !output.status.success() {
        bail!("the helper failed");
    }
    let nanos = String::from_utf8_lossy(&output.stdout);
    nanos.lines().map(|line| Ok(Duration::from_nanos(line.parse()?))).collect()
}

/// The helper's side: `COUNT REST-MS DIR ENVIRONMENT-FILE ARGV…`; prints nanoseconds, one line each.
pub fn helper(arguments: &[&str]) -> Result<()> {
    let [count, pause, dir, environment, program, rest @ ..] = arguments else {
        bail!("{PLAIN} is for the benchmark itself")
    };
    let ballast = vec![1_u8; PARENT_BYTES];
    let environment = read_environment(Path::new(environment))?;
    let pause = Duration::from_millis(pause.parse()?);
    for _ in 0..count.parse::<usize>()? {
        let mut command = Command::new(program);
        command
            .args(rest)
            .current_dir(dir)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null());
        std::thread::sleep(pause);
        let start = Instant::now();
        let output = command.output().with_context(|| format!("could not start {program}"))?;
        let took = start.elapsed();
        if !output.status.success() {
            bail!("{program} failed");
        }
        println!("{}", took.as_nanos());
    }
    std::hint::black_box(&ballast);
    Ok(())
}

fn read_environment(path: &Path) -> Result<Vec<(OsString, OsString)>> {
    let bytes = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((
            OsString::from_vec(entry[..at].to_vec()),
            OsString::from_vec(entry[at + 1..].to_vec()),
        ))
    });
    Ok(pairs.collect())
}
