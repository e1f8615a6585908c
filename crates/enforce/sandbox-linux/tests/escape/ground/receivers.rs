//! Everything on the host that something could be sent to.

use crate::lab::Lab;
use crate::table::Probe;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

pub struct Receivers {
    tcp: Vec<(&'static str, TcpListener)>,
    udp: Vec<(&'static str, UdpSocket)>,
    streams: Vec<UnixListener>,
    datagrams: Vec<UnixDatagram>,
    packets: OwnedFd,
    queues: Queues,
    terminal: Terminal,
    pipe: File,
    abstract_name: String,
}

/// System V objects under one key, and POSIX ones under one name.
struct Queues {
    key: i32,
    name: String,
    posix: File,
    messages: i32,
    segment: i32,
    semaphore: i32,
}

/// What a user types into. Held open on both sides.
struct Terminal {
    master: File,
    _slave: File,
    name: String,
}

impl Receivers {
    pub fn new(lab: &Lab, secret: &str, probes: &[&'static Probe]) -> Self {
        let abstract_name = format!("codex-escape-{}", lab.base.file_name().unwrap().to_str().unwrap());
        let named = |kind: &str| SocketAddr::from_abstract_name(format!("{abstract_name}-{kind}")).unwrap();
        let path = |kind: &str| lab.path(&format!("listen/{kind}"));
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let packets = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        rustix::net::bind(&packets, &SocketAddrUnix::new(path("packets").as_path()).unwrap()).unwrap();
        rustix::net::listen(&packets, 100).unwrap();
        let receivers = Self {
            // IPv6 may be switched off; the controls say so.
            tcp: [("tcp4", "127.0.0.1:0"), ("tcp6", "[::1]:0")]
                .into_iter()
                .filter_map(|(kind, address)| Some((kind, TcpListener::bind(address).ok()?)))
                .collect(),
            udp: [("udp4", "127.0.0.1:0"), ("udp6", "[::1]:0")]
                .into_iter()
                .filter_map(|(kind, address)| Some((kind, UdpSocket::bind(address).ok()?)))
                .collect(),
            streams: [
                UnixListener::bind(path("stream")).unwrap(),
                UnixListener::bind_addr(&named("stream")).unwrap(),
            ]
            .into_iter()
            .chain(probes.iter().filter(|probe| probe.id.starts_with("unix-here-")).map(|probe| {
                let path = lab.path(&format!("w/in/{}-host", probe.id));
                let socket = UnixListener::bind(&path).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
                socket
            }))
            .collect(),
            datagrams: vec![
                UnixDatagram::bind(path("datagram")).unwrap(),
                UnixDatagram::bind_addr(&named("datagram")).unwrap(),
            ],
            packets,
            queues: Queues::new(&abstract_name, secret),
            terminal: Terminal::new(),
            pipe: named_pipe(&path("pipe")),
            abstract_name,
        };
        for kind in ["stream", "datagram", "packets", "pipe"] {
            fs::set_permissions(path(kind), fs::Permissions::from_mode(0o777)).unwrap();
        }
        receivers.tcp.iter().for_each(|(_, socket)| socket.set_nonblocking(true).unwrap());
        receivers.udp.iter().for_each(|(_, socket)| socket.set_nonblocking(true).unwrap());
        receivers.streams.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        receivers.datagrams.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        receivers
    }

    pub fn instructions(&self) -> Vec<String> {
        let mut lines = vec![
            format!("abstract {}", self.abstract_name),
            format!("queue /{}", self.queues.name),
            format!("ipc-key {}", self.queues.key),
            format!("terminal {}", self.terminal.name),
        ];
        lines.extend(
            self.tcp
                .iter()
                .map(|(kind, socket)| format!("{kind} {}", socket.local_addr().unwrap().port())),
        );
        lines.extend(
            self.udp
                .iter()
                .map(|(kind, socket)| format!("{kind} {}", socket.local_addr().unwrap().port())),
        );
        lines
    }

    /// Everything that came. Its senders have ended.
    pub fn arrived(&mut self) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        let mut buffer = [0; 4096];
        for (_, socket) in &self.tcp {
            arrived.extend(std::iter::from_fn(|| socket.accept().ok()).map(|(peer, _)| all_of(peer)));
        }
        for socket in &self.streams {
            arrived.extend(std::iter::from_fn(|| socket.accept().ok()).map(|(peer, _)| all_of(peer)));
        }
        while let Ok(peer) = rustix::net::accept(&self.packets) {
            arrived.push(all_of(File::from(peer)));
        }
        for (_, socket) in &self.udp {
            while let Ok(count) = socket.recv(&mut buffer) {
                arrived.push(buffer[..count].to_vec());
            }
        }
        for socket in &self.datagrams {
            while let Ok(count) = socket.recv(&mut buffer) {
                arrived.push(buffer[..count].to_vec());
            }
        }
        arrived.extend(self.queues.arrived());
        arrived.push(all_of(&self.terminal.master));
        arrived.push(all_of(&self.pipe));
        arrived
    }
}

fn named_pipe(path: &Path) -> File {
    use rustix::fs::{CWD, FileType, Mode, OFlags};
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    File::from(rustix::fs::open(path, flags, Mode::empty()).unwrap())
}

/// As much as can be read now.
fn all_of(mut peer: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error counts.
    let _ = peer.read_to_end(&mut bytes);
    bytes
}

impl Queues {
    fn new(name: &str, secret: &str) -> Self {
        static NEXT: AtomicI32 = AtomicI32::new(0);
        // Another process may have the same key; then this fails and says so.
        let key = i32::try_from(std::process::id()).unwrap() << 8 | (NEXT.fetch_add(1, Ordering::Relaxed) & 0xff);
        let flags = libc::IPC_CREAT | libc::IPC_EXCL | 0o666;
        let posix_name = CString::new(format!("/{name}")).unwrap();
        // SAFETY: plain calls on numbers and on names that live as long as the calls; the segment is 256 bytes long, which no secret is.
        unsafe {
            // All queues of a user count against one limit.
            let mut small: libc::mq_attr = std::mem::zeroed();
            (small.mq_maxmsg, small.mq_msgsize) = (4, 256);
            let queue = libc::mq_open(
                posix_name.as_ptr(),
                libc::O_RDONLY | libc::O_CREAT | libc::O_NONBLOCK,
                0o666,
                &raw const small,
            );
            assert_ne!(queue, -1, "{}", std::io::Error::last_os_error());
            libc::fchmod(queue, 0o666);
            let segment = libc::shmget(key, 256, flags);
            assert_ne!(segment, -1, "{}", std::io::Error::last_os_error());
            let place = libc::shmat(segment, std::ptr::null(), 0);
            std::ptr::copy_nonoverlapping(secret.as_ptr(), place.cast(), secret.len());
            libc::shmdt(place);
            let shared = format!("/dev/shm/{name}");
            fs::write(&shared, secret).unwrap();
            fs::set_permissions(&shared, fs::Permissions::from_mode(0o644)).unwrap();
            Self {
                key,
                name: name.to_owned(),
                posix: File::from_raw_fd(queue),
                messages: libc::msgget(key, flags),
                segment,
                semaphore: libc::semget(key, 1, flags),
            }
        }
    }

    fn arrived(&self) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        let mut buffer = [0_u8; 16384];
        // SAFETY: both calls get a buffer and its size.
        unsafe {
            loop {
                let count = libc::mq_receive(
                    self.posix.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    std::ptr::null_mut(),
                );
                let Ok(count) = usize::try_from(count) else { break };
                arrived.push(buffer[..count].to_vec());
            }
            loop {
                let count = libc::msgrcv(self.messages, buffer.as_mut_ptr().cast(), buffer.len() - 8, 0, libc::IPC_NOWAIT);
                let Ok(count) = usize::try_from(count) else { break };
                arrived.push(buffer[8..8 + count].to_vec());
            }
        }
        arrived
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        // They outlive their maker; nothing can be done if one is gone already.
        let _ = fs::remove_file(format!("/dev/shm/{}", self.name));
        let name = CString::new(format!("/{}", self.name)).unwrap_or_default();
        // SAFETY: plain calls on numbers and a name.
        unsafe {
            libc::mq_unlink(name.as_ptr());
            libc::shmctl(self.segment, libc::IPC_RMID, std::ptr::null_mut());
            libc::msgctl(self.messages, libc::IPC_RMID, std::ptr::null_mut());
            libc::semctl(self.semaphore, 0, libc::IPC_RMID);
        }
    }
}

impl Terminal {
    fn new() -> Self {
        use rustix::fs::OFlags;
        use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        fs::set_permissions(&name, fs::Permissions::from_mode(0o666)).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_str(), flags, rustix::fs::Mode::empty()).unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        Self {
            master: File::from(master),
            _slave: File::from(slave),
            name,
        }
    }
}
