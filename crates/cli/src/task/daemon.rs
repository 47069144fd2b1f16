//! Asking the daemon: one request over its Unix socket, one answer.

use super::failure::{Failure, Refusal};
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// The longest answer that is read into memory: a page of a list, a history with all its logs.
const ANSWER_MAX: usize = 256 * 1024 * 1024;
/// How often a daemon that is busy is asked again, and how long apart.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(500);

/// A daemon, by its socket.
#[derive(Debug)]
pub(super) struct Daemon {
    socket: PathBuf,
    /// How one is started there.
    start: String,
    runtime: Runtime,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    method: Method,
    path: String,
    accept: &'static str,
    /// JSON.
    body: Option<String>,
}

/// An answer that is not read yet.
#[derive(Debug)]
pub(super) struct Answer<'d> {
    daemon: &'d Daemon,
    pub(super) content_type: String,
    body: Incoming,
}

impl Asked {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), accept: "application/json", body: None }
    }

    pub(super) fn post(path: impl Into<String>, body: Option<String>) -> Self {
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    pub(super) fn accept(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }
}

impl Daemon {
    pub(super) fn at(socket: PathBuf, start: String) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Here(format!("the runtime: {error}")))?;
        Ok(Self { socket, start, runtime })
    }

    /// Asks, and reads the answer as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, asked: &Asked) -> Result<T, Failure> {
        let body = self.ask(asked)?.whole()?;
        serde_json::from_slice(&body)
            .map_err(|error| Failure::Lost(format!("its answer is not what it should be: {error}")))
    }

    /// Asks. While the daemon is busy with other requests, it is asked again.
    pub(super) fn ask(&self, asked: &Asked) -> Result<Answer<'_>, Failure> {
        for _ in 1..TRIES {
            match self.ask_once(asked) {
                Err(Failure::Refused(refusal)) if refusal.code == "busy" => {
                    self.pause(BETWEEN);
                }
                other => return other,
            }
        }
        self.ask_once(asked)
    }

    /// Waits.
    pub(super) fn pause(&self, time: Duration) {
        // A sleep is made where there is a runtime, and not before.
        self.runtime.block_on(async { sleep(time).await });
    }

    fn ask_once(&self, asked: &Asked) -> Result<Answer<'_>, Failure> {
        let answer = self.runtime.block_on(self.exchange(asked))?;
        let status = answer.status();
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let answer = Answer { daemon: self, content_type, body: answer.into_body() };
        if status.is_success() {
            return Ok(answer);
        }
        #[derive(Deserialize)]
        struct Refused {
            error: Refusal,
        }
        match serde_json::from_slice(&answer.whole()?) {
            Ok(Refused { error }) => Err(Failure::Refused(error)),
            Err(_no_words_of_hearken) => Err(Failure::Lost(format!("it answered {status}"))),
        }
    }

    async fn exchange(&self, asked: &Asked) -> Result<Response<Incoming>, Failure> {
        let stream = connect(&self.socket).await.map_err(|error| Failure::Nobody {
            socket: self.socket.clone(),
            error,
            start: self.start.clone(),
        })?;
        let lost = |error: hyper::Error| Failure::Lost(error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // It ends with its answer; what goes wrong shows in that.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(&asked.method)
            .uri(&asked.path)
            .header(HOST, "hearken")
            .header(ACCEPT, asked.accept);
        if asked.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(asked.body.clone().unwrap_or_default())
            .map_err(|error| Failure::Usage(format!("{:?}: {error}", asked.path)))?;
        sender.send_request(request).await.map_err(lost)
    }
}

/// A path too long for the address of a socket is taken by way of its folder.
async fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    const ADDRESS_MAX: usize = hearken_config::SOCKET_PATH_MAX;
    use std::os::fd::AsRawFd;

    match (socket.parent(), socket.file_name()) {
        (Some(folder), Some(name)) if socket.as_os_str().len() > ADDRESS_MAX => {
            let folder = std::fs::File::open(folder)?;
            let folder_by_number = format!("/proc/self/fd/{}", folder.as_raw_fd());
            UnixStream::connect(Path::new(&folder_by_number).join(name)).await
        }
        _ => UnixStream::connect(socket).await,
    }
}

impl Answer<'_> {
    /// The next piece of the body; `None` at its end.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let body = &mut self.body;
            let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
            match self.daemon.runtime.block_on(frame) {
                None => return Ok(None),
                Some(Err(error)) => return Err(Failure::Lost(error.to_string())),
                // What is no data is a trailer, and nobody sends any.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => {}
                },
            }
        }
    }

    /// The whole body.
    pub(super) fn whole(mut self) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next()? {
            if whole.len() + piece.len() > ANSWER_MAX {
                return Err(Failure::Lost(format!("its answer has more than {ANSWER_MAX} bytes")));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// A part of a path or query, with everything escaped that means something there.
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_part_of_a_path() {
        assert_eq!(escaped("thumbnails_2.a-b~c"), "thumbnails_2.a-b~c");
        assert_eq!(escaped("../a?b=c&d e/é"), "..%2Fa%3Fb%3Dc%26d%20e%2F%C3%A9");
    }
}
