//! Facts about a git repository, found by driving the git program.
