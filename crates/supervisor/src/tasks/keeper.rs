//! The stores behind the pools, and the one thread that waits for the disk.
//!
//! ```text
//!   loop ── commands ─▶ thread: all that wait, in one commit ─▶ answers ─▶ loop
//! ```
//!
//! While a commit waits for the disk, the next commands gather; so the more there is to do, the more
//! goes into one commit. A commit that failed changed nothing: its commands come back with the
//! reason, and those that must not be lost are told again once the store takes commands.

use super::client::{Answer, Ended, Submitted};
use super::submit::Submitting;
use hearken_core::identity::Token;
use hearken_core::task::{Lease, TaskId, TaskState};
use hearken_store::{Claimed, Command, Read, Reply, Store, StoreError};
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// How many commands go into one commit at most.
const COMMIT: usize = 1024;

/// What to do with an answer.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// A lease is to be given out.
    Claim(Lease),
    /// The end of a try is to be kept, then told.
    Finish(Lease, Option<Box<Ended>>),
    /// The end of a task that nobody has is to be kept, then told.
    Dropped(Option<Box<Ended>>),
    /// A worker waits to hear that its checkpoint is kept.
    Checkpoint(Token, u32),
    /// A piece of a result: its finish says whether it arrived.
    Spooled,
    /// A batch is over; its completion task may go.
    BatchEnded,
    /// Tasks are submitted.
    Submit(Box<Submitting>, Answer<Submitted>),
    /// A task is to be done after all.
    Requeue(TaskId, Answer<TaskState>),
    /// A task that no pool has is to be taken back.
    Cancel(TaskId, Answer<TaskState>),
    /// Old tasks are to go.
    Purge,
}

impl Ticket {
    /// Whether what it stands for has to be told again until it is kept.
    fn must_be_kept(&self) -> bool {
        match self {
            Self::Claim(_) | Self::Finish(..) | Self::Dropped(_) | Self::BatchEnded => true,
            // Without it the finish is refused; with it twice, too: they go together.
            Self::Spooled => true,
            Self::Checkpoint(..)
            | Self::Submit(..)
            | Self::Requeue(..)
            | Self::Cancel(..)
            | Self::Purge => false,
        }
    }
}

/// An answer about a lease.
#[derive(Debug)]
pub(super) enum Kept {
    Claimed(Lease, Box<Claimed>),
    NotClaimed(Lease),
    Finished(Lease),
}

/// A command whose commit has been tried, and what came of it.
pub(crate) type Answered = (usize, Ticket, Result<Reply, StoreError>);

/// A command of the desk of this number.
pub(crate) type Order = (usize, Ticket, Command);

/// Something to be read. It is shown every store, one after the other, and answers when it is
/// dropped.
pub(crate) type Reading = Box<dyn FnMut(&mut dyn Read) + Send>;

enum Work {
    Commit(Vec<Order>),
    Read(Reading),
}

/// A store that waits for a disk, on a thread of its own.
#[derive(Debug)]
pub(super) struct Disk {
    work: Option<std_mpsc::Sender<Work>>,
    answers: mpsc::UnboundedReceiver<Vec<Returned>>,
    thread: Option<JoinHandle<()>>,
    /// What the store took nothing of, in its order.
    stalled: Vec<Order>,
    trouble: Option<Arc<str>>,
    /// Nothing will ever be taken again.
    broken: bool,
    /// How many commands are on their way.
    pub(super) under_way: usize,
}

/// A command that comes back from the thread: answered, or with the reason why not.
#[derive(Debug)]
pub(crate) enum Returned {
    Answered(Answered),
    Failed(Order, StoreError),
}

