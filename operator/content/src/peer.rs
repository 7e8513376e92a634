//! Addresses of peers.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rust_ipfs::{Multiaddr, PeerId, Protocol};

use crate::ContentError;
use crate::error::excerpt;

/// Longest peer address that is read, in bytes.
const MAX_ADDRESS_BYTES: usize = 512;

/// Where a peer listens and who it is: `/ip4/203.0.113.7/tcp/4001/p2p/12D3Koo…`, or the
/// same with `/ip6/`, `/dns/`, `/dns4/` or `/dns6/`.
///
/// The identity is required, so that nobody else can answer in the peer's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    pub(crate) peer: PeerId,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name {
        name: String,
        /// The address family asked for, if one is.
        v4: Option<bool>,
    },
}

impl PeerAddress {
    /// The addresses to dial. Names are looked up with the system's resolver; libp2p's own
    /// would ask a public one.
    pub(crate) async fn resolve(&self) -> Result<Vec<Multiaddr>, ContentError> {
        let ips = match &self.host {
            Host::Ip(ip) => vec![*ip],
            Host::Name { name, v4 } => tokio::net::lookup_host((name.as_str(), self.port))
                .await
                .map_err(|error| self.unreachable(error))?
                .map(|socket| socket.ip())
                .filter(|ip| v4.is_none_or(|v4| ip.is_ipv4() == v4))
                .collect(),
        };
        if ips.is_empty() {
            return Err(self.unreachable("the name has no such address"));
        }
        Ok(ips
            .into_iter()
            .map(|ip| Multiaddr::from(ip).with(Protocol::Tcp(self.port)))
            .collect())
    }

    pub(crate) fn unreachable(&self, reason: impl fmt::Display) -> ContentError {
        ContentError::PeerUnreachable {
            address: self.to_string(),
            reason: excerpt(&reason.to_string()),
        }
    }
}

impl FromStr for PeerAddress {
    type Err = ContentError;

    fn from_str(text: &str) -> Result<Self, ContentError> {
        let malformed = |reason: &str| ContentError::AddressMalformed {
            address: excerpt(text),
            reason: excerpt(reason),
        };
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(malformed("too long"));
        }
        let address = text
            .parse::<Multiaddr>()
            .map_err(|error| malformed(&error.to_string()))?;
        let mut parts = address.iter();
        let host = match parts.next() {
            Some(Protocol::Ip4(ip)) => Host::Ip(ip.into()),
            Some(Protocol::Ip6(ip)) => Host::Ip(ip.into()),
            Some(Protocol::Dns(name)) => Host::Name {
                name: name.into_owned(),
                v4: None,
            },
            Some(Protocol::Dns4(name)) => Host::Name {
                name: name.into_owned(),
                v4: Some(true),
            },
            Some(Protocol::Dns6(name)) => Host::Name {
                name: name.into_owned(),
                v4: Some(false),
            },
            _ => return Err(malformed("does not begin with /ip4, /ip6 or /dns")),
        };
        let Some(Protocol::Tcp(port)) = parts.next() else {
            return Err(malformed("only /tcp is spoken"));
        };
        match (parts.next(), parts.next()) {
            (Some(Protocol::P2p(peer)), None) => Ok(Self { peer, host, port }),
            _ => Err(malformed("does not end in /p2p/ and the peer's identity")),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V4(ip)) => write!(f, "/ip4/{ip}")?,
            Host::Ip(IpAddr::V6(ip)) => write!(f, "/ip6/{ip}")?,
            Host::Name { name, v4: None } => write!(f, "/dns/{name}")?,
            Host::Name {
                name,
                v4: Some(true),
            } => write!(f, "/dns4/{name}")?,
            Host::Name {
                name,
                v4: Some(false),
            } => write!(f, "/dns6/{name}")?,
        }
        write!(f, "/tcp/{}/p2p/{}", self.port, self.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWJsRffbcT3PvGmfWUUrzc4zRVmNN5HpBJAM36rhUaFDBo";

    #[test]
    fn addresses_round_trip() {
        for host in [
            "/ip4/127.0.0.1",
            "/ip6/::1",
            "/dns/a.example",
            "/dns4/b.example",
            "/dns6/c",
        ] {
            let text = format!("{host}/tcp/4001/p2p/{PEER}");
            let address: PeerAddress = text.parse().expect("address");
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "127.0.0.1:4001",
            "/ip4/127.0.0.1/tcp/4001",
            "/ip4/300.0.0.1/tcp/4001/p2p/x",
            &format!("/ip4/127.0.0.1/udp/4001/quic-v1/p2p/{PEER}"),
            &format!("/ip4/127.0.0.1/tcp/4001/ws/p2p/{PEER}"),
            &format!("/ip4/127.0.0.1/tcp/4001/p2p/{PEER}/p2p-circuit"),
            &format!("/ip4/127.0.0.1/tcp/4001/p2p/{PEER}/p2p/{PEER}"),
            &"/ip4/1.1.1.1".repeat(100),
        ] {
            let error = text.parse::<PeerAddress>().expect_err("refused");
            assert_eq!(error.code(), "peer_address_malformed", "{text}");
        }
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let address: PeerAddress = format!("/dns4/localhost/tcp/4001/p2p/{PEER}")
            .parse()
            .expect("address");
        let resolved = address.resolve().await.expect("localhost resolves");
        assert!(
            resolved.contains(&"/ip4/127.0.0.1/tcp/4001".parse().expect("multiaddr")),
            "{resolved:?}"
        );
    }
}
