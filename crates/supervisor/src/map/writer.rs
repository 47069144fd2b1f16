//! The thread that writes results and the job log: whoever reads them may make it wait for ever.

use super::course::Loss;
use super::finished::Finished;
use super::format::Writing;
use super::joblog::{JobLog, Record};
use super::window::Window;
use crate::logs::write;
use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::UnboundedSender;

/// How much is written at once.
const BATCH: usize = 64 * 1024;

/// Writes what has ended.
pub(super) struct Writer<W> {
    /// Where results go.
    pub(super) to: W,
    /// How they look.
    pub(super) writing: Writing,
    /// What else is told of them.
    pub(super) log: Option<JobLog>,
    /// What is under way: not any more, once it is written.
    pub(super) window: Arc<Window>,
    /// Whoever has to know when nothing can be written any more.
    pub(super) lost: UnboundedSender<Loss>,
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl<W: Write + Send + 'static> Writer<W> {
    /// Starts the thread. It ends when nothing more comes `from` there, and gives what was lost.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub(super) fn start(
        self,
        from: Receiver<Box<Finished>>,
    ) -> std::io::Result<JoinHandle<Option<Loss>>> {
        thread::Builder::new().name("hearken-output".into()).spawn(move || self.run(&from))
    }

    fn run(mut self, from: &Receiver<Box<Finished>>) -> Option<Loss> {
        let mut lost = self.put(&self.writing.head()).err();
        if let Some(loss) = &lost {
            self.tell(loss);
        }
        let mut batch = Vec::new();
        while let Ok(first) = from.recv() {
            let mut bytes = Vec::new();
            let mut next = Some(first);
            while let Some(finished) = next {
                if lost.is_none() {
                    self.writing.write(&finished, &mut bytes);
                }
                batch.push(finished);
                next = if bytes.len() < BATCH { from.try_recv().ok() } else { None };
            }
            if lost.is_none()
                && let Err(loss) = self.finish(&bytes, &batch)
            {
                self.tell(&loss);
                lost = Some(loss);
            }
            let cost = batch.iter().map(|finished| finished.cost).fold(0, usize::saturating_add);
            self.window.free(batch.len(), cost);
            batch.clear();
        }
        lost.or_else(|| self.put(self.writing.tail()).err())
    }

    /// Results first: what the job log names is skipped by the next run, and is in nobody's hands
    /// if its result is not.
    fn finish(&mut self, bytes: &[u8], batch: &[Box<Finished>]) -> Result<(), Loss> {
        self.put(bytes)?;
        let Some(log) = &mut self.log else { return Ok(()) };
        let records: Vec<_> = batch.iter().filter_map(|finished| Record::of(finished)).collect();
        log.append(&records).map_err(|error| Loss::Failed(error.to_string()))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Loss> {
        write(&mut self.to, bytes).and_then(|()| self.to.flush()).map_err(|error| {
            if error.kind() == ErrorKind::BrokenPipe {
                Loss::Closed
            } else {
                Loss::Failed(format!("standard output cannot be written: {error}"))
            }
        })
    }

    fn tell(&self, loss: &Loss) {
        // The course is over already: nobody waits for it.
        let _gone = self.lost.send(loss.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::finished::testing::ok;
    use crate::map::format::Format;
    use crate::map::joblog::Opening;
    use crate::map::key::Keys;
    use std::io;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use tokio::sync::mpsc::unbounded_channel;

    /// Takes so many bytes, then fails by this.
    #[derive(Clone)]
    struct Narrow(Arc<Mutex<Vec<u8>>>, usize, ErrorKind);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut taken = self.0.lock().unwrap();
            let room = self.1.saturating_sub(taken.len()).min(bytes.len());
            if room == 0 {
                return Err(self.2.into());
            }
            taken.extend_from_slice(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer(
        to: Narrow,
        log: Option<JobLog>,
    ) -> (Writer<Narrow>, tokio::sync::mpsc::UnboundedReceiver<Loss>) {
        let (lost, losses) = unbounded_channel();
        let writing = Writing::new(Format::Raw, false, false);
        (Writer { to, writing, log, window: Window::new(1).into(), lost }, losses)
    }

    #[test]
    fn everything_is_written_and_logged_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (log, _) = JobLog::open(&path, Opening::New).unwrap();
        let to = Narrow(Arc::default(), 1_000, ErrorKind::Other);
        let (writer, _losses) = writer(to.clone(), Some(log));
        let (give, take) = channel();
        let thread = writer.start(take).unwrap();
        for index in 1..=3 {
            let key = Some(Keys::of([]).key(&[1]));
            give.send(Box::new(Finished { key, ..ok(index) })).unwrap();
        }
        drop(give);
        assert_eq!(thread.join().unwrap(), None);
        assert_eq!(*to.0.lock().unwrap(), b"1\n2\n3\n");
        let (_, found) = JobLog::open(&path, Opening::Resumed).unwrap();
        assert_eq!(found.past.counts(), (3, 3));
    }

    #[test]
    fn what_could_not_be_written_is_not_logged_and_is_told_once() {
        let table = [
            (ErrorKind::BrokenPipe, Loss::Closed),
            (
                ErrorKind::StorageFull,
                Loss::Failed("standard output cannot be written: no storage space".into()),
            ),
        ];
        for (kind, loss) in table {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let (log, _) = JobLog::open(&path, Opening::New).unwrap();
            let (writer, mut losses) = writer(Narrow(Arc::default(), 0, kind), Some(log));
            let (give, take) = channel();
            let thread = writer.start(take).unwrap();
            for index in 1..=3 {
                let key = Some(Keys::of([]).key(&[1]));
                give.send(Box::new(Finished { key, ..ok(index) })).unwrap();
            }
            drop(give);
            assert_eq!(thread.join().unwrap(), Some(loss.clone()));
            assert_eq!(losses.blocking_recv(), Some(loss));
            assert_eq!(losses.blocking_recv(), None);
            let (_, found) = JobLog::open(&path, Opening::Resumed).unwrap();
            assert_eq!(found.past.counts(), (0, 0));
        }
    }
}
