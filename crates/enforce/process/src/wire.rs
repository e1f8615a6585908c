//! What travels between this process and the helper that becomes a command's supervisor.
//!
//! The helper starts with a packet socket as its standard input. The first packet carries a sealed memory file with a [`Request`], and
//! behind it what a command that inherits its streams has as standard input and what is attached to the plan; after that [`Order`]s go down and [`Report`]s come up, one per packet. End of the socket means that this process is gone: the helper
//! then kills the tree. Plain bytes with lengths, since a command line is bytes and its reader starts thousands of times a day.
//! Both ends come from one executable, so there is no version.

use crate::command::CommandIo;
use crate::command::CommandSpec;
use crate::running::{LimitHit, Usage};
use codex_protocol::settings::CommandLimits;
use std::time::Duration;

/// Bytes of the longest packet.
pub const PACKET_BYTES_MAX: usize = 4096;

/// As the system writes it.
const NO_LIMIT: u64 = u64::MAX;

/// What the helper is to do, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Made and understood by the sandbox alone.
    pub plan: Vec<u8>,
    pub io: CommandIo,
    pub limits: CommandLimits,
    pub cwd: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
    /// `NAME=value`.
    pub env: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message between a command's supervisor and its parent")]
pub struct Malformed;

/// From this process to the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Interrupt,
    /// Polite signal at once, hard kill after `grace_ms`.
    Kill {
        grace_ms: u32,
    },
    /// This process got the signal `number` and the command is to get it, too, unless it did so as a member of our process group.
    Signal {
        number: i32,
    },
}

/// From the supervisor to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The supervisor's number, if somebody else's child it is; comes with the descriptor of its process.
    Here { pid: u32 },
    /// Comes with the descriptor of the terminal's master end.
    Terminal,
    /// The program runs.
    Started,
    /// The program does not run and nothing of it is left.
    Failed(Failure),
    /// Comes with a memory file that holds the [`Record`](crate::record::Record) of the command, just before its end is told.
    Recorded,
    /// The program ended with this raw wait status, or in an unknown way; its tree is gone.
    Ended {
        status: Option<i32>,
        usage: Usage,
        /// What it ran into, as far as that was counted.
        limit: Option<LimitHit>,
    },
}

/// Why a program does not run. `errno` is the system's error number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Program { errno: i32 },
    Cwd { errno: i32 },
    Unenforceable { rule: String, missing: String },
    Unrecordable { missing: String },
}

impl Request {
    pub fn of(spec: &CommandSpec, plan: &[u8]) -> Self {
        let bytes = |text: &std::ffi::OsStr| text.as_encoded_bytes().to_vec();
        let pair =
            |(name, value): &(std::ffi::OsString, std::ffi::OsString)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat();
        Self {
            plan: plan.to_vec(),
            io: spec.io,
            limits: spec.limits,
            cwd: bytes(spec.cwd.as_os_str()),
            argv: spec.argv.iter().map(|argument| bytes(argument)).collect(),
            env: spec.env.iter().map(pair).collect(),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let (kind, rows, cols) = match self.io {
            CommandIo::Pipes => (0, 0, 0),
            CommandIo::Pty { rows, cols } => (1, rows, cols),
            CommandIo::Inherited => (2, 0, 0),
        };
        out.push(kind);
        out.extend(rows.to_le_bytes());
        out.extend(cols.to_le_bytes());
        let limits = self.limits;
        for limit in [limits.processes, limits.memory_bytes, limits.file_bytes, limits.open_files] {
            out.extend(limit.unwrap_or(NO_LIMIT).to_le_bytes());
        }
        put(&mut out, &self.plan);
        put(&mut out, &self.cwd);
        put_all(&mut out, &self.argv);
        put_all(&mut out, &self.env);
        out
    }

    /// # Errors
    /// If these are not the bytes of a whole request.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = &mut bytes;
        let [kind] = take_array(bytes)?;
        let (rows, cols) = (u16::from_le_bytes(take_array(bytes)?), u16::from_le_bytes(take_array(bytes)?));
        let io = match kind {
            0 => CommandIo::Pipes,
            1 => CommandIo::Pty { rows, cols },
            2 => CommandIo::Inherited,
            _ => return Err(Malformed),
        };
        let mut limit = || take_array(bytes).map(|array| Some(u64::from_le_bytes(array)).filter(|limit| *limit != NO_LIMIT));
        let limits = CommandLimits {
            processes: limit()?,
            memory_bytes: limit()?,
            file_bytes: limit()?,
            open_files: limit()?,
        };
        let request = Self {
            io,
            limits,
            plan: take(bytes)?,
            cwd: take(bytes)?,
            argv: take_all(bytes)?,
            env: take_all(bytes)?,
        };
        if bytes.is_empty() { Ok(request) } else { Err(Malformed) }
    }
}

