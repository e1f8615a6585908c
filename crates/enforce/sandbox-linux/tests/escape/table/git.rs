use super::{Effect, Probe, WRITING, answer, row};

const fn protected(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Protected)
}

const WORKS: &str = "ordinary git needs it ([why](decisions/0006-git-in-the-sandbox.md))";

pub const GIT: &[Probe] = &[
    protected("git-config-append", "append to `config`"),
    protected("git-config-as-git-does", "write `config.lock` and rename it to `config`"),
    protected("git-config-unlink", "remove `config`"),
    protected("git-config-exchange", "exchange `config` with an own file"),
    protected("git-config-hard-link", "write through a new hard link to `config`"),
    protected("git-config-reopen", "open `config` for reading, then again for writing"),
    protected("git-config-of-work-tree", "create `config.worktree`"),
    protected("git-config-of-work-tree-moved-there", "rename an own file to `config.worktree`"),
    protected("git-common-folder", "create `commondir`"),
    protected(
        "git-common-folder-removed-first",
        "remove what stands in for `commondir`, then make a symbolic link of it",
    ),
    protected("git-hook", "create a hook"),
    protected("git-hook-symlink", "create a hook as a symbolic link"),
    protected("git-hook-unnamed", "give an unnamed file the name of a hook")
        .with("a file system with unnamed files under the temporary folder"),
    protected("git-hooks-rename", "rename `hooks`"),
    protected("git-hooks-exchange", "exchange `hooks` with an own folder"),
    protected("git-attributes", "create `info/attributes`"),
    protected("git-attributes-folder", "rename `info`, then make it with `attributes`"),
    protected("git-alternates", "create `objects/info/alternates`"),
    protected("git-alternates-folder", "rename `objects`, then make it with `info/alternates`"),
    protected("git-branches", "create a file in `branches`"),
    protected("git-remotes", "create a file in `remotes`"),
    protected("git-folder-rename", "rename `.git`"),
    protected("git-folder-exchange", "exchange `.git` with an own folder"),
    protected("git-folder-remove", "remove all that is in `.git`"),
    protected("git-work-tree", "add a folder to `worktrees`"),
    protected("git-module", "add a repository to `modules`"),
    protected("git-hook-race", "create a hook while `hooks` is being exchanged"),
    answer("git-object", "create an object").allowed(WRITING, WORKS),
    answer("git-index", "replace the index").allowed(WRITING, WORKS),
    answer("git-branch", "create a branch").allowed(WRITING, WORKS),
    answer("git-head", "switch to another branch").allowed(WRITING, WORKS),
];
