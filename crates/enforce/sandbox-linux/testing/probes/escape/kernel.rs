//! Parts of the kernel that lead around the other rules, or that no ordinary program needs.

use super::{Attempt, Field, at, c, minus, sys};
use std::fs;
use std::io;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("kernel-io-uring", |_| ring().map(drop)),
    ("kernel-io-uring-enter", |_| {
        // Without a ring the call still says whether it looks at the descriptor.
        let ring = ring().unwrap_or(usize::from(u16::MAX));
        looked_at(sys(libc::SYS_io_uring_enter, [ring, 0, 0, 0, 0, 0]), libc::EBADF)
    }),
    ("kernel-io-uring-register", |_| {
        let ring = ring().unwrap_or(usize::from(u16::MAX));
        looked_at(sys(libc::SYS_io_uring_register, [ring, 0xffff, 0, 0]), libc::EINVAL)
    }),
    ("kernel-bpf-map", |_| {
        const CREATE_MAP: usize = 0;
        let array_of_four_bytes = [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0];
        sys(
            libc::SYS_bpf,
            [CREATE_MAP, at(&array_of_four_bytes), size_of_val(&array_of_four_bytes)],
        )
        .map(drop)
    }),
    ("kernel-perf-self", |_| perf(0)),
    ("kernel-perf-victim", |f| perf(f.victim()?)),
    ("kernel-userfaultfd", |_| sys(libc::SYS_userfaultfd, [1]).map(drop)),
    ("kernel-keyring-session", |_| {
        const JOIN_SESSION: usize = 1;
        sys(libc::SYS_keyctl, [JOIN_SESSION, 0]).map(drop)
    }),
    ("kernel-keyring-user", |_| {
        const GET_ID: usize = 0;
        const OF_THE_USER: usize = minus(4);
        sys(libc::SYS_keyctl, [GET_ID, OF_THE_USER, 1]).map(drop)
    }),
    ("kernel-key-add", |f| {
        const PROCESS: usize = minus(2);
        let name = c(&f.tag);
        sys(libc::SYS_add_key, [at(c"user"), at(&*name), at(f.tag()), f.tag().len(), PROCESS]).map(drop)
    }),
    ("kernel-key-request", |f| {
        let name = c(&f.tag);
        looked_at(sys(libc::SYS_request_key, [at(c"user"), at(&*name), 0, 0]), libc::ENOKEY)
    }),
    ("kernel-compare", |f| {
        let victim = f.victim()?;
        sys(libc::SYS_kcmp, [std::process::id() as usize, victim, 0, 0, 0]).map(drop)
    }),
    ("kernel-32-bit-numbers", |f| number_of_32_bit(f)),
    ("kernel-x32-numbers", |f| {
        const X32: i64 = 0x4000_0000;
        let number = if cfg!(target_arch = "x86_64") { libc::SYS_openat | X32 } else { -1 };
        let flags = (libc::O_CREAT | libc::O_WRONLY) as usize;
        sys(number, [super::CWD, at(&*c(f.out("new"))), flags, 0o666]).map(drop)
    }),
    ("kernel-segments", |_| {
        let number = if cfg!(target_arch = "x86_64") { 154 } else { -1 };
        let mut table = [0_u8; 16];
        sys(number, [0, (&raw mut table).expose_provenance(), table.len()]).map(drop)
    }),
    ("kernel-unknown-call", |_| match sys(10_000, []) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
    }),
    ("kernel-own-filter", |_| {
        super::in_child(|| {
            const STRICTER: usize = 1;
            let allow = [0x06_u64 | 0x7fff_0000 << 32];
            let program = [1, at(&allow)];
            sys(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0])?;
            sys(libc::SYS_seccomp, [STRICTER, 0, at(&program)]).map(drop)
        })
    }),
    ("kernel-own-landlock", |_| {
        super::in_child(|| {
            let handled = [2_u64];
            let rules = sys(libc::SYS_landlock_create_ruleset, [at(&handled), 8, 0])?;
            sys(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0])?;
            sys(libc::SYS_landlock_restrict_self, [rules, 0]).map(drop)
        })
    }),
    ("kernel-memory-program", |_| {
        super::in_child(|| {
            let file = sys(libc::SYS_memfd_create, [at(c"program"), 0])?;
            let program = fs::read("/bin/true")?;
            sys(libc::SYS_write, [file, at(&*program), program.len()])?;
            let arguments = [at(c"true"), 0];
            let empty = c"";
            sys(
                libc::SYS_execveat,
                [file, at(empty), at(&arguments), at(&[0_usize]), libc::AT_EMPTY_PATH as usize],
            )?;
            Ok(())
        })
    }),
    ("kernel-executable-memory", |_| {
        let access = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as usize;
        let sharing = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
        sys(libc::SYS_mmap, [0, 4096, access, sharing, minus(1), 0]).map(drop)
    }),
    ("kernel-executable-data", |_| {
        super::in_child(|| sys(libc::SYS_personality, [0x0040_0000]).map(drop))
    }),
    ("kernel-fixed-addresses", |_| {
        super::in_child(|| sys(libc::SYS_personality, [0x0004_0000]).map(drop))
    }),
];

/// Looked at its arguments and did not like them: nothing else stands in the way.
pub fn looked_at(result: io::Result<usize>, disliked: i32) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() != Some(disliked) => Err(error),
        _ => Ok(()),
    }
}

fn ring() -> io::Result<usize> {
    let mut settings = [0_u8; 120];
    sys(libc::SYS_io_uring_setup, [1, (&raw mut settings).expose_provenance()])
}

/// Counts page faults, which needs no hardware.
fn perf(process: usize) -> io::Result<()> {
    const SOFTWARE: u32 = 1;
    const PAGE_FAULTS: u64 = 2;
    const NOT_THE_KERNEL: u64 = 0b110_0000;
    let mut attributes = [0_u64; 16];
    attributes[0] = u64::from(SOFTWARE) | 128 << 32;
    attributes[1] = PAGE_FAULTS;
    attributes[5] = NOT_THE_KERNEL;
    sys(libc::SYS_perf_event_open, [at(&attributes), process, minus(1), minus(1), 0]).map(drop)
}

/// Makes a file with the numbers of 32-bit programs, which a filter for 64-bit ones does not know.
#[cfg(target_arch = "x86_64")]
fn number_of_32_bit(field: &Field) -> io::Result<()> {
    const CREATE: u64 = 8;
    let path = c(field.out("new"));
    let access = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let low = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT) as usize;
    let page = sys(libc::SYS_mmap, [0, 4096, access, low, minus(1), 0])?;
    let bytes = path.as_bytes_with_nul();
    let result: u64;
    // SAFETY: the kernel just gave us the page, which is longer than any path here; the call only reads from it. `rbx` is kept.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), std::ptr::with_exposed_provenance_mut(page), bytes.len());
        std::arch::asm!(
            "push rbx",
            "mov rbx, {path}",
            "int 0x80",
            "pop rbx",
            path = in(reg) page,
            inout("rax") CREATE => result,
            in("rcx") 0o666_u64,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    let result = (result & 0xffff_ffff) as u32;
    if result.cast_signed() < 0 {
        Err(io::Error::from_raw_os_error(-result.cast_signed()))
    } else {
        Ok(())
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn number_of_32_bit(_field: &Field) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}
