//! What the process of a probe says, as far as it may be a reason.

use super::Task;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

/// So much of the end is kept, in bytes.
const KEPT: usize = 512;

/// So much is read, in bytes; then its pipes fill up, it blocks, and is late. A probe that says
/// more is no probe, and to read it would cost everybody else.
const READ_MAX: u64 = 1024 * 1024;

/// How much is read at once.
const CHUNK: usize = 4 * 1024;

/// The outputs of a process, listened to until this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    pipes: Arc<[Receiver; 2]>,
    heard: watch::Receiver<Tail>,
    _task: Task,
}

impl Listening {
    /// Listens. Must be called inside the runtime.
    pub(super) fn begin(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Self> {
        let pipes = Arc::new([
            Receiver::from_owned_fd_unchecked(stdout)?,
            Receiver::from_owned_fd_unchecked(stderr)?,
        ]);
        let (say, heard) = watch::channel(Tail::default());
        let task = tokio::spawn(listen(Arc::clone(&pipes), say));
        Ok(Self { pipes, heard, _task: Task(task.abort_handle()) })
    }

    /// The last that was said, with what lies in the pipes now.
    pub(super) fn last_words(&self) -> Option<String> {
        let mut tail = self.heard.borrow().clone();
        for pipe in self.pipes.as_slice() {
            let mut room = [0; CHUNK];
            // Past the runtime: a probe can have come and gone since it last looked at the pipe.
            while let Ok(read @ 1..) = rustix::io::read(pipe, &mut room)
                && !tail.is_flooded()
            {
                tail.push(room.get(..read).unwrap_or_default());
            }
        }
        tail.text()
    }
}

async fn listen(pipes: Arc<[Receiver; 2]>, say: watch::Sender<Tail>) {
    let [stdout, stderr] = &*pipes;
    let (mut out, mut err) = (true, true);
    let hear = |pipe| {
        let mut more = Read::Nothing;
        say.send_if_modified(|tail| {
            more = read(pipe, |bytes| tail.push(bytes));
            more == Read::Some
        });
        more != Read::End
    };
    while (out || err) && !say.borrow().is_flooded() {
        tokio::select! {
            // An error shows again in the read.
            _ = stdout.readable(), if out => out = hear(stdout),
            _ = stderr.readable(), if err => err = hear(stderr),
        }
        // A pipe that is filled as fast as it is read never says that it would block.
        tokio::task::yield_now().await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Some,
    Nothing,
    End,
}

fn read(pipe: &Receiver, take: impl FnOnce(&[u8])) -> Read {
    let mut room = [0; CHUNK];
    match pipe.try_read(&mut room) {
        Ok(0) => Read::End,
        Ok(read) => {
            take(room.get(..read).unwrap_or_default());
            Read::Some
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Nothing,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Read::Some,
        Err(_broken) => Read::End,
    }
}

/// The end of what was said.
#[derive(Debug, Clone, Default)]
struct Tail {
    kept: VecDeque<u8>,
    said: u64,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.said = self.said.saturating_add(bytes.len() as u64);
        let bytes = bytes.get(bytes.len().saturating_sub(KEPT)..).unwrap_or_default();
        self.kept.drain(..(self.kept.len() + bytes.len()).saturating_sub(KEPT));
        self.kept.extend(bytes);
    }

    fn is_flooded(&self) -> bool {
        self.said >= READ_MAX
    }

    /// On one line, whatever the bytes were; `None` if there is nothing to see.
    fn text(&self) -> Option<String> {
        let cut = self.said > self.kept.len() as u64;
        // The cut may have left the rest of a character.
        let rest = |byte: &u8| cut && byte & 0xC0 == 0x80;
        let kept: Vec<u8> = self.kept.iter().copied().skip_while(rest).collect();
        let text = String::from_utf8_lossy(&kept);
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|it| !it.is_empty())
            .collect();
        let cut = if cut { "\u{2026} " } else { "" };
        (!words.is_empty()).then(|| format!("{cut}{}", words.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&[u8]]) -> Tail {
        let mut tail = Tail::default();
        for piece in pieces {
            tail.push(piece);
            assert!(tail.kept.len() <= KEPT);
        }
        tail
    }

    #[test]
    fn the_end_is_kept_on_one_line() {
        assert_eq!(tail(&[]).text(), None);
        assert_eq!(tail(&[b" \n\0\x1b\n"]).text(), None);
        assert_eq!(tail(&[b"a\nb", b"c\t \x1b[0m\n"]).text().as_deref(), Some("a bc [0m"));
        let text = tail(&[&[b'x'; 600], b" end"]).text().unwrap();
        assert!(text.starts_with("\u{2026} xxx") && text.ends_with("xx end"), "{text}");
        assert_eq!(text.len(), "\u{2026} ".len() + KEPT);
    }

    #[test]
    fn a_character_cut_in_two_is_dropped_and_others_replaced() {
        let text = tail(&["\u{e9}".repeat(300).as_bytes(), b"x"]).text().unwrap();
        assert!(!text.contains('\u{fffd}') && text.ends_with("\u{e9}x"), "{text}");
        assert_eq!(tail(&[b"\xff\xfe"]).text().as_deref(), Some("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn a_flood_is_known_by_its_size() {
        let mut flood = Tail::default();
        while !flood.is_flooded() {
            flood.push(&[b'y'; CHUNK]);
        }
        assert_eq!((flood.said, flood.kept.len()), (READ_MAX, KEPT));
    }

    #[tokio::test]
    async fn what_lies_in_the_pipe_is_heard_at_the_end() {
        let (ours, theirs) = hearken_sys::output_pipe().unwrap();
        let (our_error, their_error) = hearken_sys::output_pipe().unwrap();
        let listening = Listening::begin(ours, our_error).unwrap();
        rustix::io::write(&theirs, b"no such table\n").unwrap();
        rustix::io::write(&their_error, b"bye").unwrap();
        assert_eq!(listening.last_words().as_deref(), Some("no such table bye"));
    }
}
