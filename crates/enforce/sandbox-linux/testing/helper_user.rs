//! The same as `helper.rs` under a name that makes it give up root first, so that the same test runs as an ordinary user.

#[cfg(target_os = "linux")]
mod probes;

fn main() {
    #[cfg(target_os = "linux")]
    probes::main();
}
