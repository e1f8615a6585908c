//! Sockets of every other family.

use super::{Attempt, Field, at, sys};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("net-tcp", |f| TcpStream::connect(v4(f, "tcp4")?)?.write_all(f.tag())),
    ("net-tcp-v6", |f| TcpStream::connect(v6(f, "tcp6")?)?.write_all(f.tag())),
    ("net-tcp-mapped", |f| {
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port(f, "tcp4")?)))?.write_all(f.tag())
    }),
    ("net-tcp-fast-open", |f| {
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        let address = v4_bytes(port(f, "tcp4")?);
        let flags = libc::MSG_FASTOPEN as usize;
        sys(
            libc::SYS_sendto,
            [socket, at(f.tag()), f.tag().len(), flags, at(&address), address.len()],
        )
        .map(drop)
    }),
    ("net-multipath-tcp", |f| {
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)?;
        let address = v4_bytes(port(f, "tcp4")?);
        sys(libc::SYS_connect, [socket, at(&address), address.len()])?;
        sys(libc::SYS_write, [socket, at(f.tag()), f.tag().len()]).map(drop)
    }),
    ("net-tcp-listen", |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
    ("net-udp", |f| {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .send_to(f.tag(), v4(f, "udp4")?)
            .map(drop)
    }),
    ("net-udp-unbound", |f| {
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        let address = v4_bytes(port(f, "udp4")?);
        sys(
            libc::SYS_sendto,
            [socket, at(f.tag()), f.tag().len(), 0, at(&address), address.len()],
        )
        .map(drop)
    }),
    ("net-udp-connected", |f| {
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        let address = v4_bytes(port(f, "udp4")?);
        sys(libc::SYS_connect, [socket, at(&address), address.len()])?;
        sys(libc::SYS_write, [socket, at(f.tag()), f.tag().len()]).map(drop)
    }),
    ("net-udp-many", |f| {
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        super::unix::many(i32::try_from(socket).unwrap_or(-1), &v4_bytes(port(f, "udp4")?), f.tag())
    }),
    ("net-udp-v6", |f| {
        UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?
            .send_to(f.tag(), v6(f, "udp6")?)
            .map(drop)
    }),
    ("net-udp-lite", |_| {
        socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE).map(drop)
    }),
    ("net-dns", |f| {
        // A question for the address of TAG, to who stands in for the name server.
        let name = [&[u8::try_from(f.tag().len()).unwrap_or(63)], f.tag(), b"\x07invalid\0\0\x01\0\x01"].concat();
        let question = [b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".as_slice(), &name].concat();
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?
            .send_to(&question, v4(f, "udp4")?)
            .map(drop)
    }),
    ("net-icmp-raw", |_| ping(libc::SOCK_RAW)),
    ("net-icmp-datagram", |_| ping(libc::SOCK_DGRAM)),
    ("net-raw-tcp", |_| {
        socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP).map(drop)
    }),
    ("net-raw-v6", |_| {
        socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6).map(drop)
    }),
    ("net-packet", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0x300).map(drop)),
    ("net-packet-datagram", |_| {
        socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0x300).map(drop)
    }),
    ("net-netlink-route", |_| links()),
    ("net-netlink-change", |_| {
        // Removes a neighbour that nobody has: only somebody with the right to is told that there is none.
        let socket = netlink(libc::NETLINK_ROUTE)?;
        let neighbour = [
            &[libc::AF_INET as u8, 0, 0, 0][..],
            &1_u32.to_ne_bytes(),
            &[0; 4],
            &[8, 0, 1, 0, 192, 0, 2, 77],
        ]
        .concat();
        match ask(socket, 29, 5, &neighbour)? {
            Some(libc::EPERM) => Err(io::Error::from_raw_os_error(libc::EPERM)),
            _ => Ok(()),
        }
    }),
    ("net-netlink-events", |_| bound_netlink(libc::NETLINK_KOBJECT_UEVENT)),
    ("net-netlink-sockets", |_| netlink(libc::NETLINK_SOCK_DIAG).map(drop)),
    ("net-netlink-generic", |_| netlink(libc::NETLINK_GENERIC).map(drop)),
    ("net-netlink-audit", |_| netlink(libc::NETLINK_AUDIT).map(drop)),
    ("net-netlink-filter", |_| netlink(libc::NETLINK_NETFILTER).map(drop)),
    ("net-virtual-machine", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map(drop)),
    ("net-virtual-machine-datagram", |_| {
        socket(libc::AF_VSOCK, libc::SOCK_DGRAM, 0).map(drop)
    }),
    ("net-crypto", |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0).map(drop)),
    ("net-express", |_| socket(libc::AF_XDP, libc::SOCK_RAW, 0).map(drop)),
    ("net-key", |_| socket(libc::AF_KEY, libc::SOCK_RAW, 2).map(drop)),
    ("net-sctp", |_| {
        socket(libc::AF_INET, libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP).map(drop)
    }),
    ("net-bluetooth", |_| socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1).map(drop)),
    ("net-can", |_| socket(libc::AF_CAN, libc::SOCK_RAW, 1).map(drop)),
    ("net-interfaces", |_| {
        // The names and states of interfaces, by the old way.
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        let mut request = [0_u8; 40];
        request[..2].copy_from_slice(b"lo");
        sys(
            libc::SYS_ioctl,
            [socket, libc::SIOCGIFFLAGS as usize, (&raw mut request).expose_provenance()],
        )
        .map(drop)
    }),
];

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<usize> {
    sys(
        libc::SYS_socket,
        [family as usize, (kind | libc::SOCK_CLOEXEC) as usize, protocol as usize],
    )
}

