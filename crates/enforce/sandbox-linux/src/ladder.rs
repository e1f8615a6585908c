//! Which ways of confining commands this host has.
//!
//! Input: what was seen of the host, the outcome of one trial included. Output: the [`Capabilities`] for humans and programs, and the
//! [`Way`] that is taken. Nothing here touches the system.

use codex_protocol::facts::{Capabilities, Lack, LackKind, Rung, Shortfall, ShortfallKind};

/// How commands are confined, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Namespaces and mounts, with Landlock as far as there is any.
    Namespaces,
    /// Landlock and the filter alone.
    Landlock { abi: u32, hands_over: bool },
}

/// The version of Landlock that knows truncation (Linux 6.2). Without it a command could empty every file of its user.
const LANDLOCK_MIN: u32 = 3;
/// The version that keeps signals inside (Linux 6.12).
pub(crate) const LANDLOCK_SIGNALS: u32 = 6;

/// What was seen of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// We are root.
    pub root: bool,
    /// The kernel was built with user namespaces.
    pub user_namespaces: bool,
    /// `user.max_net_namespaces`.
    pub network_namespaces_max: Option<u64>,
    /// `user.max_user_namespaces`.
    pub user_namespaces_max: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, of Debian's kernels.
    pub unprivileged_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    pub apparmor_restricts: bool,
    /// A filter for system calls is around us.
    pub filtered: bool,
    /// What making the namespaces and mounts came to.
    pub trial: Result<(), String>,
    /// A supervisor can be handed calls of a command: nobody around us listens to them already.
    pub hands_over: bool,
    /// The version of Landlock.
    pub landlock: Result<u32, NoLandlock>,
    /// The kernel takes filters for system calls.
    pub seccomp: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLandlock {
    /// The kernel has not got it, or a filter hides it.
    Unknown,
    /// It is there and not switched on at boot.
    SwitchedOff,
}

impl HostLimits {
    /// The best way that this host has, or, with `only`, that one if it has it.
    pub fn way(&self) -> Option<Way> {
        if self.lacks_for_namespaces().is_empty() {
            Some(Way::Namespaces)
        } else {
            self.landlock_way()
        }
    }

    /// The second one, if this host has it.
    pub fn landlock_way(&self) -> Option<Way> {
        let abi = self.landlock.ok()?;
        self.lacks_for_landlock().is_empty().then_some(Way::Landlock {
            abi,
            hands_over: self.hands_over,
        })
    }

    /// For who asks what can be enforced.
    pub fn capabilities(&self, way: Option<Way>) -> Capabilities {
        let rungs = vec![
            Rung {
                mechanism: Way::NAMESPACES.to_owned(),
                lacks: self.lacks_for_namespaces(),
                shortfalls: if self.hands_over { Vec::new() } else { vec![pairs_only()] },
                shows: Vec::new(),
            },
            Rung {
                mechanism: Way::LANDLOCK.to_owned(),
                lacks: self.lacks_for_landlock(),
                shortfalls: shortfalls(self.landlock.unwrap_or(0), self.hands_over),
                shows: shows(),
            },
        ];
        let lacks = rungs.iter().flat_map(|rung| &rung.lacks);
        let mut missing: Vec<String> = lacks.map(|lack| format!("{} ({})", lack.why, lack.remedy)).collect();
        missing.dedup();
        Capabilities {
            mechanism: way.map_or("none", Way::mechanism).to_owned(),
            confines: way.is_some(),
            missing: if way.is_some() { Vec::new() } else { missing },
            rungs,
        }
    }