impl Order {
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Interrupt => vec![1],
            Self::Kill { grace_ms } => [&[2][..], &grace_ms.to_le_bytes()].concat(),
            Self::Signal { number } => [&[3][..], &number.to_le_bytes()].concat(),
        }
    }

    /// # Errors
    /// If these are not the bytes of an order.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match bytes {
            [1] => Ok(Self::Interrupt),
            [2, rest @ ..] => Ok(Self::Kill {
                grace_ms: u32::from_le_bytes(rest.try_into().map_err(|_| Malformed)?),
            }),
            [3, rest @ ..] => Ok(Self::Signal {
                number: i32::from_le_bytes(rest.try_into().map_err(|_| Malformed)?),
            }),
            _ => Err(Malformed),
        }
    }
}

impl Report {
    /// At most [`PACKET_BYTES_MAX`]; longer texts are cut.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Terminal => vec![1],
            Self::Started => vec![2],
            Self::Failed(Failure::Program { errno }) => [&[3][..], &errno.to_le_bytes()].concat(),
            Self::Failed(Failure::Cwd { errno }) => [&[4][..], &errno.to_le_bytes()].concat(),
            Self::Failed(Failure::Unenforceable { rule, missing }) => {
                let mut out = vec![5];
                put(&mut out, cut(rule));
                put(&mut out, cut(missing));
                out
            }
            Self::Ended { status, usage, limit } => {
                let cpu_us = u64::try_from(usage.cpu.as_micros()).unwrap_or(u64::MAX);
                let mut out = vec![if status.is_some() { 6 } else { 7 }];
                out.push(number_of(*limit));
                out.extend(cpu_us.to_le_bytes());
                out.extend(usage.peak_memory_bytes.to_le_bytes());
                out.extend(status.iter().flat_map(|status| status.to_le_bytes()));
                out
            }
            Self::Recorded => vec![8],
            Self::Here { pid } => [&[10][..], &pid.to_le_bytes()].concat(),
            Self::Failed(Failure::Unrecordable { missing }) => {
                let mut out = vec![9];
                put(&mut out, cut(missing));
                out
            }
        }
    }

    /// # Errors
    /// If these are not the bytes of a report.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let Some((kind, mut rest)) = bytes.split_first() else {
            return Err(Malformed);
        };
        let rest = &mut rest;
        let report = match kind {
            1 => Self::Terminal,
            2 => Self::Started,
            3 => Self::Failed(Failure::Program {
                errno: i32::from_le_bytes(take_array(rest)?),
            }),
            4 => Self::Failed(Failure::Cwd {
                errno: i32::from_le_bytes(take_array(rest)?),
            }),
            5 => Self::Failed(Failure::Unenforceable {
                rule: text(&take(rest)?),
                missing: text(&take(rest)?),
            }),
            6 | 7 => {
                let [limit] = take_array(rest)?;
                let limit = limit_of(limit)?;
                let usage = Usage {
                    cpu: Duration::from_micros(u64::from_le_bytes(take_array(rest)?)),
                    peak_memory_bytes: u64::from_le_bytes(take_array(rest)?),
                };
                let status = if *kind == 6 {
                    Some(i32::from_le_bytes(take_array(rest)?))
                } else {
                    None
                };
                Self::Ended { status, usage, limit }
            }
            8 => Self::Recorded,
            9 => Self::Failed(Failure::Unrecordable {
                missing: text(&take(rest)?),
            }),
            10 => Self::Here {
                pid: u32::from_le_bytes(take_array(rest)?),
            },
            _ => return Err(Malformed),
        };
        if rest.is_empty() { Ok(report) } else { Err(Malformed) }
    }
}

