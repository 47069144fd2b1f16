//! The thread that writes the logs.

use super::layer::{self, Style};
use super::queue::{Batch, Dropped, Queue};
use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How much is written at once.
const BATCH: usize = 64 * 1024;
/// How long the end waits for a standard error that does not take what is written.
const FLUSH: Duration = Duration::from_secs(2);
/// How long lines may gather after a write. The first after a quiet time is written at once.
const GATHER: Duration = Duration::from_millis(2);
/// How long to wait before another try at a descriptor that somebody made non-blocking.
const RETRY: Duration = Duration::from_millis(5);

/// The writer thread and the queue before it.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: thread::JoinHandle<()>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub(super) fn start(
        queue: Arc<Queue>,
        style: Style,
        mut to: Box<dyn Write + Send>,
    ) -> std::io::Result<Self> {
        let source = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("hearken-log".into())
            .stack_size(128 * 1024)
            .spawn(move || write_all(&source, style, &mut to))?;
        Ok(Self { queue, thread })
    }

    /// The queue, for shares.
    #[must_use]
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Writes what still waits, two seconds at most: a reader that is gone must not keep the
    /// supervisor from ending.
    pub(crate) fn finish(self) {
        self.queue.close();
        if self.queue.is_empty_within(FLUSH) {
            // It ends after its last write; if that write hangs, so be it.
            let deadline = std::time::Instant::now() + FLUSH;
            while !self.thread.is_finished() && std::time::Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn write_all(queue: &Queue, style: Style, out: &mut impl Write) {
    let mut batch = Batch::default();
    let mut lost = Dropped::default();
    while let Some(dropped) = queue.take(&mut batch, BATCH) {
        lost.lines += dropped.lines;
        lost.bytes += dropped.bytes;
        if lost.lines > 0 {
            batch.bytes.extend(layer::dropped_line(style, lost));
        }
        if write(out, &batch.bytes).is_ok() {
            lost = Dropped::default();
        } else {
            // A full disk, a closed pipe: what was in hand is gone, and the next line that gets
            // through says how much.
            lost.lines += batch.bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            lost.bytes += batch.bytes.len() as u64;
        }
        batch.clear();
        queue.gather(GATHER);
    }
}

/// Writes all of it, also to a descriptor that somebody made non-blocking. For threads that may
/// wait.
pub(crate) fn write(out: &mut impl Write, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one byte, is interrupted, would block, fails: by turns.
    struct Unruly(Vec<u8>, u32);

    impl Write for Unruly {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1 += 1;
            match self.1 % 3 {
                0 => Err(ErrorKind::Interrupted.into()),
                1 => Err(ErrorKind::WouldBlock.into()),
                _ => self.0.write(&bytes[..1]),
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_byte_gets_out_of_an_unruly_descriptor() {
        let mut out = Unruly(Vec::new(), 0);
        write(&mut out, b"words\n").unwrap();
        assert_eq!(out.0, b"words\n");
    }

    /// Full at first, then taking everything.
    struct Full(Vec<u8>, u32);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.1 > 0 {
                self.1 -= 1;
                return Err(ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_lost_to_a_full_disk_are_named_when_it_has_room_again() {
        let queue = Queue::default();
        let mut out = Full(Vec::new(), 1);
        thread::scope(|scope| {
            let writer = scope.spawn(|| write_all(&queue, Style::Json, &mut out));
            queue.push(b"{\"first\":1}\n".to_vec(), None);
            while !queue.is_empty_within(Duration::from_secs(10)) {}
            queue.push(b"{\"second\":2}\n".to_vec(), None);
            queue.close();
            writer.join().unwrap();
        });
        let text = String::from_utf8(out.0).unwrap();
        // Both may have been taken as one batch; then both are lost, and nobody is left to say so.
        if text.contains("second") {
            assert!(text.contains("\"event\":\"logs_dropped\""), "{text}");
            assert!(text.contains("\"lines\":1"), "{text}");
            assert!(!text.contains("first"), "{text}");
        }
    }
}
