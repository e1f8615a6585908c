//! The folder for temporary files of one command that may make no names in everybody's.

use super::Refusal;
use codex_base::AbsPath;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;

#[derive(Default)]
pub(super) struct Scratch(Option<AbsPath>);

impl Scratch {
    /// Fails if anything is there under this name: whoever made it could still own it. Where nothing can be made there is none, as in a
    /// sandbox around us that closes the folder for temporary files.
    pub fn make(&mut self, path: Option<&AbsPath>) -> Result<(), Refusal> {
        let Some(path) = path else { return Ok(()) };
        let made = fs::DirBuilder::new().mode(0o700).create(path);
        if made.as_ref().is_err_and(is_refused) {
            return Ok(());
        }
        made.map_err(Refusal::of("a folder for temporary files", format_args!("make {path}")))?;
        self.0 = Some(path.clone());
        Ok(())
    }

    /// With all that the command left in it. Follows no link; what cannot be removed stays.
    pub fn remove(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}
