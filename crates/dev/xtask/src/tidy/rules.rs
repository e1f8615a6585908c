//! The lists that the rules go by, from `rules.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Crates are named `folder/name`; places are beginnings of paths.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The shipped folders in the order of dependence: a crate depends only on folders to the left of its own.
    pub order: Vec<String>,
    /// The neighbours that a crate may depend on.
    pub inside: BTreeMap<String, Vec<String>>,
    /// Crates that only `cli` may name; it hands them over as trait values.
    pub named_by_cli_alone: Vec<String>,
    /// What a front end sees besides `wire` and `base`.
    pub seen_by_front: BTreeMap<String, Vec<String>>,
    /// Only these may use the catch-all error type.
    pub anyhow: Vec<String>,
    /// Where code for one platform may stand (ARCHITECTURE.md, invariant 10). `dev/` is never shipped.
    pub platform_code: Vec<String>,
    /// Where the process's own surroundings may be read (invariant 11).
    pub environment: Vec<String>,
    pub environment_reads: Vec<String>,
    /// Who may look at a token or key (invariant 13).
    pub secrets: Vec<String>,
    /// First words of stable error codes.
    pub code_families: Vec<String>,
    /// Texts of the same shape that are no codes: events of `exec --json`, checks of `doctor`, files.
    pub no_codes: Vec<String>,
    /// Terms that allow shipping our program under Apache-2.0.
    pub licences: Vec<String>,
}

pub static RULES: LazyLock<Rules> = LazyLock::new(|| toml::from_str(include_str!("rules.toml")).expect("the tests read rules.toml"));