impl Disk {
    /// Takes a store over.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(store: Box<dyn Store>) -> std::io::Result<Self> {
        let (work, jobs) = std_mpsc::channel();
        let (tell, answers) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("hearken-store".to_owned())
            .spawn(move || serve(store, &jobs, &tell))?;
        Ok(Self {
            work: Some(work),
            answers,
            thread: Some(thread),
            stalled: Vec::new(),
            trouble: None,
            broken: false,
            under_way: 0,
        })
    }

    /// Why nothing is taken, if nothing is.
    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        self.trouble.clone()
    }

    /// Hands commands over. While the store takes none, those that must be kept wait here, and the
    /// others come back as refused.
    pub(super) fn send(&mut self, orders: Vec<Order>) {
        self.under_way += orders.len();
        if let Some(work) = self.work.as_ref().filter(|_| self.trouble.is_none()) {
            // The thread lives as long as this.
            let _gone = work.send(Work::Commit(orders));
            return;
        }
        self.stalled.extend(orders);
    }

    /// Has something read, after what was handed over before.
    pub(super) fn read(&self, reading: Reading) {
        if let Some(work) = &self.work {
            let _gone = work.send(Work::Read(reading));
        }
    }

    /// Tries again what was not taken, if there is hope.
    pub(super) fn try_again(&mut self) {
        if self.broken || self.stalled.is_empty() {
            return;
        }
        if let Some(work) = &self.work {
            let _gone = work.send(Work::Commit(std::mem::take(&mut self.stalled)));
        }
    }

    /// Waits for answers. Never, once the thread is gone.
    pub(super) async fn answers(&mut self) -> Vec<Returned> {
        match self.answers.recv().await {
            Some(answers) => answers,
            None => std::future::pending().await,
        }
    }

    /// Takes note of what came back: gives what was answered, and whether the store went down or
    /// came back by it.
    pub(super) fn take(&mut self, returned: Vec<Returned>) -> (Vec<Answered>, Option<Change>) {
        let was = self.trouble.is_some();
        let mut answered = Vec::with_capacity(returned.len());
        let mut error = None;
        let mut stalled = Vec::new();
        for one in returned {
            match one {
                Returned::Answered(one) => {
                    self.under_way -= 1;
                    answered.push(one);
                }
                Returned::Failed(order, why) => {
                    if order.1.must_be_kept() {
                        stalled.push(order);
                    } else {
                        self.under_way -= 1;
                        answered.push((order.0, order.1, Err(why.clone())));
                    }
                    error = Some(why);
                }
            }
        }
        // What failed earlier comes before what had no chance yet.
        stalled.append(&mut self.stalled);
        self.stalled = stalled;
        match error {
            Some(error) => {
                self.broken |= !passes(&error);
                let why: Arc<str> = error.to_string().into();
                self.trouble = Some(Arc::clone(&why));
                (answered, (!was).then_some(Change::Down(why)))
            }
            None if was && !answered.is_empty() && !self.broken => {
                self.trouble = None;
                self.try_again();
                (answered, Some(Change::Up))
            }
            None => (answered, None),
        }
    }

    /// Waits until everything handed over is done, and closes the store.
    pub(super) fn finish(mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the process already.
            let _ended = thread.join();
        }
    }
}

/// The store went down, or came back.
#[derive(Debug)]
pub(super) enum Change {
    Down(Arc<str>),
    Up,
}

fn serve(
    mut store: Box<dyn Store>,
    jobs: &std_mpsc::Receiver<Work>,
    tell: &mpsc::UnboundedSender<Vec<Returned>>,
) {
    let mut next = jobs.recv().ok();
    while let Some(work) = next.take() {
        match work {
            Work::Read(mut reading) => {
                let read: &mut dyn Read = store.as_mut();
                reading(read);
            }
            Work::Commit(mut orders) => {
                // Whatever else waits goes into the same commit.
                while orders.len() < COMMIT {
                    match jobs.try_recv() {
                        Ok(Work::Commit(more)) => orders.extend(more),
                        Ok(read @ Work::Read(_)) => {
                            next = Some(read);
                            break;
                        }
                        Err(_none) => break,
                    }
                }
                // The loop is gone only when the process ends.
                let _gone = tell.send(commit(store.as_mut(), orders));
            }
        }
        next = next.or_else(|| jobs.recv().ok());
    }
}

/// Does these in one commit.
pub(super) fn commit(store: &mut dyn Store, orders: Vec<Order>) -> Vec<Returned> {
    let commands: Vec<Command> = orders.iter().map(|(_, _, command)| command.clone()).collect();
    match store.apply(commands) {
        Ok(replies) => orders
            .into_iter()
            .zip(replies)
            .map(|((desk, ticket, _), reply)| Returned::Answered((desk, ticket, Ok(reply))))
            .collect(),
        Err(error) => {
            orders.into_iter().map(|order| Returned::Failed(order, error.clone())).collect()
        }
    }
}

/// Whether a later commit may go well without anything being done to the store.
fn passes(error: &StoreError) -> bool {
    match error {
        StoreError::Full { .. } | StoreError::Busy { .. } => true,
        StoreError::Broken { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Unusable { .. }
        | StoreError::Newer { .. }
        | StoreError::Foreign { .. } => false,
    }
}
