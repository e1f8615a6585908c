//! Type-checks the whole workspace, tests included, for a system that this machine is not.
//!
//! With the target's standard library at hand (a toolchain of rustup's may have it) the ordinary compiler does it. Without, a second
//! compiler from Debian packages does: these come with the library's source, of exactly their own version, and cargo builds it for the
//! target. C code of dependencies is compiled too: by mingw for Windows, by `zig cc` for macOS, whose frameworks are not needed, since
//! nothing is linked. What is missing is installed: packages by root, Python programs into `target/cross`.
//!
//! Nothing that this builds runs anywhere. Everything lies below `target/cross` and may be deleted.

use crate::cargo::{self, step, target_dir};
use crate::tidy::licences;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Windows,
    Macos,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "windows" => Ok(Self::Windows),
            "macos" => Ok(Self::Macos),
            other => bail!("unknown target {other:?}: windows or macos"),
        }
    }
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Macos => "macos",
        }
    }

    const fn triple(self) -> &'static str {
        match self {
            Self::Windows => "x86_64-pc-windows-gnu",
            Self::Macos => "aarch64-apple-darwin",
        }
    }
}

/// Checks these packages, or all if none are named.
pub fn check(target: Target, packages: &[&str]) -> Result<()> {
    let folder = target_dir().join("cross");
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let compiler = Compiler::find(target)?;
    let mut command = match target {
        Target::Windows => {
            need_packages(&["gcc-mingw-w64-x86-64", "g++-mingw-w64-x86-64"])?;
            Command::new(&compiler.cargo)
        }
        Target::Macos => zig_cargo(&folder)?,
    };
    compiler.prepare(&mut command);
    command.args(["check", "--quiet", "--locked", "--all-targets", "--target", target.triple()]);
    command.env("CARGO_TARGET_DIR", folder.join(target.name()));
    if packages.is_empty() {
        command.arg("--workspace");
    }
    command.args(packages.iter().flat_map(|package| ["-p", package]));
    step(&format!("cargo check for {}", target.triple()), &mut command)?;
    licences(target)
}

/// Of the dependencies that only this target has; their sources are here now.
fn licences(target: Target) -> Result<()> {
    let findings = licences::check_for(target.triple())?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        Ok(())
    } else {
        bail!("{} licences are not on the list", findings.len())
    }
}

/// A compiler, a cargo, and a standard library for the target, made or to be made.
struct Compiler {
    cargo: PathBuf,
    /// Of a second toolchain, which brings the library's source.
    second: Option<SecondToolchain>,
}

struct SecondToolchain {
    rustc: PathBuf,
    rustdoc: PathBuf,
}

impl Compiler {
    fn find(target: Target) -> Result<Self> {
        if has_standard_library(target) {
            let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
            return Ok(Self { cargo, second: None });
        }
        need_packages(&["rustc-web", "cargo-web", "rust-web-src"]).with_context(|| {
            format!(
                "there is no standard library for {0}: `rustup target add {0}` brings it, Debian packages can build it",
                target.triple()
            )
        })?;
        let second = SecondToolchain {
            rustc: file_of("rustc-web", "/bin/rustc")?,
            rustdoc: file_of("rustc-web", "/bin/rustdoc")?,
        };
        second.same_version_as_source()?;
        Ok(Self {
            cargo: file_of("cargo-web", "/bin/cargo")?,
            second: Some(second),
        })
    }

    /// Nothing of the toolchain that started us may reach the one that checks.
    fn prepare(&self, command: &mut Command) {
        command.current_dir(cargo::root());
        for variable in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            command.env_remove(variable);
        }
        let Some(second) = &self.second else { return };
        for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "LD_LIBRARY_PATH"] {
            command.env_remove(variable);
        }
        command
            .env("RUSTC", &second.rustc)
            .env("RUSTDOC", &second.rustdoc)
            .env("PATH", path_behind(self.cargo.parent()))
            // Building the library is a matter of nightly compilers; this one is told to be one.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort,panic_unwind,test");
    }
}

