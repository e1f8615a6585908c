//! The [`Sandbox`] of this system: plans, and says what this kernel lacks.

use crate::helper::seccomp;
use crate::ladder::Way;
use crate::plan::{Assignment, Filters, LinuxPlan, Own};
use crate::planned::{Encoded, Manner, Planned, Plans, Question};
use crate::{HELPER_ARG0, around, cgroup, facts, host};
use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use codex_process::record::Recording;
use codex_process::starter::Starter;
use codex_process::{CommandSpec, Launch, PreparedCommand, Sandbox, SandboxError};
use codex_protocol::facts::Capabilities;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Confines commands, and supervises also those that it does not confine.
#[derive(Debug)]
pub struct LinuxSandbox {
    helper: PathBuf,
    without_namespaces: bool,
    /// One command is prepared without a trial, which would take as long as the command.
    trusting: AtomicBool,
    found: OnceLock<Found>,
    /// Whether a filter for system calls is around us.
    filtered: OnceLock<bool>,
    plans: Mutex<Plans>,
    starter: OnceLock<Option<Arc<Starter>>>,
    /// Asked for by every command, and always the same few.
    filters: Mutex<Vec<(seccomp::Question, Filters)>>,
    /// Where control groups of commands are made, if they are.
    groups: OnceLock<Result<PathBuf, String>>,
}

/// What this host has, looked up once: the trial takes as long as a command.
#[derive(Debug)]
struct Found {
    way: Option<Way>,
    /// The kernel hands calls of a command over.
    mediated: bool,
    capabilities: Capabilities,
}

/// The sandbox whose helper is the running executable. Looks at nothing yet.
pub fn probe() -> LinuxSandbox {
    // Still the right file when the one on disk has been replaced meanwhile.
    LinuxSandbox::with_helper("/proc/self/exe".into())
}

impl LinuxSandbox {
    /// Another executable that calls [`crate::helper_main`] under the name [`HELPER_ARG0`].
    pub const fn with_helper(helper: PathBuf) -> Self {
        Self {
            helper,
            without_namespaces: false,
            trusting: AtomicBool::new(false),
            found: OnceLock::new(),
            filtered: OnceLock::new(),
            plans: Mutex::new(Plans::new(true)),
            starter: OnceLock::new(),
            filters: Mutex::new(Vec::new()),
            groups: OnceLock::new(),
        }
    }

    /// As on a host that refuses namespaces: what is tested there.
    #[must_use]
    pub fn without_namespaces(helper: PathBuf) -> Self {
        Self {
            without_namespaces: true,
            ..Self::with_helper(helper)
        }
    }

    /// For a process that runs one command and ends. Nothing is watched, and namespaces are taken for granted: where they are not, the attempt
    /// is refused, and what is prepared after it is what this host has.
    #[must_use]
    pub fn for_one_command(self) -> Self {
        Self {
            trusting: AtomicBool::new(!self.without_namespaces && !host::is_filtered()),
            plans: Mutex::new(Plans::new(false)),
            ..self
        }
    }