    fn lacks_for_namespaces(&self) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if !self.user_namespaces {
            lacks.push(lack(
                LackKind::Kernel,
                "the kernel has no user namespaces",
                "take a kernel with CONFIG_USER_NS",
            ));
        }
        let switched_off = [
            ("user namespaces", "user.max_user_namespaces", self.user_namespaces_max),
            ("network namespaces", "user.max_net_namespaces", self.network_namespaces_max),
        ];
        for (what, key, _) in switched_off.into_iter().filter(|(_, _, max)| *max == Some(0)) {
            lacks.push(lack(
                LackKind::Setting,
                &format!("{what} are switched off (sysctl {key} is 0)"),
                &format!("as root: sysctl -w {key}=10000"),
            ));
        }
        if self.unprivileged_clone == Some(0) && !self.root {
            lacks.push(lack(
                LackKind::Setting,
                "user namespaces are for root only (sysctl kernel.unprivileged_userns_clone is 0)",
                "as root: sysctl -w kernel.unprivileged_userns_clone=1",
            ));
        }
        match &self.trial {
            Err(failure) if lacks.is_empty() => lacks.push(self.refused(failure)),
            Ok(()) | Err(_) => {}
        }
        lacks.extend(self.lacks_filter());
        lacks
    }

    /// Nothing tells directly who refused.
    fn refused(&self, failure: &str) -> Lack {
        if self.filtered {
            lack(
                LackKind::SystemCallFilter,
                &format!("the filter around this process (a container's, or another sandbox's) allows no namespaces or mounts: {failure}"),
                "a container can be started with `--security-opt seccomp=unconfined`, or a filter that allows unshare, clone and mount",
            )
        } else if self.apparmor_restricts {
            lack(
                LackKind::SecurityModule,
                &format!("AppArmor takes the rights of user namespaces away: {failure}"),
                "as root: give codex a profile of AppArmor with `userns,`, or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            )
        } else if failure.contains("Function not implemented") {
            lack(LackKind::Kernel, failure, "take Linux 5.12 or newer")
        } else {
            lack(
                LackKind::Unknown,
                failure,
                "look for a security module or a container that refuses namespaces or mounts",
            )
        }
    }

    fn lacks_for_landlock(&self) -> Vec<Lack> {
        let mut lacks = Vec::new();
        match self.landlock {
            Ok(abi) if abi < LANDLOCK_MIN => lacks.push(lack(
                LackKind::Kernel,
                &format!("version {abi} of Landlock cannot keep files from being emptied (truncate)"),
                "take Linux 6.2 or newer",
            )),
            Ok(_) => {}
            Err(NoLandlock::SwitchedOff) => lacks.push(lack(
                LackKind::Setting,
                "Landlock is switched off",
                "add `landlock` to the list behind lsm= on the kernel's command line",
            )),
            Err(NoLandlock::Unknown) if self.filtered => lacks.push(lack(
                LackKind::SystemCallFilter,
                "the kernel has no Landlock, or the filter around this process allows none",
                "take Linux 6.2 or newer, and a filter that allows landlock_create_ruleset, landlock_add_rule and landlock_restrict_self",
            )),
            Err(NoLandlock::Unknown) => lacks.push(lack(
                LackKind::Kernel,
                "the kernel has no Landlock",
                "take Linux 6.2 or newer with CONFIG_SECURITY_LANDLOCK",
            )),
        }
        lacks.extend(self.lacks_filter());
        lacks
    }

    fn lacks_filter(&self) -> Option<Lack> {
        (!self.seccomp).then(|| {
            lack(
                LackKind::Kernel,
                "the kernel takes no filters for system calls",
                "take a kernel with CONFIG_SECCOMP_FILTER",
            )
        })
    }
}

impl Way {
    const NAMESPACES: &str = "linux-namespaces";
    const LANDLOCK: &str = "linux-landlock";

    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Namespaces => Self::NAMESPACES,
            Self::Landlock { .. } => Self::LANDLOCK,
        }
    }
}

/// Where calls are not handed over to the helper.
fn pairs_only() -> Shortfall {
    Shortfall {
        kind: ShortfallKind::System,
        what: "unix sockets come in connected pairs only, unless all of them are opened".to_owned(),
    }
}

