use super::{ALL, Effect, Probe, WRITING, answer, row};

const BELOW: &str = "far below the default limit";
const TOGETHER: &str = "counted together only in a control group, which these have not";
const NO_LIMIT: &str = "no limit unless one is configured";

/// Tried under small limits, as an ordinary user.
const fn taken(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Taken)
}

pub const LIMITS: &[Probe] = &[
    answer("limit-processes", "200 processes at once").allowed(ALL, BELOW),
    answer("limit-memory", "64 MiB of memory at once").allowed(ALL, NO_LIMIT),
    answer("limit-disk", "a file of 16 MiB in the workspace").allowed(WRITING, BELOW),
    answer("limit-shared-memory", "a file of 16 MiB in `/dev/shm`").allowed(ALL, BELOW),
    answer("limit-files", "500 open files").allowed(ALL, "as everywhere: the user's own limit counts"),
    taken("limit-fork-bomb", "60 processes where 20 are allowed"),
    taken("limit-memory-bomb", "a process with 32 MiB where 16 are allowed"),
    taken("limit-memory-together", "three processes with 12 MiB each where 16 are allowed").allowed(ALL, TOGETHER),
    taken("limit-file-size", "a file of 4 MiB where 1 is allowed"),
    taken("limit-disk-fill", "8 files of 1 MiB where 1 is allowed").allowed(WRITING, "no limit for all files together"),
];

const WORK: &str = "that is what the workspace is for";
const DAILY: &str = "everyday work";

const fn makes(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Made).allowed(WRITING, WORK)
}

pub const EVERYDAY: &[Probe] = &[
    makes("work-write", "create a file in the workspace"),
    makes("work-rename", "rename a file in the workspace"),
    makes("work-links", "make hard and symbolic links in the workspace"),
    makes("work-unnamed", "give an unnamed file a name in the workspace")
        .with("a file system with unnamed files under the temporary folder"),
    makes("work-modes", "set mode, attributes and times in the workspace"),
    makes("work-fifo", "make a named pipe in the workspace"),
    makes("work-lock", "lock a file of the workspace"),
    makes("work-map", "map a file of the workspace"),
    answer("work-watch", "watch the workspace").allowed(ALL, DAILY),
    answer("work-threads", "start threads").allowed(ALL, DAILY),
    answer("work-children", "start programs, with pipes between them").allowed(ALL, DAILY),
    answer("work-event-loop", "wait for events and timers").allowed(ALL, DAILY),
    answer("work-signals", "receive signals as data").allowed(ALL, DAILY),
    answer("work-session", "start a session").allowed(ALL, DAILY),
    answer("work-own-limits", "lower own limits and priority").allowed(ALL, DAILY),
    answer("work-robust-locks", "what C libraries do at start").allowed(ALL, DAILY),
];
