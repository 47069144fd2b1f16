//! The thread that writes the ledger.

use super::core::ns;
use super::file::LedgerFile;
use super::queue::{Batch, Item, Queue};
use super::record::{Fact, Life, Record, time};
use crate::clock::Clock;
use crate::events::{LedgerRecovered, LedgerUnwritten};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A file that has grown by so much is moved aside.
const FULL: u64 = 4 << 20;
/// How long records may gather after a write. The first after a quiet time is written at once.
const GATHER: Duration = Duration::from_millis(5);
/// How long to wait before another try at a disk that is full, or broken.
const RETRY: Duration = Duration::from_secs(1);
/// How often a disk that is full, or broken, is told of.
const TELL: Duration = Duration::from_secs(60);
/// How much is kept for the next try; what is more than that is lost, and counted.
const KEPT: usize = 1 << 20;
/// How long the end waits for a disk that does not take what is written.
const FLUSH: Duration = Duration::from_secs(2);

/// The writer thread.
#[derive(Debug)]
pub(super) struct Writer(thread::JoinHandle<()>);

/// What the writer stamps its own records with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) clock: Clock,
    pub(super) life: Life,
}

impl Stamp {
    /// A record of the supervisor itself, now.
    pub(super) fn record(&self, fact: Fact) -> Record {
        let at_ns = ns(self.clock.now().since_start());
        Record { time: time::now(), at_ns, life: self.life, unit: None, instance: None, fact }
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub(super) fn start(queue: Arc<Queue>, file: LedgerFile, stamp: Stamp) -> io::Result<Self> {
        thread::Builder::new()
            .name("hearken-ledger".into())
            .stack_size(128 * 1024)
            .spawn(move || Desk::new(&queue, file, stamp, FULL).work())
            .map(Self)
    }

    /// Waits for its end, two seconds at most: a disk that hangs must not keep the supervisor.
    pub(super) fn wait(self) {
        let deadline = Instant::now() + FLUSH;
        while !self.0.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What the writer has before it.
#[derive(Debug)]
struct Desk<'a> {
    queue: &'a Queue,
    file: LedgerFile,
    stamp: Stamp,
    full: u64,
    /// Lines that are not written yet, and how many these are.
    lines: Vec<u8>,
    count: u64,
    /// Records that will never be written.
    lost: u64,
    /// The disk does not take what is written; so many records were lost since that began.
    trouble: Option<u64>,
    /// When trouble was last told of.
    told: Option<Instant>,
    /// Records were lost that may have said where something stands, and no snapshot says it since.
    stale: bool,
    /// A snapshot was asked for, and has not come.
    wished: bool,
    /// A file could not be begun: not tried again before this.
    rotate_after: Option<Instant>,
}

impl<'a> Desk<'a> {
    fn new(queue: &'a Queue, file: LedgerFile, stamp: Stamp, full: u64) -> Self {
        Self {
            queue,
            file,
            stamp,
            full,
            lines: Vec::new(),
            count: 0,
            lost: 0,
            trouble: None,
            told: None,
            stale: false,
            wished: false,
            rotate_after: None,
        }
    }

    fn work(&mut self) {
        loop {
            let patience = (!self.lines.is_empty() || self.trouble.is_some()).then_some(RETRY);
            let Batch { items, lost, closed } = self.queue.take(patience);
            self.lose(lost);
            for item in items {
                match item {
                    Item::Record(record) => self.line(&record),
                    Item::Snapshot(records) => self.rotate(&records),
                }
            }
            self.write();
            if closed {
                return;
            }
            self.queue.gather(GATHER);
        }
    }

    fn line(&mut self, record: &Record) {
        push_line(&mut self.lines, record);
        self.count += 1;
    }

    /// Writes all lines there are with one call, or keeps them for the next try.
    fn write(&mut self) {
        if self.lines.is_empty() && self.lost == 0 {
            return;
        }
        if self.lost > 0 {
            let mut told = Vec::new();
            push_line(&mut told, &self.stamp.record(Fact::RecordsLost { count: self.lost }));
            self.lines.splice(..0, told);
        }
        match self.file.append(&self.lines) {
            Ok(()) => {
                let lost = std::mem::take(&mut self.lost);
                self.clear();
                if let Some(lost) = self.trouble.take() {
                    LedgerRecovered { path: &self.path(), lost }.emit();
                }
                self.stale |= lost > 0;
                self.wish(self.stale || self.is_full());
            }
            Err(error) => {
                if self.lost > 0 {
                    // It is told anew, with the number of then.
                    let told = self.lines.iter().position(|byte| *byte == b'\n');
                    self.lines.drain(..told.map_or(0, |at| at + 1));
                }
                if self.lines.len() > KEPT {
                    let count = self.count;
                    self.clear();
                    self.lose(count);
                }
                self.trouble.get_or_insert(self.lost);
                self.tell(&error);
            }
        }
    }

    fn rotate(&mut self, records: &[Arc<Record>]) {
        self.write();
        self.wished = false;
        if self.trouble.is_some() {
            // What is kept for the next try would come after the snapshot that knows it already.
            return;
        }
        self.rotate_after = None;
        let begun = self.file.rotate(|to| {
            records.iter().try_for_each(|record| {
                serde_json::to_writer(&mut *to, &**record)?;
                to.write_all(b"\n")
            })
        });
        match begun {
            Ok(()) => self.stale = false,
            Err(error) => {
                self.rotate_after = Instant::now().checked_add(TELL);
                self.tell(&error);
            }
        }
    }

    fn is_full(&self) -> bool {
        let (grown, snapshot) = self.file.grown();
        grown >= self.full.max(snapshot)
    }

    fn wish(&mut self, wish: bool) {
        let may = self.rotate_after.is_none_or(|at| at <= Instant::now());
        if wish && may && !self.wished {
            self.wished = true;
            self.queue.want_snapshot();
        }
    }

    fn lose(&mut self, count: u64) {
        self.lost += count;
        if let Some(trouble) = &mut self.trouble {
            *trouble += count;
        }
    }

    fn clear(&mut self) {
        self.count = 0;
        self.lines.clear();
        // A burst is no reason to keep its room for good.
        self.lines.shrink_to(64 * 1024);
    }

    fn path(&self) -> String {
        self.file.path().to_string_lossy().into_owned()
    }

    fn tell(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.told.is_none_or(|told| now.duration_since(told) >= TELL) {
            self.told = Some(now);
            let (lost, error) = (self.trouble.unwrap_or_default(), error.to_string());
            LedgerUnwritten { path: &self.path(), error: &error, lost }.emit();
        }
    }
}

fn push_line(lines: &mut Vec<u8>, record: &Record) {
    serde_json::to_writer(&mut *lines, record).expect("a record can be written to memory");
    lines.push(b'\n');
}

#[cfg(test)]
mod tests;
