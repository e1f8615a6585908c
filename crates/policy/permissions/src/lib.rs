//! Arithmetic of permission profiles: resolve against a directory, and the oracle that tells what a path may be used for.
