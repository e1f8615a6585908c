//! The calls of a command without namespaces that its supervisor gets to see ([`super::super::broker`]).

use super::number::{Number, call, older};
use crate::helper::listener::{Row, When};

/// Always.
const CALLS: &[Number] = &[
    call!(fchmod),
    call!(fchmodat),
    call!(fchmodat2),
    call!(utimensat),
    call!(mkdirat),
    call!(unlinkat),
    call!(renameat),
    call!(renameat2),
    call!(linkat),
    call!(symlinkat),
    call!(truncate),
    older!(chmod),
    older!(utime),
    older!(utimes),
    older!(futimesat),
    older!(creat),
    older!(mkdir),
    older!(rmdir),
    older!(unlink),
    older!(rename),
    older!(link),
    older!(symlink),
];

/// With [`WRITES`] in this argument: not what opens for reading, of which there is far more.
const WITH: &[(Number, u32)] = &[(call!(openat), 2), (older!(open), 1)];

const WRITES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).cast_unsigned();

/// With exactly this second argument.
const IOCTL: u32 = libc::TIOCGPTPEER as u32;

pub(in crate::helper) fn rows() -> Vec<Row> {
    let always = CALLS.iter().map(|call| (*call, When::Always));
    let with = WITH.iter().map(|(call, argument)| {
        let when = When::Has {
            argument: *argument,
            bits: WRITES,
        };
        (*call, when)
    });
    let terminals = (call!(ioctl), When::Is { argument: 1, value: IOCTL });
    let rows = always.chain(with).chain([terminals]);
    rows.filter_map(|(call, when)| Some(Row { call: call.here()?, when })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helper::listener::tests::is_handed_over;

    #[test]
    fn what_writes_is_handed_over_and_what_reads_goes_on() {
        let rows = rows();
        let check = |call: i64, arguments: [u64; 6], expect: bool| {
            assert_eq!(is_handed_over(&rows, call, arguments), expect, "{call} {arguments:?}");
        };
        let open = |flags: i32| [0, 0, u64::from(flags.cast_unsigned()), 0, 0, 0];

        for call in CALLS.iter().filter_map(|call| call.here()) {
            check(call, [0; 6], true);
        }
        check(libc::SYS_openat, open(libc::O_RDONLY | libc::O_CLOEXEC), false);
        check(libc::SYS_openat, open(libc::O_WRONLY), true);
        check(libc::SYS_openat, open(libc::O_RDWR), true);
        check(libc::SYS_openat, open(libc::O_CREAT), true);
        check(libc::SYS_openat, open(libc::O_TRUNC), true);
        check(libc::SYS_ioctl, [0, u64::from(IOCTL), 0, 0, 0, 0], true);
        check(libc::SYS_ioctl, [0, libc::TCGETS, 0, 0, 0, 0], false);
        check(libc::SYS_read, [0; 6], false);
        check(libc::SYS_write, [1; 6], false);
    }
}
