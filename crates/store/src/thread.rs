//! The threads a store on disk works on, so that no runtime ever waits for a disk.
//!
//! ```text
//!            submit                    apply (all that waits, at most GROUP)
//!   daemon ─────────▶ bounded queue ─────────▶ writer ── commit ──▶ answers, one message a commit
//!          ───ask───▶ bounded queue ─────────▶ reader ── look ────▶ each question's own channel
//! ```
//!
//! While one commit is on its way to the disk, commands gather for the next: the slower the disk, the
//! more of them share an fsync.

use crate::{Command, Read, Reply, Store, StoreError};
use std::fmt;
use std::io;
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// How many commands one commit holds at most.
const GROUP: usize = 512;
/// How many commands may wait for a commit.
const COMMANDS: usize = 4096;
/// How many questions may wait.
const QUESTIONS: usize = 64;

/// What the submitter calls a command by. The store does not look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What became of the command of this ticket.
pub type Answer = (Ticket, Result<Reply, StoreError>);

/// More is waiting than may. Nothing was done; there is no waiting for room either, because whoever
/// asks must not block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task store is behind: too much waits for its disk; try again in a moment")]
pub struct Overloaded;

type Question = Box<dyn FnOnce(&mut dyn Read) + Send>;

/// A store at work.
pub struct StoreThread {
    commands: mpsc::Sender<(Ticket, Command)>,
    questions: mpsc::Sender<Question>,
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
}

impl fmt::Debug for StoreThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreThread").finish_non_exhaustive()
    }
}

impl StoreThread {
    /// Puts this store to work. Answers come over `answers`, those of one commit together, in the
    /// order in which their commands were submitted; `reader` answers questions.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(
        mut store: impl Store + 'static,
        mut reader: impl Read + Send + 'static,
        answers: mpsc::UnboundedSender<Vec<Answer>>,
    ) -> io::Result<Self> {
        let (commands, mut submitted) = mpsc::channel(COMMANDS);
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS);
        let writer = Builder::new().name("store".to_owned()).spawn(move || {
            let mut group = Vec::with_capacity(GROUP);
            while submitted.blocking_recv_many(&mut group, GROUP) > 0 {
                // Nobody who listens any more: what was submitted is kept all the same.
                let _unheard = answers.send(commit(&mut store, &mut group));
            }
        })?;
        let reader = Builder::new().name("store-reader".to_owned()).spawn(move || {
            while let Some(question) = asked.blocking_recv() {
                question(&mut reader);
            }
        })?;
        Ok(Self { commands, questions, writer, reader })
    }

    /// Submits a command.
    ///
    /// # Errors
    /// If too many wait.
    pub fn submit(&self, ticket: Ticket, command: Command) -> Result<(), Overloaded> {
        self.commands.try_send((ticket, command)).map_err(|_| Overloaded)
    }

    /// Asks the store something. It answers as of the last commit at the time.
    ///
    /// # Errors
    /// If too many questions wait. (The receiver itself fails only if the store is closed before.)
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Overloaded> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |store| {
            // Who asked may have given up.
            let _unheard = answer.send(question(store));
        });
        self.questions.try_send(question).map_err(|_| Overloaded)?;
        Ok(answered)
    }

    /// Does all that was submitted, and closes the store. Waits for it: as long as a commit takes.
    pub fn close(self) {
        drop((self.commands, self.questions));
        for thread in [self.writer, self.reader] {
            // A panic would have ended the process.
            let _ended = thread.join();
        }
    }
}

/// One commit of all these commands, and the answers to them.
fn commit(store: &mut impl Store, group: &mut Vec<(Ticket, Command)>) -> Vec<Answer> {
    let (tickets, commands): (Vec<_>, Vec<_>) = group.drain(..).unzip();
    match store.apply(commands) {
        Ok(replies) => tickets.into_iter().zip(replies.into_iter().map(Ok)).collect(),
        Err(error) => tickets.into_iter().map(|ticket| (ticket, Err(error.clone()))).collect(),
    }
}
