//! `http`: a page is asked for, and the status of the answer counts.
//!
//! One request on a connection of its own. Redirects are an answer like any other, and a body is
//! not read. The head of an answer is bounded; what is longer is no answer.

use super::record::{Failure, Trouble};
use super::tcp::Peer;
use hearken_config::HttpCheck;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::pin::pin;

/// The longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// How the supervisor names itself to servers.
const AGENT: &str = concat!("hearken/", env!("CARGO_PKG_VERSION"));

/// A page that has to be answered.
#[derive(Debug)]
pub(crate) struct Page {
    peer: Peer,
    check: HttpCheck,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query, which may hold a secret.
        let path =
            self.check.path.split_once('?').map_or(self.check.path.as_str(), |(path, _)| path);
        write!(f, "http://{}{path}", self.check.address)
    }
}

impl Page {
    pub(super) fn new(check: HttpCheck) -> Self {
        Self { peer: Peer::new(check.address.clone()), check }
    }

    /// Asks for it.
    pub(super) async fn ask(&self) -> Result<(), Trouble> {
        let stream = self.peer.connect().await?;
        let status = self.status(TokioIo::new(stream)).await.map_err(Trouble::Failed)?;
        if self.check.status.contains(&status) {
            return Ok(());
        }
        let (first, last) = (self.check.status.start(), self.check.status.end());
        let wanted = if first == last { first.to_string() } else { format!("{first}-{last}") };
        Err(Trouble::Failed(Failure::new(format!("{self} answered {status}, not {wanted}"))))
    }

    async fn status(&self, io: TokioIo<tokio::net::TcpStream>) -> Result<u16, Failure> {
        let request = Request::get(self.check.path.as_str())
            .header(HOST, self.check.address.to_string())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .body(String::new())
            .map_err(|error| Failure::new(format!("{self} cannot be asked for: {error}")))?;
        let mut client = http1::Builder::new();
        client.max_buf_size(HEAD_MAX);
        let failed = |error: hyper::Error| self.failure(&error);
        let (mut sender, connection) = client.handshake(io).await.map_err(failed)?;
        let mut answer = pin!(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            // It is over, and with it the answer is there, or never comes.
            _over = connection => answer.await,
        };
        answer.map(|answer| answer.status().as_u16()).map_err(failed)
    }

    fn failure(&self, error: &hyper::Error) -> Failure {
        let what = if error.is_parse() {
            format!("{self} answered what is no HTTP/1: {error}")
        } else if error.is_incomplete_message() || error.is_canceled() {
            format!("{self} hung up without an answer")
        } else {
            match std::error::Error::source(error) {
                Some(source) => format!("{self}: {error}: {source}"),
                None => format!("{self}: {error}"),
            }
        };
        Failure::new(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_config::Address;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Serves one connection with these bytes, hangs up, and gives what was asked.
    async fn probed(answer: &[u8]) -> (Result<(), Trouble>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = answer.to_vec();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.unwrap();
            // A peer that has had enough may be gone.
            let _gone = stream.write_all(&answer).await;
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let address = Address { host: "127.0.0.1".into(), port };
        let page = Page::new(HttpCheck { address, path: "/up?key=1".into(), status: 200..=299 });
        let found = page.ask().await;
        (found, served.await.unwrap().replace(&port.to_string(), "PORT"))
    }

    async fn failure(answer: &[u8]) -> String {
        match probed(answer).await.0 {
            Err(Trouble::Failed(failure)) => {
                let (_, rest) = failure.what.split_once("/up").expect("the page");
                rest.trim().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn it_asks_as_it_should_and_reads_no_body() {
        let (found, asked) = probed(b"HTTP/1.1 204 Fine\r\n\r\n").await;
        assert_eq!(found, Ok(()));
        let lines = [
            "GET /up?key=1 HTTP/1.1",
            "host: 127.0.0.1:PORT",
            &format!("user-agent: {AGENT}"),
            "accept: */*",
            "connection: close",
        ];
        assert_eq!(asked, lines.join("\r\n") + "\r\n\r\n");
        let claim = b"HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\nx";
        assert_eq!(probed(claim).await.0, Ok(()));
        assert_eq!(probed(b"HTTP/1.0 200 OK\r\n\r\n").await.0, Ok(()));
    }

    #[tokio::test]
    async fn a_status_counts_as_it_is() {
        let error = failure(b"HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n").await;
        assert_eq!(error, "answered 500, not 200-299");
        let redirect = failure(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(redirect.await, "answered 302, not 200-299");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_a_failure() {
        assert_eq!(failure(b"").await, "hung up without an answer");
        assert_eq!(failure(b"HTTP/1.1 200 OK\r\nx: y\r\n").await, "hung up without an answer");
        for answer in [b"SSH-2.0-OpenSSH_9.9\r\n\r\n".as_slice(), b"\0\xff\0\xff\r\n\r\n"] {
            let failure = failure(answer).await;
            assert!(failure.starts_with("answered what is no HTTP/1: "), "{failure}");
        }
        let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'y'; 100_000]].concat();
        let endless = failure(&endless).await;
        assert!(endless.contains("too large"), "{endless}");
        let many = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x: y\r\n".repeat(5_000)].concat();
        let many = failure(&many).await;
        assert!(many.contains("too large"), "{many}");
    }
}