/// What the second way refuses whatever the policy is.
pub(crate) fn shortfalls(abi: u32, hands_over: bool) -> Vec<Shortfall> {
    use ShortfallKind::{Metadata, Names, NamesAroundHidden, System};
    let found: &[(ShortfallKind, &str)] = if hands_over {
        &[
            (
                NamesAroundHidden,
                "in a writable folder that holds something hidden nothing is made, renamed or removed but by a patch",
            ),
            (Metadata, "owners and attributes of files do not change"),
            (System, "no shared memory, message queues or semaphores of the system, no /dev/shm"),
        ]
    } else {
        &[
            (
                Names,
                "in a folder that holds a protected or hidden name, such as the top of the workspace, nothing is made, renamed or removed but by a patch",
            ),
            (Names, "git looks and does not write: no add, commit, switch or stash"),
            (Metadata, "permissions, owners, times and attributes of files do not change"),
            (
                System,
                "no shared memory, message queues or semaphores of the system, no /dev/shm, no new terminals",
            ),
        ]
    };
    let signals = (abi < LANDLOCK_SIGNALS).then_some((System, "signals reach the group of the sender only"));
    let shortfall = |(kind, what): (_, &str)| Shortfall {
        kind,
        what: what.to_owned(),
    };
    found.iter().copied().chain(signals).map(shortfall).chain([pairs_only()]).collect()
}

/// What the second way does not hide.
pub(crate) fn shows() -> Vec<String> {
    [
        "of other processes the names and command lines are seen, nothing else",
        "of hidden files the names, sizes and times are seen where a folder around them can be named",
    ]
    .map(str::to_owned)
    .into()
}

fn lack(kind: LackKind, why: &str, remedy: &str) -> Lack {
    Lack {
        kind,
        why: why.to_owned(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostLimits {
        HostLimits {
            root: false,
            user_namespaces: true,
            network_namespaces_max: Some(100),
            user_namespaces_max: Some(100),
            unprivileged_clone: None,
            apparmor_restricts: false,
            filtered: false,
            trial: Ok(()),
            hands_over: true,
            landlock: Ok(7),
            seccomp: true,
        }
    }

    fn refused() -> HostLimits {
        HostLimits {
            trial: Err("refused".to_owned()),
            ..host()
        }
    }

    #[test]
    fn every_host_gets_the_best_way_it_has_and_the_reasons() {
        let hosts = [
            ("all", host()),
            (
                "AppArmor",
                HostLimits {
                    apparmor_restricts: true,
                    ..refused()
                },
            ),
            (
                "container",
                HostLimits {
                    filtered: true,
                    apparmor_restricts: true,
                    ..refused()
                },
            ),
            (
                "sysctl, old kernel",
                HostLimits {
                    user_namespaces_max: Some(0),
                    landlock: Ok(2),
                    ..refused()
                },
            ),
            (
                "Debian's sysctl",
                HostLimits {
                    unprivileged_clone: Some(0),
                    ..refused()
                },
            ),
            (
                "the same, root",
                HostLimits {
                    unprivileged_clone: Some(0),
                    root: true,
                    ..host()
                },
            ),
            (
                "no Landlock",
                HostLimits {
                    landlock: Err(NoLandlock::Unknown),
                    ..host()
                },
            ),
            (
                "nothing",
                HostLimits {
                    landlock: Err(NoLandlock::SwitchedOff),
                    ..refused()
                },
            ),
            (
                "nothing in a container",
                HostLimits {
                    landlock: Err(NoLandlock::Unknown),
                    filtered: true,
                    ..refused()
                },
            ),
            ("no filter", HostLimits { seccomp: false, ..host() }),
        ];
        let shown: Vec<String> = hosts
            .into_iter()
            .map(|(name, host)| {
                let capabilities = host.capabilities(host.way());
                let lacks = |rung: &Rung| {
                    rung.lacks
                        .iter()
                        .map(|lack| format!("\n    {:?}: {}", lack.kind, lack.why))
                        .collect::<String>()
                };
                let rungs: String = capabilities
                    .rungs
                    .iter()
                    .map(|rung| format!("\n  {}{}", rung.mechanism, lacks(rung)))
                    .collect();
                assert_eq!(capabilities.confines, capabilities.missing.is_empty());
                format!("{name}: {}{rungs}", capabilities.mechanism)
            })
            .collect();

        insta::assert_snapshot!(shown.join("\n"));
    }
}
