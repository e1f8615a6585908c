//! Names that may not be read, as patterns.

use codex_base::AbsPath;
use codex_protocol::settings::DenyGlob;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf, is_separator};
use std::sync::{Arc, OnceLock};

/// Patterns, compiled when they are first asked, once for all clones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<DenyGlob>", into = "Vec<DenyGlob>")]
pub struct DenyGlobs(Arc<Patterns>);

#[derive(Debug, Default)]
struct Patterns {
    globs: Vec<DenyGlob>,
    compiled: OnceLock<Option<GlobSet>>,
    /// Their last names; `None`: anything may match.
    names: OnceLock<Option<GlobSet>>,
}

impl DenyGlobs {
    pub fn is_empty(&self) -> bool {
        self.0.globs.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &DenyGlob> {
        self.0.globs.iter()
    }

    /// The first pattern that `path` or a folder around it matches. If a pattern cannot be understood everything matches it.
    pub fn matching(&self, path: &AbsPath) -> Option<&DenyGlob> {
        let Patterns { globs, compiled, .. } = &*self.0;
        let first = globs.first()?;
        let Some(set) = compiled.get_or_init(|| compile(globs.iter().map(|glob| glob.pattern.as_str()))) else {
            return Some(first);
        };
        let may_match = |path: &&Path| path.file_name().is_none_or(|name| self.may_match(name));
        let around = path.as_path().ancestors().filter(may_match);
        let found = around.flat_map(|path| set.matches(path)).min()?;
        globs.get(found)
    }

    /// Whether something of that name may match, wherever it lies. Far quicker than to ask for its path.
    pub fn may_match(&self, name: &OsStr) -> bool {
        let Patterns { globs, names, .. } = &*self.0;
        let names = names.get_or_init(|| compile(last_names(globs)?.iter().map(String::as_str)));
        names.as_ref().is_none_or(|names| names.is_match(name))
    }

    /// The folder below which a pattern can match: its part without wildcards, but for the last name.
    pub fn scan_root(pattern: &str) -> PathBuf {
        let fixed: PathBuf = Path::new(pattern)
            .components()
            .take_while(|part| !has_wildcard(&part.as_os_str().to_string_lossy()))
            .collect();
        if fixed == Path::new(pattern) {
            fixed.parent().map(Path::to_path_buf).unwrap_or(fixed)
        } else {
            fixed
        }
    }
}

/// Whether `glob` goes on matching what it matches below `root` when a folder around that is renamed there: it is about one name, at any depth.
pub fn follows_renames(glob: &DenyGlob, root: &AbsPath) -> bool {
    let base = DenyGlobs::scan_root(&glob.pattern);
    let rest = Path::new(&glob.pattern).strip_prefix(&base).unwrap_or_else(|_| Path::new(""));
    let mut parts = rest.components().map(|part| part.as_os_str());
    let any_depth = parts.next().is_some_and(|part| part == "**");
    let one_name = parts.next().is_some_and(|part| part != "**") && parts.next().is_none();
    any_depth && one_name && glob.max_depth.is_none() && root.as_path().starts_with(base)
}

impl From<Vec<DenyGlob>> for DenyGlobs {
    fn from(globs: Vec<DenyGlob>) -> Self {
        Self(Arc::new(Patterns {
            globs,
            ..Patterns::default()
        }))
    }
}

impl From<DenyGlobs> for Vec<DenyGlob> {
    fn from(globs: DenyGlobs) -> Self {
        Arc::try_unwrap(globs.0).map_or_else(|shared| shared.globs.clone(), |own| own.globs)
    }
}

impl PartialEq for DenyGlobs {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.globs == other.0.globs
    }
}

impl Eq for DenyGlobs {}

pub(crate) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The pattern below the real form of its fixed part.
pub(crate) fn rebased(pattern: &str, real: impl Fn(&AbsPath) -> AbsPath) -> String {
    let parts: Vec<_> = Path::new(pattern).components().collect();
    let fixed = parts
        .iter()
        .take_while(|part| !has_wildcard(&part.as_os_str().to_string_lossy()))
        .count();
    let Ok(base) = AbsPath::new(parts[..fixed].iter().collect::<PathBuf>()) else {
        return pattern.to_owned();
    };
    let base = globset::escape(&real(&base).to_string());
    let rest: PathBuf = parts[fixed..].iter().collect();
    Path::new(&base).join(rest).to_string_lossy().into_owned()
}

/// The patterns that the names of what matches match: nothing but a separator parts names. `None` if that cannot be told.
fn last_names(globs: &[DenyGlob]) -> Option<Vec<String>> {
    let last = |glob: &DenyGlob| {
        // A class may hold a separator, and then ends no name.
        let is_plain = glob.pattern.split_once('[').is_none_or(|(_, rest)| !rest.contains(is_separator));
        let name = glob.pattern.rsplit(is_separator).next().filter(|_| is_plain)?;
        (!name.is_empty() && !name.contains("**")).then(|| format!("**/{name}"))
    };
    globs.iter().map(last).collect()
}

