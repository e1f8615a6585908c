//! An init in namespaces of its own that has no command yet.
//!
//! To make namespaces takes a millisecond that no command needs to wait for. Only the mount namespace has to wait for it: it begins as a copy
//! of what is mounted, and that is to be what is mounted when the command starts. What is put into it in any case is there before.

use super::init::{self, Ends, Inside, OuterEnds};
use super::link::{self, Link};
use super::mounts::Private;
use super::namespaces::{self, Entered, Settled};
use super::{Refusal, quit, sockets};
use crate::plan::{Assignment, LinuxPlan, Namespace, Sockets};
use codex_process::packets;
use rustix::fd::OwnedFd;
use rustix::net::RecvFlags;
use rustix::process::Pid;
use std::io;

/// All but the mount namespace. A command with the network of the host does not enter the one of the spare.
const NAMESPACES: [Namespace; 5] = [Namespace::User, Namespace::Pid, Namespace::Ipc, Namespace::Uts, Namespace::Network];

/// Returns in the supervisor only. Init is told of its command through `socket`.
///
/// # Errors
/// If there can be none. Then there can be no command either, which says why.
pub(super) fn make(socket: &OwnedFd, link: &Link) -> io::Result<(Pid, OuterEnds)> {
    let (ends, outer) = init::pipes()?;
    match namespaces::enter(&NAMESPACES, None).map_err(|_| io::ErrorKind::Unsupported)? {
        Entered::Outside(init) => Ok((init, outer)),
        Entered::Inside(settled) => {
            drop(outer);
            // An end before there is a command is nobody's loss.
            let _ = wait(socket, link, &ends, settled);
            quit(125)
        }
    }
}

/// Waits for the command in init, and becomes the init of it. Returns if there is none.
fn wait(socket: &OwnedFd, link: &Link, ends: &Ends, mut settled: Result<Settled, Refusal>) -> io::Result<()> {
    if let Ok(settled) = &mut settled {
        if let Some(network) = &mut settled.network {
            network.wait();
        }
        // Without it the command mounts its own, and tells why if that cannot be.
        settled.private = Private::make().ok();
        settled.bounded = init::gain_nothing().is_ok();
    }
    let (_, files) = packets::receive(socket, &mut [0], RecvFlags::empty())?;
    let [request, output] = files.try_into().map_err(|_| io::ErrorKind::UnexpectedEof)?;
    rustix::stdio::dup2_stdout(&output)?;
    rustix::stdio::dup2_stderr(&output)?;
    let request = link::read_request(request)?;
    let (assignment, _): (Assignment, _) = postcard::take_from_bytes(&request.plan).map_err(io::Error::other)?;
    let LinuxPlan::Confined(confinement) = &assignment.plan else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let settled = settled.and_then(|settled| {
        namespaces::enter_mounts()?;
        let network = settled.network.filter(|_| confinement.namespaces.contains(&Namespace::Network));
        Ok(Settled { network, ..settled })
    });
    let inside = Inside {
        confinement,
        filters: &assignment.filters,
        request: &request,
        stdin: None,
        link,
        recording: None,
        strict: matches!(confinement.sockets, Sockets::Own { .. }) && sockets::inherits_others(None),
        supervisor: None,
        heard: None,
        ends,
    };
    init::run(&inside, settled)
}
