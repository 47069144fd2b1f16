//! How a run stands, on standard error: a bar where that is a terminal, else a line now and then.
//!
//! The loop only puts down where it stands ([`Board::set`]); a thread of its own paints, because a
//! terminal that somebody paused makes whoever writes to it wait.

use super::course::Standing;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a bar is painted.
const FRAME: Duration = Duration::from_millis(100);
/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);
/// How long the end waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of the last failure is shown, in characters.
const FAILURE: usize = 60;

/// How a run shows where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// As a bar.
    Bar,
    /// As lines.
    Lines,
    /// Not at all.
    Nothing,
}

#[derive(Debug, Default)]
struct Notes {
    standing: Standing,
    said: Vec<String>,
    over: bool,
}

/// Where a run puts down how it stands.
#[derive(Debug)]
pub(super) struct Board {
    notes: Mutex<Notes>,
    changed: Condvar,
    show: Show,
    bar: ProgressBar,
}

/// Something that is written beside the bar: above it, if it goes to the same terminal.
#[derive(Debug)]
pub(super) struct Beside<W> {
    board: Arc<Board>,
    to: W,
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let to = &mut self.to;
        self.board.bar.suspend(|| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Board {
    /// Nothing yet.
    pub(super) fn new(show: Show) -> Arc<Self> {
        let target = match show {
            Show::Bar => ProgressDrawTarget::stderr(),
            Show::Lines | Show::Nothing => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        Arc::new(Self { notes: Mutex::default(), changed: Condvar::new(), show, bar })
    }

    /// Something that is written beside the bar.
    pub(super) fn beside<W: Write>(self: &Arc<Self>, to: W) -> Beside<W> {
        Beside { board: Arc::clone(self), to }
    }

    /// Starts the thread that paints.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<JoinHandle<()>> {
        let board = Arc::clone(self);
        thread::Builder::new()
            .name("hearken-progress".into())
            .spawn(move || board.paint(&mut board.beside(io::stderr())))
    }

    /// Puts down how it stands.
    pub(super) fn set(&self, standing: Standing) {
        self.lock().standing = standing;
    }

    /// Says a line to people.
    pub(super) fn say(&self, text: &str) {
        self.lock().said.push(format!("hearken map: {text}\n"));
        self.changed.notify_all();
    }

    /// The run is over: what was said is written, and the bar taken away.
    pub(super) fn finish(&self, painter: &JoinHandle<()>) {
        self.lock().over = true;
        self.changed.notify_all();
        let deadline = Instant::now() + PATIENCE;
        while !painter.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn paint(&self, out: &mut impl Write) {
        let mut painted = Instant::now();
        let mut known = None;
        self.bar.set_style(style(false));
        loop {
            let (standing, said, over) = self.wait(painted);
            for line in &said {
                // If nobody can read it there, nobody can be told.
                let _nobody_reads = crate::logs::write(out, line.as_bytes());
            }
            if over {
                return self.bar.finish_and_clear();
            }
            match self.show {
                Show::Nothing => {}
                Show::Bar => {
                    if known != standing.total {
                        known = standing.total;
                        self.bar.set_style(style(known.is_some()));
                        self.bar.set_length(known.unwrap_or_default());
                    }
                    self.bar.set_position(standing.done);
                    self.bar.set_message(details(&standing));
                    painted = Instant::now();
                }
                Show::Lines if painted.elapsed() >= LINE => {
                    let line = format!("hearken map: {}\n", line(&standing));
                    let _nobody_reads = crate::logs::write(out, line.as_bytes());
                    painted = Instant::now();
                }
                Show::Lines => {}
            }
        }
    }

    /// Waits until something is said, or it is time to paint again.
    fn wait(&self, painted: Instant) -> (Standing, Vec<String>, bool) {
        let quiet = |notes: &mut Notes| notes.said.is_empty() && !notes.over;
        let pause = match self.show {
            Show::Bar => Some(FRAME),
            Show::Lines => Some(LINE),
            Show::Nothing => None,
        };
        let notes = self.lock();
        let mut notes = match pause {
            Some(pause) => {
                let left = pause.saturating_sub(painted.elapsed());
                let waited = self.changed.wait_timeout_while(notes, left, quiet);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(notes, quiet).unwrap_or_else(PoisonError::into_inner),
        };
        (notes.standing.clone(), std::mem::take(&mut notes.said), notes.over)
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        // A panic aborts the process; a poisoned lock cannot be met.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bar, once it is known of how many; before that, only how many are done.
fn style(known: bool) -> ProgressStyle {
    let template = match known {
        true => "[{bar:20}] {pos}/{len} {rate}{left}{wide_msg}",
        false => "{pos} done {rate}{wide_msg}",
    };
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _infallible = write!(out, "{:.1}/s", state.per_sec());
    };
    // As long as nothing is done, nobody can say how long it takes.
    let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        if state.pos() > 0 {
            let _infallible = write!(out, ", {:#} left", HumanDuration(state.eta()));
        }
    };
    let style = ProgressStyle::with_template(template).expect("it is tested below");
    style.with_key("rate", rate).with_key("left", left).progress_chars("=> ")
}

/// What stands behind the bar: only what there is.
fn details(standing: &Standing) -> String {
    let counts = [
        (standing.running, "running"),
        (standing.retried, "retried"),
        (standing.skipped, "skipped"),
        (standing.failed, "failed"),
    ];
    let mut text = String::new();
    for (many, what) in counts.into_iter().filter(|(many, _)| *many > 0) {
        let _infallible = write!(text, ", {many} {what}");
    }
    if let Some(failure) = &standing.last_failure {
        let shown: String = failure.chars().take(FAILURE).collect();
        let _infallible = write!(text, ", last: {shown}");
    }
    text
}

fn line(standing: &Standing) -> String {
    let total = standing.total.map(|total| format!("/{total}")).unwrap_or_default();
    format!("{}{total} done{}", standing.done, details(standing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        Standing {
            done: 3,
            total: Some(10),
            running: 4,
            retried: 2,
            failed: 1,
            skipped: 0,
            last_failure: Some("db.down: no connection".into()),
        }
    }

    #[test]
    fn a_line_says_what_there_is_to_say() {
        assert_eq!(line(&Standing::default()), "0 done");
        assert_eq!(
            line(&standing()),
            "3/10 done, 4 running, 2 retried, 1 failed, last: db.down: no connection"
        );
    }

    #[test]
    fn both_bars_can_be_painted() {
        for known in [true, false] {
            let bar = ProgressBar::hidden().with_style(style(known));
            bar.set_message(details(&standing()));
            bar.tick();
        }
    }

    #[test]
    fn what_was_said_is_written_before_the_end() {
        let board = Board::new(Show::Nothing);
        board.say("one");
        board.say("two");
        board.lock().over = true;
        let mut out = Vec::new();
        board.paint(&mut out);
        assert_eq!(out, b"hearken map: one\nhearken map: two\n");
    }
}
