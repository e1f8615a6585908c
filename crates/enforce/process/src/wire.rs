//! What travels between this process and the helper that becomes a command's supervisor.
