//! What tests start as helper.

#[cfg(target_os = "linux")]
fn main() {
    if std::env::args_os()
        .next()
        .is_some_and(|name| name == codex_sandbox_linux::HELPER_ARG0)
    {
        codex_sandbox_linux::helper_main();
    }
    std::process::exit(2);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
