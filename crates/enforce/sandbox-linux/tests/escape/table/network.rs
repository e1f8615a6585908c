use super::{ALL, Effect, NETWORK, Probe, WRITING, answer, row};

const OPEN: &str = "with network access all of the network is open, this machine included";
const OWN: &str = "its own";

const fn sends(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Arrived)
}

pub const IPC: &[Probe] = &[
    row("ipc-shared-memory", "read a System V segment of the host", Effect::Secret),
    sends("ipc-message", "send to a System V queue of the host"),
    answer("ipc-semaphore", "set a System V semaphore of the host"),
    sends("ipc-posix-queue", "send to a POSIX queue of the host"),
    row("ipc-posix-memory", "read a POSIX segment of the host", Effect::Secret),
    answer("ipc-own-shared-memory", "make an own System V segment").allowed(ALL, "in an own namespace"),
    answer("ipc-own-posix-memory", "make an own POSIX segment").allowed(ALL, "in a private `/dev/shm`"),
];

pub const UNIX: &[Probe] = &[
    sends("unix-connect", "connect to a stream socket"),
    sends("unix-connect-link", "connect through a symbolic link in the workspace"),
    sends("unix-connect-process-root", "connect through `/proc/self/root`"),
    sends("unix-connect-packets", "connect to a packet socket"),
    sends("unix-connect-abstract", "connect to an abstract name"),
    sends("unix-datagram-send-to", "`sendto` a datagram socket"),
    sends("unix-datagram-connect", "connect to a datagram socket"),
    sends("unix-datagram-message", "`sendmsg` to a datagram socket without connecting"),
    sends("unix-datagram-raw", "the same from a raw unix socket"),
    sends("unix-datagram-pair", "the same from one of a pair"),
    sends("unix-datagram-many", "`sendmmsg` to a datagram socket"),
    sends("unix-datagram-abstract", "send to an abstract name"),
    sends("unix-descriptor", "pass an open file to the host"),
    row("unix-bind", "listen at a path in the workspace", Effect::Made).allowed(WRITING, OWN),
    row("unix-bind-datagram", "bind a datagram socket in the workspace", Effect::Made),
    answer("unix-bind-abstract", "listen at an abstract name").allowed(ALL, OWN),
    answer("unix-own", "talk to itself over a socket in the workspace").allowed(WRITING, OWN),
    answer("unix-own-abstract", "talk to itself over an abstract name").allowed(ALL, OWN),
    sends("unix-here-connect", "connect to a socket of the host in the workspace"),
    sends("unix-here-moved", "connect to it after moving it"),
    sends("unix-here-parent", "connect to it through another spelling of its folder"),
    sends("unix-here-in-place", "put it in the place of an own one and connect"),
    sends("unix-here-listen-race", "swap it with an own one while that begins to listen"),
    sends("unix-here-connect-race", "swap it with an own one while connecting"),
    sends(
        "unix-here-link-race",
        "swap a link to it with a link to an own one while connecting",
    ),
    sends("unix-address-race", "change the address while connecting"),
    sends("unix-number-race", "change the socket behind a number while connecting"),
    sends("unix-family", "connect with the address of an internet socket, then another"),
    answer("unix-socket-file", "look at a socket's file").allowed(ALL, "everything can be read"),
    answer("unix-pair", "talk over a pair of stream sockets, with `send` and `shutdown`")
        .allowed(ALL, "event loops wake themselves up that way"),
    answer("unix-pair-packets", "talk over a pair of packet sockets").allowed(ALL, "connected to each other for good"),
    answer("unix-pair-descriptor", "pass an open file over a pair").allowed(ALL, "process pools do, and it leads nowhere else"),
];

pub const INET: &[Probe] = &[
    sends("net-tcp", "TCP to this machine").allowed(NETWORK, OPEN),
    sends("net-tcp-v6", "TCP over IPv6").with("IPv6").allowed(NETWORK, OPEN),
    sends("net-tcp-mapped", "TCP to an IPv4 address in an IPv6 socket")
        .with("IPv6")
        .allowed(NETWORK, OPEN),
    sends("net-tcp-fast-open", "TCP with data in `sendto`, without connecting").allowed(NETWORK, OPEN),
    sends("net-multipath-tcp", "multipath TCP")
        .with("multipath TCP")
        .allowed(NETWORK, OPEN),
    answer("net-tcp-listen", "listen with TCP").allowed(NETWORK, OPEN),
    sends("net-udp", "UDP").allowed(NETWORK, OPEN),
    sends("net-udp-unbound", "UDP from a fresh socket").allowed(NETWORK, OPEN),
    sends("net-udp-connected", "UDP, connected").allowed(NETWORK, OPEN),
    sends("net-udp-many", "UDP with `sendmmsg`").allowed(NETWORK, OPEN),
    sends("net-udp-v6", "UDP over IPv6").with("IPv6").allowed(NETWORK, OPEN),
    answer("net-udp-lite", "a UDP-Lite socket").with("UDP-Lite").allowed(NETWORK, OPEN),
    sends("net-dns", "ask a name server").allowed(NETWORK, OPEN),
    answer("net-icmp-raw", "ping from a raw socket").root(),
    answer("net-icmp-datagram", "ping from a datagram socket")
        .with("ping for everybody (`net.ipv4.ping_group_range`)")
        .allowed(NETWORK, OPEN),
    answer("net-raw-tcp", "a raw TCP socket").root(),
    answer("net-raw-v6", "a raw ICMPv6 socket").root().with("IPv6"),
    answer("net-packet", "a packet socket").root(),
    answer("net-packet-datagram", "a packet socket without headers").root(),
    answer("net-netlink-route", "list the interfaces").allowed(NETWORK, "programs look for their own address that way"),
    answer("net-netlink-change", "change the neighbour table").root(),
    answer("net-netlink-events", "hear of devices that come and go"),
    answer("net-netlink-sockets", "a netlink socket that lists sockets").allowed(NETWORK, OPEN),
    answer("net-netlink-generic", "a generic netlink socket"),
    answer("net-netlink-audit", "a netlink socket to the audit system").with("auditing"),
    answer("net-netlink-filter", "a netlink socket to the packet filter").with("netfilter"),
    answer("net-virtual-machine", "a socket to the host of a virtual machine").with("sockets of virtual machines"),
    answer("net-virtual-machine-datagram", "the same for datagrams").with("datagrams of virtual machines"),
    answer("net-crypto", "a socket to the kernel's ciphers").with("ciphers as sockets"),
    answer("net-express", "an express data path socket")
        .root()
        .with("express data path"),
    answer("net-key", "an IPsec key socket").root().with("IPsec keys"),
    answer("net-sctp", "an SCTP socket").with("SCTP"),
    answer("net-bluetooth", "a Bluetooth socket").with("Bluetooth"),
    answer("net-can", "a CAN bus socket").with("CAN"),
    answer("net-interfaces", "ask for an interface with `ioctl`").allowed(NETWORK, OPEN),
];