const fn number_of(limit: Option<LimitHit>) -> u8 {
    match limit {
        None => 0,
        Some(LimitHit::FileSize) => 1,
        Some(LimitHit::Memory) => 2,
        Some(LimitHit::Processes) => 3,
    }
}

const fn limit_of(number: u8) -> Result<Option<LimitHit>, Malformed> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(LimitHit::FileSize)),
        2 => Ok(Some(LimitHit::Memory)),
        3 => Ok(Some(LimitHit::Processes)),
        _ => Err(Malformed),
    }
}

fn cut(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(PACKET_BYTES_MAX / 2 - 64)]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("the system's limit for arguments is far below 4 GiB");
    out.extend(length.to_le_bytes());
    out.extend(bytes);
}

fn put_all(out: &mut Vec<u8>, all: &[Vec<u8>]) {
    let count = u32::try_from(all.len()).expect("the system's limit for arguments is far below 4 GiB");
    out.extend(count.to_le_bytes());
    for bytes in all {
        put(out, bytes);
    }
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (array, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
    *bytes = rest;
    Ok(*array)
}

fn take(bytes: &mut &[u8]) -> Result<Vec<u8>, Malformed> {
    let length = u32::from_le_bytes(take_array(bytes)?) as usize;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken.to_vec())
}

fn take_all(bytes: &mut &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let count = u32::from_le_bytes(take_array(bytes)?);
    (0..count).map(|_| take(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = Request> {
        let bytes = || vec(any::<u8>(), 0..20);
        let io = prop_oneof![
            Just(CommandIo::Pipes),
            Just(CommandIo::Inherited),
            (any::<u16>(), any::<u16>()).prop_map(|(rows, cols)| CommandIo::Pty { rows, cols })
        ];
        let limits = proptest::array::uniform4(proptest::option::of(0..u64::MAX));
        let limits = limits.prop_map(|[processes, memory_bytes, file_bytes, open_files]| CommandLimits {
            processes,
            memory_bytes,
            file_bytes,
            open_files,
        });
        let parts = (bytes(), io, limits, bytes(), vec(bytes(), 0..5), vec(bytes(), 0..5));
        parts.prop_map(|(plan, io, limits, cwd, argv, env)| Request {
            plan,
            io,
            limits,
            cwd,
            argv,
            env,
        })
    }

    proptest! {
        #[test]
        fn a_request_survives_its_journey_and_no_part_of_it_is_taken_for_whole(request in request()) {
            let bytes = request.encode();
            for end in 0..bytes.len() {
                prop_assert_eq!(Request::decode(&bytes[..end]), Err(Malformed));
            }
            prop_assert_eq!(Request::decode(&bytes), Ok(request));
        }

        #[test]
        fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..40)) {
            let _ = (Request::decode(&bytes), Report::decode(&bytes), Order::decode(&bytes));
        }
    }

    #[test]
    fn orders_and_reports_survive_their_journey() {
        for order in [Order::Interrupt, Order::Kill { grace_ms: 70_000 }, Order::Signal { number: 15 }] {
            assert_eq!(Order::decode(&order.encode()), Ok(order));
        }
        let unenforceable = Failure::Unenforceable {
            rule: "network off".to_owned(),
            missing: "ä".repeat(10),
        };
        let unrecordable = Failure::Unrecordable { missing: "m".to_owned() };
        let failures = [
            Failure::Program { errno: 2 },
            Failure::Cwd { errno: -1 },
            unenforceable,
            unrecordable,
        ]
        .map(Report::Failed);
        let usage = Usage {
            cpu: Duration::from_micros(1_234_567),
            peak_memory_bytes: 1 << 40,
        };
        let others = [Report::Terminal, Report::Started, Report::Recorded, Report::Here { pid: 7 }];
        let limits = [None, Some(LimitHit::FileSize), Some(LimitHit::Memory), Some(LimitHit::Processes)];
        let ends = limits
            .into_iter()
            .flat_map(|limit| [Some(256), None].map(|status| Report::Ended { status, usage, limit }));
        for report in failures.into_iter().chain(others).chain(ends) {
            assert_eq!(Report::decode(&report.encode()), Ok(report));
        }
        let long = Report::Failed(Failure::Unenforceable {
            rule: "r".repeat(9000),
            missing: "m".repeat(9000),
        });
        assert!(long.encode().len() <= PACKET_BYTES_MAX);
    }
}