impl SecondToolchain {
    /// Library source of another version does not build.
    fn same_version_as_source(&self) -> Result<()> {
        let text = output(Command::new(&self.rustc).arg("-vV"))?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("release: "))
            .context("rustc -vV names no release")?;
        let source = file_of("rust-web-src", "/library/std/Cargo.toml")?;
        if !source.to_string_lossy().contains(&format!("rustc-{version}/")) {
            bail!(
                "the compiler is {version}, the library source {}: upgrade rustc-web, cargo-web and rust-web-src together",
                source.display()
            );
        }
        Ok(())
    }
}

/// `PATH` with `first` in front.
fn path_behind(first: Option<&Path>) -> std::ffi::OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let all = first.map(Path::to_owned).into_iter().chain(std::env::split_paths(&rest));
    std::env::join_paths(all).unwrap_or(rest)
}

fn has_standard_library(target: Target) -> bool {
    let folder = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target.triple()]));
    folder.is_ok_and(|folder| fs::read_dir(folder.trim()).is_ok_and(|mut entries| entries.next().is_some()))
}

/// A cargo that compiles C for macOS with zig. Needs no root but for Python itself.
fn zig_cargo(folder: &Path) -> Result<Command> {
    let environment = folder.join("python");
    let program = environment.join("bin/cargo-zigbuild");
    if !program.exists() {
        if output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_err() {
            need_packages(&["python3", "python3-venv"])?;
        }
        step(
            "python environment for zig",
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment),
        )?;
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "ziglang==0.17.0",
            "cargo-zigbuild==0.24.0",
        ]);
        step("pip install ziglang cargo-zigbuild", &mut pip)?;
    }
    let sdk = folder.join("macos-sdk");
    fs::create_dir_all(sdk.join("usr/include")).context("could not make a folder for macOS headers")?;
    let mut command = Command::new(program);
    command
        .env("CARGO_ZIGBUILD_ZIG_PATH", zig_in(&environment)?)
        .env("CARGO_ZIGBUILD_CACHE_DIR", folder.join("zigbuild"))
        .env("ZIG_GLOBAL_CACHE_DIR", folder.join("zig-cache"))
        .env("ZIG_LOCAL_CACHE_DIR", folder.join("zig-cache"))
        // Build scripts would otherwise ask a program of Apple's where the SDK lies.
        .env("SDKROOT", sdk);
    Ok(command)
}

fn zig_in(environment: &Path) -> Result<PathBuf> {
    let libraries = fs::read_dir(environment.join("lib")).context("the python environment has no lib")?;
    let places = libraries.flatten().map(|entry| entry.path().join("site-packages/ziglang/zig"));
    places
        .into_iter()
        .find(|path| path.exists())
        .context("the python environment has no zig")
}

/// Installs the Debian packages that are missing.
fn need_packages(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if output(Command::new("apt-get").arg("--version")).is_err() {
        bail!("these packages of Debian's are needed, and this system has no apt-get: {list}");
    }
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("packages are missing that only root can install: apt-get install {list}");
    }
    step("apt-get update", apt().arg("update"))?;
    step(
        &format!("apt-get install {list}"),
        apt().args(["install", "-y", "--no-install-recommends"]).args(&missing),
    )
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // Somebody else's apt may hold the lock for a while.
    command
        .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null());
    command
}

fn is_installed(package: &str) -> bool {
    output(Command::new("dpkg-query").args(["-W", "-f=${Status}", package])).is_ok_and(|status| status.contains("ok installed"))
}

/// The file of an installed package whose path ends like this.
fn file_of(package: &str, ending: &str) -> Result<PathBuf> {
    let list = output(Command::new("dpkg-query").args(["-L", package]))?;
    let path = list.lines().find(|line| line.ends_with(ending));
    path.map(PathBuf::from)
        .with_context(|| format!("package {package} has no file {ending}"))
}

/// What a short command prints; fails if it fails.
fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!(
            "{:?} failed: {}",
            command.get_program(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
