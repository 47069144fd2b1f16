//! One output of a child: from its pipe into the log.

use super::Who;
use super::readiness::LogWatch;
use super::splitter::{Piece, Splitter};
use super::tail::Tail;
use crate::events::{ChildOutput, OutputDropped};
use crate::logs::{self, Share};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe::Receiver;

/// How much is read at once: a quarter of what a pipe holds by default, for short lines become many
/// times longer in the log, and everybody else waits meanwhile.
const CHUNK: usize = 16 * 1024;

thread_local! {
    /// All outputs are read into the same room, one after the other: a thousand quiet children
    /// need no thousand buffers.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// Standard output or standard error of one child.
#[derive(Debug)]
pub(super) struct Output {
    stream: &'static str,
    pipe: Option<Receiver>,
    splitter: Splitter,
    /// Its last lines, where they are kept.
    tail: Option<Tail>,
    dropped_lines: u64,
    dropped_bytes: u64,
}

impl Output {
    pub(super) fn new(
        stream: &'static str,
        pipe: Option<OwnedFd>,
        tail: Option<Tail>,
    ) -> io::Result<Self> {
        // `output_pipe` made it: a pipe, and nonblocking. Checking that is three calls.
        let pipe = pipe.map(Receiver::from_owned_fd_unchecked).transpose()?;
        let (dropped_lines, dropped_bytes) = (0, 0);
        Ok(Self { stream, pipe, splitter: Splitter::default(), tail, dropped_lines, dropped_bytes })
    }

    /// Its last lines, oldest first.
    pub(super) fn take_tail(&mut self) -> Box<[Box<str>]> {
        self.tail.take().map(Tail::into_lines).unwrap_or_default()
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits until there is something to read. Never, once the pipe is at its end.
    pub(super) async fn readable(&self) {
        match &self.pipe {
            // An error shows again in the read.
            Some(pipe) => drop(pipe.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Reads what is there, one room full at most, and logs its lines. Answers whether anything
    /// was read.
    pub(super) fn read(&mut self, who: &Who, share: &Share, watch: &mut LogWatch) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let (stream, splitter, tail) = (self.stream, &mut self.splitter, &mut self.tail);
        let dropped = (&mut self.dropped_lines, &mut self.dropped_bytes);
        let ended = ROOM.with_borrow_mut(|room| match pipe.try_read(room) {
            Ok(0) => Some(true),
            Ok(read) => {
                let bytes = room.get(..read).unwrap_or_default();
                splitter.push(bytes, |piece| {
                    watch.look(piece.bytes);
                    tail.iter_mut().for_each(|tail| tail.push(&piece));
                    log(who, stream, share, &piece, dropped.0, dropped.1);
                });
                None
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(_broken) => Some(true),
        });
        if ended == Some(true) {
            self.close(who, share);
        }
        ended.is_none()
    }

    /// Reads what is there now, a bounded amount, and closes the pipe whoever else holds it.
    pub(super) async fn finish(&mut self, who: &Who, share: &Share) {
        for _ in 0..64 {
            if !self.read(who, share, &mut LogWatch::Off) {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.close(who, share);
    }

    fn close(&mut self, who: &Who, share: &Share) {
        self.pipe = None;
        let (stream, dropped) = (self.stream, (&mut self.dropped_lines, &mut self.dropped_bytes));
        let tail = &mut self.tail;
        self.splitter.finish(|piece| {
            tail.iter_mut().for_each(|tail| tail.push(&piece));
            log(who, stream, share, &piece, dropped.0, dropped.1);
        });
        say_dropped(who, stream, &mut self.dropped_lines, &mut self.dropped_bytes);
    }
}

fn log(
    who: &Who,
    stream: &'static str,
    share: &Share,
    piece: &Piece<'_>,
    dropped_lines: &mut u64,
    dropped_bytes: &mut u64,
) {
    let Some(permit) = share.permit(piece.bytes.len()) else {
        *dropped_lines += 1;
        *dropped_bytes += piece.bytes.len() as u64;
        return;
    };
    say_dropped(who, stream, dropped_lines, dropped_bytes);
    let text = piece.text();
    let event = ChildOutput {
        unit: &who.unit,
        instance: who.instance,
        stream,
        partial: piece.partial,
        text: &text,
    };
    logs::on_behalf(Some(permit), || event.emit());
}

pub(super) fn say_dropped(who: &Who, stream: &'static str, lines: &mut u64, bytes: &mut u64) {
    if *lines > 0 {
        let (lines, bytes) = (std::mem::take(lines), std::mem::take(bytes));
        OutputDropped { unit: &who.unit, instance: who.instance, stream, lines, bytes }.emit();
    }
}
