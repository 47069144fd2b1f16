//! Standard output of a process that runs for one task: its result, from the pipe to the loop.
//!
//! ```text
//!   the process ─▶ pipe ─▶ a few portions under way ─▶ the loop, which keeps them or lets them go
//! ```
//!
//! Nothing is looked at here and nothing is kept. While the loop holds on to the portions before,
//! the pipe is not read: then the process waits in its write, and nobody else does.

use super::Word;
use bytes::Bytes;
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest portion, in bytes: what a pipe holds by default.
const PORTION: usize = 64 * 1024;
/// How many portions of one process may be under way.
const UNDER_WAY: usize = 4;

thread_local! {
    /// As with the other outputs, everybody reads into the same room.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; PORTION]);
}

/// A portion of a result. Only when one of them is dropped is more read: hold it until its bytes
/// are where they are to stay.
#[derive(Debug)]
pub(crate) struct Portion {
    bytes: Bytes,
    /// Without one it was read all the same: see [`Capture::process_ended`].
    _room: Option<OwnedSemaphorePermit>,
}

impl Portion {
    /// 1 byte to 64 KiB.
    #[must_use]
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// The read end of a standard output that is a result.
#[derive(Debug)]
pub(super) struct Capture {
    pipe: Option<Receiver>,
    room: Arc<Semaphore>,
    /// Once the process has ended: how much of what lay in the pipe then is still there.
    left: Option<u64>,
    /// It was told that the result is whole.
    told: bool,
}

impl Capture {
    /// # Errors
    /// If it cannot be watched.
    pub(super) fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        // `output_pipe` made it: a pipe, and nonblocking.
        let pipe = pipe.map(Receiver::from_owned_fd_unchecked).transpose()?;
        let told = pipe.is_none();
        Ok(Self { pipe, room: Arc::new(Semaphore::new(UNDER_WAY)), left: None, told })
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits until there is something to read and room for it. Never, once the pipe is at its end.
    pub(super) async fn readable(&self) {
        let Some(pipe) = &self.pipe else { return std::future::pending().await };
        if !self.reads_the_rest() {
            // Given back at once: only this task takes any, so there is still one in `read`.
            drop(self.room.acquire().await);
        }
        // An error shows again in the read.
        drop(pipe.readable().await);
    }

    /// Reads one portion, if it is there and there is room for it.
    pub(super) fn read(&mut self) -> Option<Word> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        if room.is_none() && !self.reads_the_rest() {
            return None;
        }
        let pipe = self.pipe.as_ref()?;
        let read = ROOM.with_borrow_mut(|room| {
            pipe.try_read(room)
                .map(|read| Bytes::copy_from_slice(room.get(..read).unwrap_or_default()))
        });
        match read {
            Ok(bytes) if !bytes.is_empty() => {
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                Some(Word::Output(Portion { bytes, _room: room }))
            }
            Err(error)
                if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted]
                    .contains(&error.kind()) =>
            {
                None
            }
            Ok(_) | Err(_) => {
                self.pipe = None;
                None
            }
        }
    }

    /// The process has ended. What lies in the pipe now is all that it wrote; a descendant that
    /// holds the pipe may still add to it, for as long as anybody listens.
    ///
    /// It is read even without room: it is no more than a pipe holds, and the process is judged
    /// soon, with what has come by then.
    pub(super) fn process_ended(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        // A pipe can always tell; if it could not, only its end would.
        self.left = rustix::io::ioctl_fionread(pipe).ok();
    }

    fn reads_the_rest(&self) -> bool {
        self.left.is_some_and(|left| left > 0)
    }

    /// Once, when all that the process wrote was read.
    pub(super) fn take_whole(&mut self) -> Option<Word> {
        let whole = !self.is_open() || self.left == Some(0);
        (whole && !std::mem::replace(&mut self.told, whole)).then_some(Word::OutputWhole)
    }

    /// Nobody listens any more: closes the pipe, whoever else holds it.
    pub(super) fn close(&mut self) {
        self.pipe = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_sys::output_pipe;
    use std::fs::File;
    use std::io::Write;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn captured() -> (Capture, File) {
        let (read, write) = output_pipe().unwrap();
        (Capture::new(Some(read)).unwrap(), write.into())
    }

    /// The next word, as the child's task would tell it.
    async fn next(capture: &mut Capture) -> Word {
        loop {
            if let Some(word) = capture.take_whole() {
                return word;
            }
            capture.readable().await;
            if let Some(word) = capture.read() {
                return word;
            }
        }
    }

    async fn bytes(capture: &mut Capture) -> Portion {
        let word = next(capture).await;
        let Word::Output(portion) = word else { panic!("{word:?}") };
        portion
    }

    /// Everything up to the word that it is whole.
    async fn whole(capture: &mut Capture) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let word = next(capture).await;
            if matches!(word, Word::OutputWhole) {
                return all;
            }
            let Word::Output(portion) = word else { panic!("{word:?}") };
            all.extend_from_slice(portion.bytes());
        }
    }

    fn waits(capture: &Capture) -> bool {
        pin!(capture.readable()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn what_is_written_comes_whole_and_in_order() {
        for length in [0, 1, PORTION - 1, PORTION, PORTION + 1, 3 << 20] {
            let written: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[n % 3]).collect();
            let (mut capture, mut pipe) = captured();
            let copy = written.clone();
            let process = std::thread::spawn(move || pipe.write_all(&copy));
            assert!(whole(&mut capture).await == written, "{length} bytes");
            process.join().unwrap().unwrap();
            assert!(!capture.is_open());
            assert!(capture.take_whole().is_none(), "told once");
        }
    }

    #[tokio::test]
    async fn a_process_waits_for_the_portions_before_and_nobody_else_does() {
        let (mut capture, mut pipe) = captured();
        let mut held = Vec::new();
        for _ in 0..UNDER_WAY {
            pipe.write_all(b"x").unwrap();
            held.push(bytes(&mut capture).await);
        }
        pipe.write_all(b"y").unwrap();
        assert!(capture.read().is_none());
        assert!(waits(&capture));
        held.pop();
        assert_eq!(&bytes(&mut capture).await.bytes()[..], b"y");
    }

    #[tokio::test]
    async fn what_a_process_left_behind_is_whole_although_another_holds_the_pipe() {
        let (mut capture, mut pipe) = captured();
        let mut held = Vec::new();
        for _ in 0..UNDER_WAY {
            pipe.write_all(b"before").unwrap();
            held.push(bytes(&mut capture).await);
        }
        pipe.write_all(b"left behind").unwrap();
        capture.process_ended();
        assert_eq!(&bytes(&mut capture).await.bytes()[..], b"left behind", "without room");
        assert!(matches!(next(&mut capture).await, Word::OutputWhole));
        assert!(capture.is_open());
        held.clear();
        pipe.write_all(b"by a descendant").unwrap();
        assert_eq!(&bytes(&mut capture).await.bytes()[..], b"by a descendant");
    }

    #[tokio::test]
    async fn a_process_that_left_nothing_is_whole_at_once() {
        let (mut capture, _pipe) = captured();
        assert!(capture.take_whole().is_none());
        capture.process_ended();
        assert!(matches!(next(&mut capture).await, Word::OutputWhole));
        assert!(capture.take_whole().is_none(), "told once");
    }

    #[tokio::test]
    async fn an_output_that_is_no_result_says_nothing() {
        let mut capture = Capture::new(None).unwrap();
        capture.process_ended();
        assert!(capture.take_whole().is_none() && !capture.is_open() && waits(&capture));
    }
}
