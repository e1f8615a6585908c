//! How big the program is that people download.

use crate::cargo::{cargo, step, target_dir};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// The limit of ARCHITECTURE.md, section 11.
const BYTES_MAX: u64 = 30 * 1000 * 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    Fresh,
    AsItIs,
}

pub fn command(build: Build) -> Result<()> {
    if build == Build::Fresh {
        build_release()?;
    }
    let path = release_binary();
    let bytes = path.metadata().with_context(|| format!("no program at {}", path.display()))?.len();
    println!(
        "{} is {:.1} MB; the limit is {} MB",
        path.display(),
        megabytes(bytes),
        BYTES_MAX / 1_000_000
    );
    if bytes > BYTES_MAX {
        bail!("the release program is too big");
    }
    Ok(())
}

pub fn build_release() -> Result<()> {
    step("release build", cargo().args(["build", "--quiet", "--release", "-p", "codex-cli"]))
}

pub fn release_binary() -> PathBuf {
    target_dir().join("release").join(format!("codex{}", std::env::consts::EXE_SUFFIX))
}

#[expect(clippy::cast_precision_loss, reason = "file sizes are far below 2^52")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
