use super::{ALL, Effect, Mode, Probe, WRITABLE, row};

/// The modes that hide nothing of this.
const OPEN: &[Mode] = &[Mode::ReadOnly, Mode::WorkspaceWrite, Mode::Network];
const READ: &str = "it is hidden by a policy only";

const fn tells(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Secret).allowed(OPEN, READ)
}

/// Needs a change to the workspace first.
const fn tells_after_a_change(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Secret).allowed(WRITABLE, READ)
}

const fn changes(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Protected).allowed(WRITABLE, READ)
}

pub const HIDDEN: &[Probe] = &[
    tells("hidden-file", "read a hidden file"),
    tells("hidden-below", "read a file in a hidden folder"),
    tells("hidden-names", "list a hidden folder"),
    tells_after_a_change("hidden-symlink", "read through a new symbolic link"),
    tells("hidden-old-symlink", "read through a symbolic link that was there before"),
    tells("hidden-process-root", "read through `/proc/self/root`"),
    row(
        "hidden-init-root",
        "read through the root of the sandbox's first process",
        Effect::Secret,
    ),
    tells("hidden-cwd", "read through `/proc/self/cwd/..`"),
    tells("hidden-folder-descriptor", "read relative to a folder's descriptor"),
    tells("hidden-reopen", "read through an `O_PATH` descriptor"),
    row("hidden-hard-link", "read through a new hard link in the workspace", Effect::Secret),
    tells("hidden-old-hard-link", "read through a hard link that was there before")
        .allowed(ALL, "a known limit: it is another name of the file"),
    row("hidden-handle", "read by file handle, past every mount", Effect::Secret).root(),
    row("hidden-unmount", "unmount what hides it", Effect::Secret).root(),
    tells_after_a_change("hidden-race", "read a name that is being exchanged with a symbolic link"),
    tells("hidden-here", "read a hidden file of the workspace"),
    tells_after_a_change("hidden-here-hard-link", "read through a new hard link beside it"),
    tells_after_a_change("hidden-here-rename", "rename it, then read it"),
    tells_after_a_change("hidden-here-parent-rename", "rename the folder around it, then read it"),
    tells_after_a_change("hidden-here-chmod", "open it for everybody, then read it"),
    changes("hidden-here-overwrite", "overwrite it"),
    changes("hidden-here-unlink", "remove it"),
    changes("hidden-here-create", "create what is hidden and missing"),
    row("hidden-overwrite", "overwrite a hidden file outside", Effect::Outside),
];
