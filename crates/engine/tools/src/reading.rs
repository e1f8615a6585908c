//! Opens files for the tools that read in codex's own process, pictures and patches, where no sandbox would stop them.
//!
//! A path is decided about by the file that was opened, not by its spelling: a link that a command made leads nowhere that the command
//! could not read itself, also if it is swapped meanwhile.

use codex_apply_patch::{DiskFiles, FileFacts, FileKind, PatchFiles};
use codex_base::{AbsPath, os};
use codex_permissions::{ResolvedPolicy, Rights, RuleSource, rights};
use std::fs::{File, Metadata};
use std::io;

/// Opens the regular file that `path` leads to.
///
/// # Errors
/// Of kind [`io::ErrorKind::PermissionDenied`] if `policy` hides it; those of the system.
pub(crate) fn open(path: &AbsPath, policy: &ResolvedPolicy) -> io::Result<File> {
    let file = os::open_regular(path)?;
    let real = AbsPath::new(os::real_path(&file, path)?).map_err(io::Error::other)?;
    if rights(policy, &real) == Rights::None || may_be_hidden_elsewhere(&file.metadata()?, policy) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the sandbox policy does not let it be read",
        ));
    }
    Ok(file)
}

/// Whether a file has another name that the policy hides. The names of a file are not known: where patterns or folders that somebody
/// chose are hidden, each one with several counts as hidden.
fn may_be_hidden_elsewhere(facts: &Metadata, policy: &ResolvedPolicy) -> bool {
    if !policy.confined || os::names(facts) < 2 {
        return false;
    }
    let mut hidden = policy.rules.iter().chain(&policy.limits).filter(|rule| rule.rights == Rights::None);
    !policy.deny_globs.is_empty()
        || hidden.any(|rule| match rule.path.metadata() {
            Ok(found) if found.is_dir() => rule.source != RuleSource::Credentials,
            Ok(found) => os::same_file(&found, facts),
            Err(_) => false,
        })
}

/// The files of this machine as far as `policy` lets them be read.
pub(crate) struct PermittedFiles<'a>(pub &'a ResolvedPolicy);

impl PatchFiles for PermittedFiles<'_> {
    fn read(&self, path: &AbsPath) -> io::Result<FileFacts> {
        FileFacts::of(path, open(path, self.0)?)
    }

    fn kind(&self, path: &AbsPath) -> io::Result<FileKind> {
        DiskFiles.kind(path)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use codex_permissions::PathRule;
    use std::os::unix::fs::symlink;

    /// A folder with `open` and `keys/secret`, and a policy that hides `keys`.
    fn hiding(source: RuleSource) -> (tempfile::TempDir, AbsPath, ResolvedPolicy) {
        let folder = tempfile::tempdir().unwrap();
        let root = AbsPath::new(folder.path().canonicalize().unwrap()).unwrap();
        std::fs::create_dir(root.join("keys")).unwrap();
        std::fs::write(root.join("keys/secret"), "a\n").unwrap();
        std::fs::write(root.join("open"), "a\n").unwrap();
        let policy = ResolvedPolicy {
            confined: true,
            rules: vec![
                PathRule::new(root.clone(), Rights::Write, RuleSource::WorkingDirectory),
                PathRule::new(root.join("keys"), Rights::None, source.clone()),
                PathRule::new(root.join("token"), Rights::None, source),
            ],
            ..ResolvedPolicy::unconfined()
        };
        (folder, root, policy)
    }

    fn opened(path: &AbsPath, policy: &ResolvedPolicy) -> Result<(), io::ErrorKind> {
        open(path, policy).map(|_| ()).map_err(|error| error.kind())
    }

    #[test]
    fn what_is_hidden_is_hidden_behind_links_too() {
        let (_folder, root, policy) = hiding(RuleSource::Mode);
        symlink("keys/secret", root.join("link")).unwrap();
        symlink("keys", root.join("way")).unwrap();

        for name in ["keys/secret", "link", "way/secret"] {
            assert_eq!(opened(&root.join(name), &policy), Err(io::ErrorKind::PermissionDenied), "{name}");
            assert_eq!(opened(&root.join(name), &ResolvedPolicy::unconfined()), Ok(()), "{name}");
        }
        assert_eq!(opened(&root.join("open"), &policy), Ok(()));
        assert_eq!(opened(&root.join("nope"), &policy), Err(io::ErrorKind::NotFound));
    }

    #[test]
    fn a_file_with_another_name_is_hidden_if_that_name_may_be() {
        for (source, second_of_open) in [
            (RuleSource::Credentials, Ok(())),
            (RuleSource::Mode, Err(io::ErrorKind::PermissionDenied)),
        ] {
            let (_folder, root, policy) = hiding(source);
            std::fs::write(root.join("token"), "a\n").unwrap();
            std::fs::hard_link(root.join("token"), root.join("second-of-token")).unwrap();
            std::fs::hard_link(root.join("open"), root.join("second-of-open")).unwrap();

            assert_eq!(opened(&root.join("second-of-token"), &policy), Err(io::ErrorKind::PermissionDenied));
            assert_eq!(opened(&root.join("second-of-open"), &policy), second_of_open);
        }
    }

    #[test]
    fn a_patch_tells_nothing_of_what_is_hidden() {
        let (_folder, root, policy) = hiding(RuleSource::Mode);
        let answer = |line: &str| {
            let patch = format!("*** Begin Patch\n*** Update File: keys/secret\n@@\n-{line}\n+x\n*** End Patch");
            let patch = codex_apply_patch::parse(&patch).unwrap();
            codex_apply_patch::plan(&patch, &root, &PermittedFiles(&policy))
                .unwrap_err()
                .to_string()
        };

        assert_eq!(answer("a"), answer("a wrong guess"));
        assert!(answer("a").ends_with("does not let it be read"), "{}", answer("a"));
    }
}