/// Why a pattern cannot be understood, for whoever wrote it.
pub fn pattern_problem(pattern: &str) -> Option<String> {
    compiled(pattern).err().map(|error| error.kind().to_string())
}

fn compiled(pattern: &str) -> Result<Glob, globset::Error> {
    // Braces are plain characters here.
    GlobBuilder::new(&pattern.replace('{', "[{]").replace('}', "[}]"))
        .literal_separator(true)
        .backslash_escape(false)
        .allow_unclosed_class(true)
        .build()
}

fn compile<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Option<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(compiled(pattern).ok()?);
    }
    set.build().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_rule_nothing_out_that_would_match(
            patterns in proptest::collection::vec("/w(/|a|b|\\*|\\*\\*/|/\\*\\*|\\?|\\[|\\]|\\[ab\\]|\\[/\\]|\\[\\]a\\]|\\{|\\.){1,8}", 1..4),
            path in "/w(/[ab.{\\[\\]]{1,3}){1,4}",
        ) {
            let glob = |pattern: &String| DenyGlob {
                pattern: pattern.clone(),
                place: String::new(),
                managed: false,
                max_depth: None,
            };
            let globs = DenyGlobs::from(patterns.iter().map(glob).collect::<Vec<_>>());
            let path = AbsPath::new(&path).expect("test paths are absolute");

            let alone = compile(patterns.iter().map(String::as_str));
            let expect = alone.map(|set| path.as_path().ancestors().flat_map(|path| set.matches(path)).min());

            let found = globs.matching(&path).map(|found| globs.iter().position(|glob| glob == found));
            // One that cannot be understood matches everything.
            prop_assert_eq!(found.flatten(), expect.unwrap_or(Some(0)).and_then(|at| patterns.iter().position(|pattern| *pattern == patterns[at])));
        }
    }

    #[test]
    fn a_pattern_about_one_name_follows_renames_below_its_folder() {
        let check = |pattern: &str, root: &str, max_depth, expect| {
            let glob = DenyGlob {
                pattern: pattern.to_owned(),
                place: String::new(),
                managed: false,
                max_depth,
            };
            let root = AbsPath::new(root).expect("test paths are absolute");
            assert_eq!(follows_renames(&glob, &root), expect, "{pattern} in {root}");
        };

        check("/w/**/*.env", "/w", None, true);
        check("/**/.env", "/w", None, true);
        // Moved out of its folder, it would not be seen again.
        check("/w/a/**/*.env", "/w", None, false);
        // Nor deeper than is looked.
        check("/w/**/*.env", "/w", Some(3), false);
        check("/w/**/keys/*.pem", "/w", None, false);
        check("/w/*/x", "/w", None, false);
        check("/w/*.env", "/w", None, false);
        check("/w/**", "/w", None, false);
        check("/w/**/**", "/w", None, false);
    }

    fn globs(patterns: &[&str]) -> DenyGlobs {
        let glob = |pattern: &&str| DenyGlob {
            pattern: (*pattern).to_owned(),
            place: String::new(),
            managed: false,
            max_depth: None,
        };
        patterns.iter().map(glob).collect::<Vec<_>>().into()
    }

    #[test]
    fn a_pattern_means_the_name_and_everything_below_it() {
        let check = |pattern: &str, path: &str, expect: bool| {
            let found = globs(&[pattern]).matching(&AbsPath::new(path).unwrap()).is_some();
            assert_eq!(found, expect, "{pattern} {path}");
        };

        check("/w/*.env", "/w/a.env", true);
        check("/w/*.env", "/w/a/b.env", false);
        check("/w/**/*.env", "/w/a/b/.env", true);
        check("/w/**/*.env", "/w/b.env", true);
        check("/w/**/keys", "/w/a/keys/x/y", true);
        check("/w/?.pem", "/w/ab.pem", false);
        check("/w/[ab].pem", "/w/b.pem", true);
        check("/w/[!ab].pem", "/w/b.pem", false);
        check("/w/a[.pem", "/w/a[.pem", true);
        check("/w/{a,b}*", "/w/a", false);
        check("/w/{a,b}*", "/w/{a,b}c", true);
        check("/w/a\\*", "/w/a\\b", true);
    }

    #[test]
    fn a_pattern_follows_the_real_place_of_its_fixed_part() {
        let real = |path: &AbsPath| AbsPath::new(format!("/real{path}")).unwrap();

        assert_eq!(rebased("/w/a/**/*.env", real), "/real/w/a/**/*.env");
        assert_eq!(rebased("/w/x*", |_| AbsPath::new("/odd[1]").unwrap()), "/odd[[]1[]]/x*");
        assert_eq!(DenyGlobs::scan_root("/w/a/*.env"), Path::new("/w/a"));
        assert_eq!(DenyGlobs::scan_root("/w/.env"), Path::new("/w"));
    }
}
