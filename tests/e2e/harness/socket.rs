//! Questions to a control socket, in the least of HTTP.

use super::PATIENCE;
use serde_json::Value;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The header of a body of JSON.
pub(crate) const JSON: &str = "content-type: application/json\r\n";

/// What the socket answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Asks once, a hearken that may be killed meanwhile.
///
/// # Errors
/// If nobody listens, or no whole answer came. What was asked for may have been done all the same.
pub(crate) fn ask(socket: &Path, method: &str, path: &str, body: &str) -> io::Result<Answered> {
    ask_with(socket, method, path, JSON, body)
}

/// The same with other headers, each with its line end.
///
/// # Errors
/// If nobody listens, or no whole answer came.
pub(crate) fn ask_with(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Answered> {
    request(&mut UnixStream::connect(socket)?, method, path, headers, body)
}

/// The same, to who listens already.
pub(super) fn request(
    stream: &mut UnixStream,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Answered> {
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: hearken\r\nconnection: close\r\n\
         {headers}content-length: {}\r\n\r\n",
        body.len()
    );
    // Who is refused for its head may be read no further.
    let _refused = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    read(&answer).ok_or_else(|| {
        let so_far = String::from_utf8_lossy(&answer);
        io::Error::new(ErrorKind::UnexpectedEof, format!("{end:?} after {so_far:?}"))
    })
}

/// Takes an answer apart, whose length was given or which came in chunks; none if it is not whole.
fn read(answer: &[u8]) -> Option<Answered> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = str::from_utf8(&answer[..end]).ok()?.to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let rest = &answer[end + 4..];
    let field =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let body = match field("content-length") {
        Some(length) => rest.get(..length.parse().ok()?)?.to_vec(),
        None => unchunked(rest)?,
    };
    Some(Answered { status, body })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n")?;
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}
