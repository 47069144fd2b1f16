//! `tcp`: a connection is made, and closed.
//!
//! A name is looked up by the C library, which blocks, on a thread of the runtime's blocking pool.
//! Nothing can stop such a call, and a resolver that does not answer can hold it for half a minute:
//! so each check has one lookup under way at most, and a probe that comes meanwhile waits for its
//! turn, or is late. `localhost` is this machine and not looked up (RFC 6761): a resolver that is
//! down must not make a local service look so.

use super::record::{Failure, Trouble};
use hearken_config::Address;
use hearken_sys::Errno;
use rustix::io::Errno as Refusal;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Somebody who has to take a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    address: Address,
    lookup: Arc<Semaphore>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Peer {
    pub(super) fn new(address: Address) -> Self {
        Self { address, lookup: Arc::new(Semaphore::new(1)) }
    }

    /// Connects, to the first of its addresses that answers.
    pub(super) async fn connect(&self) -> Result<TcpStream, Trouble> {
        let addresses = self.addresses().await?;
        let connected = TcpStream::connect(addresses.as_slice()).await;
        let stream = connected.map_err(|error| self.refused(&error))?;
        if is_its_own_peer(&stream) {
            // Without a trace, or the port stays taken for a minute, and the service is kept from it.
            let _at_worst_it_stays = stream.set_zero_linger();
            return Err(Trouble::Failed(self.failure("nobody listens there")));
        }
        Ok(stream)
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Trouble> {
        let (host, port) = (self.address.host.as_str(), self.address.port);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        if host.eq_ignore_ascii_case("localhost") {
            let here: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(here.map(|ip| SocketAddr::new(ip, port)).into());
        }
        let turn = Arc::clone(&self.lookup).acquire_owned().await;
        let host = host.to_owned();
        // A task of its own, so that the turn lasts as long as the lookup, whoever still waits.
        let looked_up = tokio::spawn(async move {
            let _turn = turn;
            tokio::net::lookup_host((host, port)).await.map(Vec::from_iter)
        });
        match looked_up.await {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err(Trouble::Failed(self.failure("the name has no address")))
            }
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) if is_our_lack(&error) => Err(self.refused(&error)),
            Ok(Err(error)) => {
                Err(Trouble::Failed(self.failure(&format!("the name has no address: {error}"))))
            }
            Err(ended) => Err(Trouble::NotRun(format!("the name lookup was given up: {ended}"))),
        }
    }

    fn refused(&self, error: &io::Error) -> Trouble {
        let reason = match error.raw_os_error() {
            Some(errno) => Errno::new(errno).to_string(),
            None => error.to_string(),
        };
        let failure = self.failure(&reason);
        if is_our_lack(error) { Trouble::NotRun(failure.what) } else { Trouble::Failed(failure) }
    }

    fn failure(&self, reason: &str) -> Failure {
        Failure::new(format!("connecting to {self}: {reason}"))
    }
}

/// Whether the supervisor, or the machine, lacks what it takes to connect to anybody.
fn is_our_lack(error: &io::Error) -> bool {
    [
        Refusal::MFILE,
        Refusal::NFILE,
        Refusal::NOBUFS,
        Refusal::NOMEM,
        Refusal::ADDRNOTAVAIL,
        Refusal::AGAIN,
    ]
    .into_iter()
    .any(|lack| error.raw_os_error() == Some(lack.raw_os_error()))
}

/// Whether it connected to itself. It can: on this machine, to a port that nobody listens on, when
/// the kernel happens to choose that same port for our end.
fn is_its_own_peer(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(ours), Ok(theirs)) if ours == theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(host: &str, port: u16) -> Peer {
        Peer::new(Address { host: host.into(), port })
    }

    #[tokio::test]
    async fn who_listens_is_connected_to_and_who_does_not_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
            peer(host, port).connect().await.unwrap();
        }
        drop(listener);
        let Err(Trouble::Failed(failure)) = peer("127.0.0.1", port).connect().await else {
            panic!("it is closed");
        };
        let what = format!("connecting to 127.0.0.1:{port}: ECONNREFUSED (Connection refused)");
        assert_eq!(failure, Failure::new(what));
    }

    #[tokio::test]
    async fn who_connected_to_itself_found_nobody() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        let stream = socket.connect(own).await.unwrap();
        assert!(is_its_own_peer(&stream));
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_the_checks_fault() {
        let found = peer("no-such-host.invalid", 80).connect().await;
        let Err(Trouble::Failed(failure)) = found else { panic!("it was found") };
        assert!(failure.what.contains("the name has no address"), "{failure:?}");
    }

    #[tokio::test]
    async fn one_lookup_at_a_time() {
        let peer = peer("no-such-host.invalid", 80);
        let turn = Arc::clone(&peer.lookup).acquire_owned().await;
        let waits = tokio::time::timeout(std::time::Duration::from_millis(50), peer.connect());
        assert!(waits.await.is_err(), "it did not wait for its turn");
        drop(turn);
        assert!(peer.connect().await.is_err());
    }
}