fn port(field: &Field, kind: &str) -> io::Result<u16> {
    u16::try_from(field.number(kind)?).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn v4(field: &Field, kind: &str) -> io::Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, port(field, kind)?).into())
}

fn v6(field: &Field, kind: &str) -> io::Result<SocketAddr> {
    Ok((Ipv6Addr::LOCALHOST, port(field, kind)?).into())
}

fn v4_bytes(port: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    bytes[4..8].copy_from_slice(&Ipv4Addr::LOCALHOST.octets());
    bytes
}

/// Sends an echo request over the loopback and waits for what comes back.
fn ping(kind: i32) -> io::Result<()> {
    let socket = socket(libc::AF_INET, kind, libc::IPPROTO_ICMP)?;
    let (address, echo) = (v4_bytes(0), [8_u8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    sys(libc::SYS_sendto, [socket, at(&echo), echo.len(), 0, at(&address), address.len()])?;
    let mut answer = [0_u8; 64];
    sys(
        libc::SYS_recvfrom,
        [socket, (&raw mut answer).expose_provenance(), answer.len(), 0, 0, 0],
    )
    .map(drop)
}

fn netlink(protocol: i32) -> io::Result<usize> {
    socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol)
}

fn bound_netlink(protocol: i32) -> io::Result<()> {
    let socket = netlink(protocol)?;
    let address = [libc::AF_NETLINK as u32, 0, 1];
    sys(libc::SYS_bind, [socket, at(&address), size_of_val(&address)]).map(drop)
}

/// What interfaces there are.
fn links() -> io::Result<()> {
    const GET_LINKS: u16 = 18;
    const DUMP: u16 = 0x301;
    let socket = netlink(libc::NETLINK_ROUTE)?;
    ask(socket, GET_LINKS, DUMP, &[0; 16]).map(drop)
}

/// Sends a request and returns the error in the answer, if it is one.
fn ask(socket: usize, kind: u16, flags: u16, body: &[u8]) -> io::Result<Option<i32>> {
    const ERROR: u16 = 2;
    let length = u32::try_from(16 + body.len()).unwrap_or_default();
    let mut request = length.to_ne_bytes().to_vec();
    request.extend([kind.to_ne_bytes(), flags.to_ne_bytes()].concat());
    request.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    request.extend(body);
    sys(libc::SYS_sendto, [socket, at(&*request), request.len(), 0, 0, 0])?;
    let mut answer = [0_u8; 8192];
    let count = sys(
        libc::SYS_recvfrom,
        [socket, (&raw mut answer).expose_provenance(), answer.len(), 0, 0, 0],
    )?;
    let is_error = count >= 20 && u16::from_ne_bytes([answer[4], answer[5]]) == ERROR;
    Ok(is_error.then(|| -i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]])))
}
