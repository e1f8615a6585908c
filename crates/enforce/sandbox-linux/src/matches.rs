//! What the patterns of a policy match at this moment.

use codex_base::AbsPath;
use codex_permissions::{DenyGlobs, ResolvedPolicy};
use codex_process::SandboxError;
use codex_protocol::settings::DenyGlob;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A mount for each is needed.
const MATCHES_MAX: usize = 8192;

/// The paths that match, without what lies below them, and where links among them lead.
///
/// # Errors
/// If there are more than can be hidden.
pub(crate) fn find(policy: &ResolvedPolicy) -> Result<BTreeSet<AbsPath>, SandboxError> {
    let mut found = BTreeSet::new();
    if policy.confined {
        for glob in policy.deny_globs.iter() {
            let Ok(root) = AbsPath::new(DenyGlobs::scan_root(glob)) else {
                continue;
            };
            walk(&policy.deny_globs, glob, &root, 1, &mut found)?;
        }
    }
    Ok(found)
}

/// What cannot be looked into cannot be looked into by a command either.
fn walk(globs: &DenyGlobs, glob: &DenyGlob, folder: &AbsPath, depth: u32, found: &mut BTreeSet<AbsPath>) -> Result<(), SandboxError> {
    for entry in fs::read_dir(folder.as_path()).into_iter().flatten().flatten() {
        let path = folder.join(entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if globs.matching(&path).is_some() {
            if kind.is_symlink() {
                found.extend(real(&path));
            }
            found.insert(path);
            if found.len() > MATCHES_MAX {
                return Err(SandboxError::Unenforceable {
                    rule: format!("the pattern {} ({})", glob.pattern, glob.place),
                    missing: format!("more than {MATCHES_MAX} files match; name a folder instead"),
                });
            }
        } else if kind.is_dir() && glob.max_depth.is_none_or(|limit| depth < limit) {
            walk(globs, glob, &path, depth + 1, found)?;
        }
    }
    Ok(())
}

fn real(link: &Path) -> Option<AbsPath> {
    fs::canonicalize(link).ok().and_then(|path| AbsPath::new(path).ok())
}
