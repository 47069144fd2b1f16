//! The stores behind the pools, from the loop's side: one that answers at once, and one that waits
//! for a disk on threads of its own.
//!
//! A commit that failed changed nothing. What of it must not be lost waits here, in its order, and is
//! told again once the store takes commands; everything else is answered with the reason.

use super::client::{Answer as Answering, Ended, Submitted};
use super::submit::Submitting;
use hearken_core::identity::Token;
use hearken_core::task::{Lease, TaskId, TaskState};
use hearken_store::{
    Answer, Claimed, Command, Read, Reply, Store, StoreError, StoreThread, Ticket as Name,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What to do with an answer.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// A lease is to be given out.
    Claim(Lease),
    /// The end of a try is to be kept, then told.
    Finish(Lease, Box<Ended>),
    /// The end of a task that nobody has is to be kept, then told.
    Dropped(Box<Ended>),
    /// A worker waits to hear that its checkpoint is kept.
    Checkpoint(Token, u32),
    /// A piece of a result: its finish says whether it arrived.
    Spooled,
    /// A batch is over; its completion task may go.
    BatchEnded,
    /// Tasks are submitted.
    Submit(Box<Submitting>, Answering<Submitted>),
    /// A task is to be done after all.
    Requeue(TaskId, Answering<TaskState>),
    /// A task that no pool has is to be taken back.
    Cancel(TaskId, Answering<TaskState>),
    /// Tasks that nobody will ask for are to go.
    Forget,
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
            | Self::Forget
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

/// Something to be read. It is shown every store, one after the other, then nothing: that was all.
/// It answers when it is dropped; before the end, with a refusal.
pub(crate) type Reading = Box<dyn FnMut(Option<&mut dyn Read>) + Send>;

/// A store that waits for a disk, on threads of its own.
#[derive(Debug)]
pub(super) struct Disk {
    thread: StoreThread,
    answers: mpsc::UnboundedReceiver<Vec<Answer>>,
    /// The name of the last command that was handed over.
    last: u64,
    /// What is on its way, by its name: kept until it is answered, for it may have to be told again.
    under_way: BTreeMap<u64, Order>,
    /// What was not handed over yet: there is no room, or the store takes nothing.
    waiting: VecDeque<Order>,
    /// Why nothing is taken.
    trouble: Option<StoreError>,
    /// Nothing will ever be taken again.
    broken: bool,
    /// While nothing is taken: the next command may find out whether that is still so.
    may_probe: bool,
}

impl Disk {
    /// Puts a store to work.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(
        store: impl Store + 'static,
        reader: impl Read + Send + 'static,
    ) -> std::io::Result<Self> {
        let (tell, answers) = mpsc::unbounded_channel();
        Ok(Self {
            thread: StoreThread::start(store, reader, tell)?,
            answers,
            last: 0,
            under_way: BTreeMap::new(),
            waiting: VecDeque::new(),
            trouble: None,
            broken: false,
            may_probe: false,
        })
    }

    /// Why nothing is taken, if nothing is.
    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        self.trouble.as_ref().map(|error| error.to_string().into())
    }

    /// Hands commands over, in this order. While the store takes none, those that must be kept wait
    /// here, and the others come back with the reason.
    pub(super) fn send(&mut self, orders: impl IntoIterator<Item = Order>) -> Vec<Answered> {
        let Some(trouble) = self.trouble.clone() else {
            self.waiting.extend(orders);
            self.hand_over();
            return Vec::new();
        };
        let mut refused = Vec::new();
        for order in orders {
            if order.1.must_be_kept() {
                self.waiting.push_back(order);
            } else if std::mem::take(&mut self.may_probe) {
                self.probe(order);
            } else {
                refused.push((order.0, order.1, Err(trouble.clone())));
            }
        }
        refused
    }

    /// Hands over one command although the store took none before.
    fn probe(&mut self, order: Order) {
        self.last += 1;
        if self.thread.submit(Name(self.last), order.2.clone()).is_ok() {
            self.under_way.insert(self.last, order);
        } else {
            self.waiting.push_front(order);
        }
    }

    fn hand_over(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            self.last += 1;
            if self.thread.submit(Name(self.last), order.2.clone()).is_err() {
                // It is behind; its next answer says that there is room.
                return self.waiting.push_front(order);
            }
            self.under_way.insert(self.last, order);
        }
    }

    /// Has something read. Whoever asked is refused if too much is asked at once.
    pub(super) fn read(&self, mut reading: Reading) {
        let _refused = self.thread.ask(move |store| {
            reading(Some(store));
            reading(None);
        });
    }

    /// Finds out whether the store takes something again, if there is hope: with the first command
    /// that waits, or with the next that comes.
    pub(super) fn try_again(&mut self) {
        if self.trouble.is_none() || self.broken || !self.under_way.is_empty() {
            return;
        }
        match self.waiting.pop_front() {
            Some(order) => self.probe(order),
            None => self.may_probe = true,
        }
    }

    /// Waits for answers. Never, once the thread is gone.
    pub(super) async fn answers(&mut self) -> Vec<Answer> {
        match self.answers.recv().await {
            Some(answers) => answers,
            None => std::future::pending().await,
        }
    }

    /// Takes note of what came back: gives what was answered, and whether the store went down or
    /// came back by it.
    pub(super) fn take(&mut self, answers: Vec<Answer>) -> (Vec<Answered>, Option<Change>) {
        let was_down = self.trouble.is_some();
        let mut answered = Vec::with_capacity(answers.len());
        let mut refused = None;
        let mut again = Vec::new();
        for (Name(name), reply) in answers {
            let Some((desk, ticket, command)) = self.under_way.remove(&name) else { continue };
            match reply {
                Err(error) if ticket.must_be_kept() => {
                    again.push((desk, ticket, command));
                    refused = Some(error);
                }
                Err(error) => {
                    answered.push((desk, ticket, Err(error.clone())));
                    refused = Some(error);
                }
                // A piece of its result was in a commit that failed, and is told again before it.
                Ok(Reply::Refused(_)) if was_down && ticket.must_be_kept() => {
                    again.push((desk, ticket, command));
                }
                Ok(reply) => answered.push((desk, ticket, Ok(reply))),
            }
        }
        // What failed comes before what had no chance yet.
        for order in again.into_iter().rev() {
            self.waiting.push_front(order);
        }
        if let Some(error) = refused {
            self.broken |= !passes(&error);
            let why: Arc<str> = error.to_string().into();
            self.trouble = Some(error);
            return (answered, (!was_down).then_some(Change::Down(why)));
        }
        let is_back = was_down && !answered.is_empty() && !self.broken;
        if is_back {
            self.trouble = None;
        }
        if self.trouble.is_none() {
            self.hand_over();
        }
        (answered, is_back.then_some(Change::Up))
    }

    /// Waits until all is handed over and done, and closes the store. What it does not take is lost
    /// with this process: it was not acknowledged, or is done again.
    pub(super) async fn finish(mut self) {
        while self.trouble.is_none() && !self.waiting.is_empty() {
            let answers = self.answers().await;
            self.take(answers);
        }
        self.thread.close();
    }
}

/// The store went down, or came back.
#[derive(Debug)]
pub(super) enum Change {
    Down(Arc<str>),
    Up,
}

/// Does these at once, in a store that never waits.
pub(super) fn at_once(store: &mut impl Store, orders: Vec<Order>) -> Vec<Answered> {
    let mut waiting = Vec::with_capacity(orders.len());
    let mut commands = Vec::with_capacity(orders.len());
    for (desk, ticket, command) in orders {
        waiting.push((desk, ticket));
        commands.push(command);
    }
    match store.apply(commands) {
        Ok(replies) => {
            let replies = waiting.into_iter().zip(replies);
            replies.map(|((desk, ticket), reply)| (desk, ticket, Ok(reply))).collect()
        }
        Err(error) => {
            let refused = |(desk, ticket)| (desk, ticket, Err(error.clone()));
            waiting.into_iter().map(refused).collect()
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
