//! Closes descriptors that came from outside.
//!
//! close(2) can wait: for a file server that is dead, for a socket that lingers, for whatever such
//! a socket holds in its queue. A pipe never does, and it is what sd_notify_barrier(3) sends; so a
//! pipe is closed at once, and everything else by a thread that has nothing else to do.

use rustix::fs::{FileType, fstat};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};

/// Closes descriptors, and never waits.
///
/// One that hangs holds up those behind it in the thread. They pile up to this process's limit of
/// descriptors at most, and then no more are taken in; a child that does that on purpose harms those
/// that start meanwhile, as it would with any other resource they share.
#[derive(Debug, Default)]
pub(super) struct Closer {
    thread: Option<Sender<OwnedFd>>,
}

impl Closer {
    /// Closes it.
    pub(super) fn close(&mut self, descriptor: OwnedFd) {
        if is_pipe(&descriptor) {
            return drop(descriptor);
        }
        let thread = self.thread.get_or_insert_with(start);
        // Without a thread there is only this one.
        drop(thread.send(descriptor));
    }
}

fn is_pipe(descriptor: &OwnedFd) -> bool {
    fstat(descriptor).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Started when the first is needed; it ends when the supervisor does.
fn start() -> Sender<OwnedFd> {
    let (sender, descriptors) = channel::<OwnedFd>();
    let _without = std::thread::Builder::new()
        .name("hearken-close".into())
        .spawn(move || descriptors.into_iter().for_each(drop));
    sender
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn a_pipe_is_closed_at_once_and_the_rest_soon() {
        let mut closer = Closer::default();
        let (mut reader, writer) = std::io::pipe().unwrap();
        closer.close(writer.into());
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        assert!(closer.thread.is_none(), "no thread for a pipe");

        for _ in 0..2 {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            closer.close(theirs.into());
            ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            assert_eq!(ours.read(&mut [0]).unwrap(), 0);
        }
    }
}
