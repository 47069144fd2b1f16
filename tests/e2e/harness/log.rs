//! The log of a running hearken: read by a thread, waited for by the test.

use super::event::{Event, Want};
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The lines that have come so far.
#[derive(Debug, Default)]
struct Lines {
    events: Vec<Event>,
    broken: Vec<String>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    more: Condvar,
    paused: AtomicBool,
}

/// The log of a running hearken.
#[derive(Debug)]
pub(super) struct Log {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl Log {
    /// Reads until the end of the file.
    pub(super) fn read(from: impl Read + Send + 'static) -> Log {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || theirs.read(from));
        Log { shared, reader: Some(reader) }
    }

    /// Stops taking lines, as a full terminal does; and takes them again.
    pub(super) fn pause(&self, pause: bool) {
        self.shared.paused.store(pause, Ordering::SeqCst);
    }

    /// The first event from line `from` on that fits; panics with the log if none comes in time.
    #[track_caller]
    pub(super) fn wait(&self, from: usize, want: &Want, within: Duration) -> Event {
        let deadline = Instant::now() + within;
        let mut lines = self.shared.lock();
        let mut looked = from;
        loop {
            if let Some(event) = lines.events.iter().skip(looked).find(|event| want.fits(event)) {
                return event.clone();
            }
            looked = looked.max(lines.events.len());
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.ended || left.is_zero() {
                let why = if lines.ended { "before the log ended" } else { "in time" };
                drop(lines);
                panic!(
                    "{want} did not come {why} ({within:?}), from line {from} on\n{}",
                    self.dump()
                );
            }
            lines = self
                .shared
                .more
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until so many events fit.
    #[track_caller]
    pub(super) fn wait_for_many(&self, want: &Want, count: usize, within: Duration) -> Vec<Event> {
        let deadline = Instant::now() + within;
        let mut lines = self.shared.lock();
        let (mut looked, mut found) = (0, Vec::with_capacity(count));
        loop {
            found.extend(lines.events.iter().skip(looked).filter(|one| want.fits(one)).cloned());
            looked = lines.events.len();
            if found.len() >= count {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.ended || left.is_zero() {
                drop(lines);
                panic!("{want}: {} came, not {count}\n{}", found.len(), self.dump());
            }
            lines = self
                .shared
                .more
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Everything so far that fits.
    pub(super) fn all(&self, want: &Want) -> Vec<Event> {
        self.shared.lock().events.iter().filter(|event| want.fits(event)).cloned().collect()
    }

    /// Every event so far.
    pub(super) fn events(&self) -> Vec<Event> {
        self.shared.lock().events.clone()
    }

    /// How many lines have come.
    pub(super) fn length(&self) -> usize {
        self.shared.lock().events.len()
    }

    /// Lines that are no events.
    pub(super) fn broken(&self) -> Vec<String> {
        self.shared.lock().broken.clone()
    }

    /// Waits for the end of the file.
    pub(super) fn finish(&mut self) {
        self.pause(false);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// The log, for people who look why a test failed.
    pub(super) fn dump(&self) -> String {
        const MOST: usize = 120;
        let lines = self.shared.lock();
        let skipped = lines.events.len().saturating_sub(MOST);
        let mut text = format!("--- the log, {} lines", lines.events.len());
        if skipped > 0 {
            text += &format!(", the last {MOST}");
        }
        for event in lines.events.iter().skip(skipped) {
            text += &format!("\n{event}");
        }
        for broken in lines.broken.iter().take(20) {
            text += &format!("\nno event: {broken}");
        }
        text + "\n---"
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, from: impl Read) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            while self.paused.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            line.clear();
            let read = from.read_until(b'\n', &mut line).unwrap_or(0);
            let mut lines = self.lock();
            if read == 0 {
                lines.ended = true;
                self.more.notify_all();
                return;
            }
            let text = String::from_utf8_lossy(&line);
            match Event::read(lines.events.len(), text.trim_end()) {
                Ok(event) => lines.events.push(event),
                Err(why) => lines.broken.push(format!("{why}: {}", text.trim_end())),
            }
            self.more.notify_all();
        }
    }
}
