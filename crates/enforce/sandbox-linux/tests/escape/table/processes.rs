use super::{ALL, Effect, NETWORK, Probe, answer, file, row};

const fn root(id: &'static str, what: &'static str) -> Probe {
    answer(id, what).root()
}

const fn tells(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Secret)
}

pub const PROC: &[Probe] = &[
    root("sysctl-core-pattern", "write `kernel.core_pattern`"),
    root("sysctl-hostname", "write `kernel.hostname`"),
    root("sysctl-modprobe", "write `kernel.modprobe`").with("loadable modules"),
    root("sysctl-swappiness", "write `vm.swappiness`"),
    root("sysctl-file-max", "write `fs.file-max`"),
    root("sysctl-network", "write `net.ipv4.ip_default_ttl`"),
    root("sysctl-namespaces", "write `user.max_user_namespaces`").with("a root with every right"),
    root("proc-sysrq", "open `/proc/sysrq-trigger` for writing").with("the magic key"),
    root("proc-interrupts", "write `/proc/irq/default_smp_affinity`").with("more than one processor"),
    root("proc-binfmt", "register a kind of program (`binfmt_misc`)").with("`binfmt_misc`, mounted"),
    root("proc-kernel-memory", "open `/proc/kcore`").with("a kernel that shows its memory"),
    root("proc-kernel-pages", "read `/proc/kpageflags`").with("a kernel that shows its pages"),
    root("proc-kernel-addresses", "read addresses in `/proc/kallsyms`").with("a kernel that shows its addresses"),
    root("proc-oom-protection", "protect oneself from running out of memory").with("a root with every right"),
    answer("proc-user-map", "write `/proc/self/uid_map`"),
    answer("proc-init-environment", "read the environment of the sandbox's first process"),
    answer("proc-init-descriptors", "follow its open files"),
    answer("proc-init-memory", "open its memory for writing"),
    answer("proc-victim-seen", "see a process of the host"),
    tells("proc-victim-environment", "read its environment"),
    tells("proc-victim-command-line", "read its command line"),
    tells("proc-victim-memory", "read its memory"),
    tells("proc-victim-descriptor", "read its open file"),
    file("proc-victim-root", "create a file through its root"),
    answer("proc-own-child", "read `/proc` of an own child").allowed(ALL, "debugging and process pools need it"),
    answer("proc-own-memory", "read own memory through `/proc/self/mem`").allowed(ALL, "nothing new to itself"),
    answer("proc-machine", "read `/proc/cpuinfo`, `/proc/meminfo`, `/proc/self/maps`")
        .allowed(ALL, "programs ask how large the machine is"),
];

const fn changes(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Victim)
}

const DEBUG: &str = "debuggers need it; only the command's own processes are to be seen";

pub const PROCESSES: &[Probe] = &[
    tells("process-trace-victim", "read the memory of a process of the host with `ptrace`"),
    answer("process-trace-init", "trace the sandbox's first process"),
    answer("process-trace-parent", "trace the parent").allowed(NETWORK, DEBUG),
    answer("process-trace-child", "trace an own child").allowed(NETWORK, DEBUG),
    answer("process-trace-me", "be traced by the parent").allowed(NETWORK, DEBUG),
    tells("process-read-victim", "read its memory with `process_vm_readv`"),
    answer("process-read-init", "read the memory of the sandbox's first process"),
    answer("process-read-child", "read the memory of an own child").allowed(NETWORK, DEBUG),
    answer("process-write-child", "write into the memory of an own child").allowed(NETWORK, DEBUG),
    tells("process-descriptor-victim", "take an open file from a process of the host"),
    answer("process-descriptor-init", "take an open file from the sandbox's first process"),
    answer("process-descriptor-child", "take an open file from an own child"),
    changes("process-kill", "kill a process of the host"),
    changes("process-kill-group", "kill its group"),
    changes("process-kill-thread", "kill its thread (`tgkill`)"),
    changes("process-kill-old-thread", "kill its thread (`tkill`)"),
    changes("process-kill-queue", "send it a signal with data"),
    changes("process-kill-descriptor", "kill it by a process descriptor"),
    changes("process-kill-folder", "kill it by its folder in `/proc`"),
    changes("process-kill-file-owner", "make it the owner of a socket that sends a signal"),
    changes("process-nice", "lower its priority"),
    changes("process-affinity", "bind it to a processor").with("more than one processor"),
    changes("process-scheduler", "change its scheduler"),
    changes("process-limits", "change its limits"),
    changes("process-io-priority", "change its input and output priority"),
    changes("process-oom-victim", "make it the first to be ended without memory"),
    answer("process-kill-child", "signal an own child").allowed(ALL, "everyday work"),
    answer("process-kill-child-descriptor", "signal an own child by a process descriptor").allowed(ALL, "everyday work"),
];

pub const LEAKS: &[Probe] = &[
    file("leak-file", "write to a file that codex's own parent left open"),
    file("leak-folder", "create a file relative to a folder left open"),
    answer("leak-environment", "find a variable of codex's own environment"),
    answer("leak-setuid", "become another user by a set-user-id program").with("tests run as root, which prepares it"),
    answer("leak-file-capability", "get a capability by a program that has it").with("tests run as root, which prepares it"),
    row("leak-daemon", "leave a deaf process in another session behind", Effect::Left),
    row(
        "leak-daemon-killed",
        "the same, when the supervisor is killed with `kill -9`",
        Effect::Left,
    ),
];
