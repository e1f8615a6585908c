//! The crates of this workspace, as their manifests say.

use crate::cargo::metadata;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `crates/<folder>/<name>`.
    pub folder: String,
    pub name: String,
    pub dir: PathBuf,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package's name.
    pub package: String,
    /// Only for tests.
    pub dev: bool,
    /// The `cfg(…)` it is bound to.
    pub target: Option<String>,
}

impl Member {
    /// The file whose documentation is the crate's.
    pub fn root_file(&self) -> PathBuf {
        let library = self.dir.join("src/lib.rs");
        if library.exists() { library } else { self.dir.join("src/main.rs") }
    }

    pub fn package(&self) -> String {
        format!("codex-{}", self.name)
    }

    /// `folder/name`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// Every crate, by folder and name.
pub fn members() -> Result<Vec<Member>> {
    let metadata = metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("metadata without packages")?;
    let mut members = packages.iter().map(member).collect::<Result<Vec<_>>>()?;
    members.sort_by(|a, b| (&a.folder, &a.name).cmp(&(&b.folder, &b.name)));
    Ok(members)
}

fn member(package: &Value) -> Result<Member> {
    let manifest = PathBuf::from(package["manifest_path"].as_str().context("a package without a manifest")?);
    let dir = manifest.parent().context("a manifest has a folder")?.to_owned();
    let name_at = |depth: usize| {
        dir.ancestors()
            .nth(depth)
            .and_then(|dir| dir.file_name())
            .map(|name| name.to_string_lossy().into_owned())
    };
    let (name, folder) = (
        name_at(0).context("a crate has a folder")?,
        name_at(1).context("a crate lies in a folder")?,
    );
    let dependencies = package["dependencies"].as_array().into_iter().flatten().map(dependency).collect();
    Ok(Member {
        folder,
        name,
        dir,
        dependencies,
    })
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        package: value["name"].as_str().unwrap_or_default().to_owned(),
        dev: value["kind"] == "dev",
        target: value["target"].as_str().map(str::to_owned),
    }
}
