//! What tests start as helper, and as a probe inside of the sandbox.

#[cfg(target_os = "linux")]
mod probes;

fn main() {
    #[cfg(target_os = "linux")]
    probes::main();
}
