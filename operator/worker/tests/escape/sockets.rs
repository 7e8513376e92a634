use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};

use crate::{Attempt, Place, always, check, depends};

pub const ATTEMPTS: &[Attempt] = &[
    always("socket: TCP", |_| {
        TcpListener::bind("127.0.0.1:0").map(drop)
    }),
    always("socket: UDP", |_| UdpSocket::bind("127.0.0.1:0").map(drop)),
    depends("socket: IPv6", |_| TcpListener::bind("[::1]:0").map(drop)),
    always("socket: unix pair", |_| UnixDatagram::pair().map(drop)),
    always("socket: abstract, of the operator", abstract_name),
    depends("socket: netlink", |_| {
        socket(libc::AF_NETLINK, libc::SOCK_RAW, 0)
    }),
    depends("socket: raw", |_| {
        socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)
    }),
    depends("socket: packet", |_| {
        socket(libc::AF_PACKET, libc::SOCK_RAW, 0)
    }),
    depends("socket: vsock", |_| {
        socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)
    }),
];

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<()> {
    // SAFETY: takes numbers and gives a descriptor, which ends with the process.
    check(unsafe { libc::socket(family, kind, protocol) }.into()).map(drop)
}

fn abstract_name(place: &Place) -> io::Result<()> {
    let name = place.outside.to_string_lossy().into_owned();
    let address = SocketAddr::from_abstract_name(name)?;
    UnixStream::connect_addr(&address).map(drop)
}