    /// Makes the control groups of commands in this folder of a mounted `cgroup2`, or none, whatever would be chosen by itself.
    #[must_use]
    pub fn with_groups_in(self, folder: Option<PathBuf>) -> Self {
        if let Some(folder) = &folder {
            cgroup::sweep(folder);
        }
        Self {
            groups: OnceLock::from(folder.ok_or_else(|| "none are made".to_owned())),
            ..self
        }
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| {
            let limits = host::look_up(&self.helper);
            let way = if self.without_namespaces {
                limits.landlock_way()
            } else {
                limits.way()
            };
            Found {
                way,
                mediated: limits.hands_over,
                capabilities: limits.capabilities(way),
            }
        })
    }

    /// Where supervisors can be told by a descriptor, since they are not our own children then (Linux 5.3).
    fn starter(&self) -> Option<&Arc<Starter>> {
        let starter = self.starter.get_or_init(|| {
            let own = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty());
            own.ok()
                .map(|_| Arc::new(Starter::new(self.helper.clone(), HELPER_ARG0.to_owned())))
        });
        starter.as_ref()
    }

    fn filters(&self, plan: &LinuxPlan, recording: Option<Recording>) -> Result<Filters, SandboxError> {
        let (system_calls, sockets, without_namespaces) = match plan {
            LinuxPlan::Unconfined => return Ok(Filters::default()),
            LinuxPlan::Confined(plan) => (plan.system_calls, plan.sockets.kind(), None),
            LinuxPlan::Landlocked(plan) => (plan.system_calls, plan.sockets.kind(), Some(plan.signals)),
        };
        let question = seccomp::Question {
            system_calls,
            sockets,
            without_namespaces,
            recording,
        };
        let mut known = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, filters)) = known.iter().find(|(known, _)| *known == question) {
            return Ok(filters.clone());
        }
        let filters = seccomp::compile(question).map_err(|missing| SandboxError::Unenforceable {
            rule: "refused system calls".to_owned(),
            missing,
        })?;
        known.push((question, filters.clone()));
        Ok(filters)
    }

    /// The plan for a command under `policy`, as it travels, and what it enforces.
    fn plan(&self, policy: &ResolvedPolicy, cwd: &AbsPath, recording: Option<Recording>) -> Result<Arc<Planned>, SandboxError> {
        let encode = |plan: &LinuxPlan| self.encode(plan, recording);
        if !policy.confined {
            return Ok(Arc::new(Planned {
                encoded: encode(&LinuxPlan::Unconfined)?,
                enforced: Vec::new(),
                scratch_in: None,
                ruleset: None,
                policy: ResolvedPolicy::unconfined(),
            }));
        }
        let (way, mediated) = if self.found.get().is_none() && self.trusting.swap(false, Ordering::Relaxed) {
            (Way::Namespaces, true)
        } else {
            let found = self.found();
            let way = found.way.ok_or_else(|| SandboxError::Unenforceable {
                rule: format!("sandbox mode {}", policy.mode.as_str()),
                missing: found.capabilities.missing.join("; "),
            })?;
            (way, found.mediated)
        };
        let question = Question {
            policy,
            cwd,
            manner: Manner { recording, way, mediated },
        };
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).of(question, encode)
    }

    fn encode(&self, plan: &LinuxPlan, recording: Option<Recording>) -> Result<Encoded, SandboxError> {
        let assignment = Assignment {
            filters: self.filters(plan, recording)?,
            plan: plan.clone(),
            recording,
            groups: self.groups.get_or_init(cgroup::find).clone().ok(),
        };
        Ok(Encoded {
            bytes: postcard::to_allocvec(&assignment).map_err(untold)?,
            suits: assignment.suits(),
        })
    }
}

fn untold(error: postcard::Error) -> SandboxError {
    SandboxError::Unenforceable {
        rule: "a path of the policy".to_owned(),
        missing: format!("it cannot be handed over: {error}"),
    }
}

impl Sandbox for LinuxSandbox {
    /// A few small files, three system calls and one start of the helper. What is different later is reported by the attempt, as
    /// [`SandboxError::Unenforceable`].
    fn capabilities(&self) -> &Capabilities {
        &self.found().capabilities
    }

    fn prepare(&self, command: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        self.prepare_with(command, policy, None)
    }

    fn prepare_recorded(
        &self,
        command: CommandSpec,
        policy: &ResolvedPolicy,
        recording: Recording,
    ) -> Result<PreparedCommand, SandboxError> {
        self.prepare_with(command, policy, Some(recording))
    }
}

impl LinuxSandbox {
    fn prepare_with(
        &self,
        mut command: CommandSpec,
        policy: &ResolvedPolicy,
        recording: Option<Recording>,
    ) -> Result<PreparedCommand, SandboxError> {
        let planned = self.plan(policy, &command.cwd, recording)?;
        let withheld = if *self.filtered.get_or_init(host::is_filtered) {
            around::withheld(policy, &command.cwd, policy.confined && self.found().mediated)
        } else {
            Vec::new()
        };
        let mut enforced = planned.enforced.clone();
        enforced.push(cgroup::title(self.groups.get_or_init(cgroup::find)));
        let scratch = planned.scratch_in.as_ref().map(|folder| folder.join(facts::scratch_name()));
        // A pattern may close it.
        let scratch = scratch.filter(|scratch| rights(&planned.policy, scratch) == Rights::Write);
        if let Some(scratch) = &scratch {
            command.env.retain(|(name, _)| name != "TMPDIR");
            command.env.push(("TMPDIR".into(), scratch.as_os_str().to_owned()));
            enforced.push(format!("temporary files: in {scratch} (TMPDIR)"));
        }
        let mut plan = planned.encoded.bytes.clone();
        plan.extend(postcard::to_allocvec(&Own { scratch }).map_err(untold)?);
        let launch = Launch::Helper {
            program: self.helper.clone(),
            arg0: HELPER_ARG0.to_owned(),
            plan,
            attached: planned.ruleset.clone(),
            starter: self.starter().cloned(),
            suits: planned.encoded.suits,
        };
        Ok(PreparedCommand {
            spec: command,
            launch,
            enforced,
            withheld,
        })
    }
}
