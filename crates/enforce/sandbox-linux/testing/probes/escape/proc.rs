//! What `/proc` tells and changes. Where an attempt succeeds on the host it writes back what it has read.

use super::{Attempt, at, sys};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("sysctl-core-pattern", |_| rewrite("/proc/sys/kernel/core_pattern")),
    ("sysctl-hostname", |_| rewrite("/proc/sys/kernel/hostname")),
    ("sysctl-modprobe", |_| rewrite("/proc/sys/kernel/modprobe")),
    ("sysctl-swappiness", |_| rewrite("/proc/sys/vm/swappiness")),
    ("sysctl-file-max", |_| rewrite("/proc/sys/fs/file-max")),
    ("sysctl-network", |_| rewrite("/proc/sys/net/ipv4/ip_default_ttl")),
    ("sysctl-namespaces", |_| rewrite("/proc/sys/user/max_user_namespaces")),
    ("proc-sysrq", |_| {
        OpenOptions::new().write(true).open("/proc/sysrq-trigger").map(drop)
    }),
    ("proc-interrupts", |_| rewrite("/proc/irq/default_smp_affinity")),
    ("proc-binfmt", |_| {
        OpenOptions::new().write(true).open("/proc/sys/fs/binfmt_misc/register").map(drop)
    }),
    ("proc-kernel-memory", |_| File::open("/proc/kcore").map(drop)),
    ("proc-kernel-pages", |_| {
        let mut entry = [0; 8];
        File::open("/proc/kpageflags")?.read_exact(&mut entry)
    }),
    ("proc-kernel-addresses", |_| {
        let mut first = [0; 16];
        File::open("/proc/kallsyms")?.read_exact(&mut first)?;
        if first == [b'0'; 16] {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }),
    ("proc-oom-protection", |_| {
        let mut file = OpenOptions::new().write(true).open("/proc/self/oom_score_adj")?;
        file.write_all(b"-1")
    }),
    ("proc-user-map", |_| {
        super::in_child(|| {
            // With a namespace of its own where that is allowed, so that there is something to write.
            let _ = sys(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize]);
            fs::write("/proc/self/uid_map", "0 0 1").or_else(|_| fs::write("/proc/self/uid_map", format!("0 {} 1", user())))
        })
    }),
    ("proc-init-environment", |f| not_empty(&format!("/proc/{}/environ", f.init()?))),
    ("proc-init-descriptors", |f| {
        fs::read_link(format!("/proc/{}/fd/1", f.init()?)).map(drop)
    }),
    ("proc-init-memory", |f| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(format!("/proc/{}/mem", f.init()?))
            .map(drop)
    }),
    ("proc-victim-seen", |f| fs::metadata(format!("/proc/{}", f.victim()?)).map(drop)),
    ("proc-victim-environment", |f| {
        f.say(fs::read(format!("/proc/{}/environ", f.victim()?))?);
        Ok(())
    }),
    ("proc-victim-command-line", |f| {
        f.say(fs::read(format!("/proc/{}/cmdline", f.victim()?))?);
        Ok(())
    }),
    ("proc-victim-memory", |f| {
        let mut secret = vec![0; f.number("secret-length")?];
        let memory = File::open(format!("/proc/{}/mem", f.victim()?))?;
        std::os::unix::fs::FileExt::read_exact_at(&memory, &mut secret, f.number("secret-address")? as u64)?;
        f.say(secret);
        Ok(())
    }),
    ("proc-victim-descriptor", |f| {
        f.say(fs::read(format!("/proc/{}/fd/9", f.victim()?))?);
        Ok(())
    }),
    ("proc-victim-root", |f| {
        fs::write(format!("/proc/{}/root{}", f.victim()?, f.out("new").display()), f.tag())
    }),
    ("proc-own-child", |_| {
        super::with_child(|child| {
            let status = fs::read_to_string(format!("/proc/{child}/status"))?;
            let named = status.contains(&format!("Pid:\t{child}\n"));
            let folder = fs::read_link(format!("/proc/{child}/cwd"))?;
            if named && folder.is_absolute() {
                Ok(())
            } else {
                Err(io::ErrorKind::InvalidData.into())
            }
        })
    }),
    ("proc-own-memory", |_| {
        let kept = [7_u8; 4];
        let mut read = [0; 4];
        std::os::unix::fs::FileExt::read_exact_at(&File::open("/proc/self/mem")?, &mut read, at(&kept) as u64)?;
        if read == kept {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }),
    ("proc-machine", |_| {
        not_empty("/proc/cpuinfo")
            .and_then(|()| not_empty("/proc/meminfo"))
            .and_then(|()| not_empty("/proc/self/maps"))
    }),
];

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn not_empty(path: &str) -> io::Result<()> {
    if fs::read(path)?.is_empty() {
        Err(io::ErrorKind::UnexpectedEof.into())
    } else {
        Ok(())
    }
}

/// Nothing changes, but everything could have.
pub fn rewrite(path: impl AsRef<Path>) -> io::Result<()> {
    let value = fs::read(&path)?;
    OpenOptions::new().write(true).open(path)?.write_all(&value)
}
