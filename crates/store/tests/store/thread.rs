//! The store on threads of its own.

use crate::subject::{MAX_RESULT, at, finish, id, task};
use hearken_core::pool::TaskNext;
use hearken_core::task::{Lease, TaskState};
use hearken_store::{
    Command, Durability, Fenced, Filter, MemoryStore, Overloaded, Read, Reply, SqliteStore, Store,
    StoreError, StoreThread, Ticket,
};
use std::sync::mpsc as std_mpsc;
use tokio::sync::mpsc;

fn enqueue(number: u64) -> Command {
    Command::Enqueue { tasks: vec![task(number)], batch: None }
}

#[test]
fn answers_come_in_the_order_of_their_commands_and_after_their_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Durability::Relaxed, MAX_RESULT).unwrap();
    let (epoch, reader) = (store.epoch(), store.reader().unwrap());
    let (answers, mut answered) = mpsc::unbounded_channel();
    let thread = StoreThread::start(store, reader, answers).unwrap();
    let mut ticket = 0;
    let mut submit = |command| {
        thread.submit(Ticket(ticket), command).unwrap();
        ticket += 1;
    };
    for number in 1..=100 {
        let (id, lease) = (id(number), Lease { epoch, number });
        submit(enqueue(number));
        submit(Command::Claim { id, lease, worker: "w#1".into(), at: at(1) });
        submit(Command::Finish(Box::new(finish(id, lease, TaskNext::Succeeded))));
    }
    let mut got = Vec::new();
    while got.len() < 300 {
        got.extend(answered.blocking_recv().unwrap());
    }
    for (number, (ticket, reply)) in (0..).zip(&got) {
        assert_eq!(*ticket, Ticket(number));
        let fits = match number % 3 {
            0 => matches!(reply, Ok(Reply::Enqueued(_))),
            1 => matches!(reply, Ok(Reply::Claimed(_))),
            _ => *reply == Ok(Reply::Fenced(Fenced::Kept)),
        };
        assert!(fits, "{ticket:?}: {reply:?}");
    }
    let filter = Filter { state: Some(TaskState::Succeeded), ..Filter::all() };
    let page = thread.ask(move |store| store.query(&filter)).unwrap().blocking_recv().unwrap();
    assert_eq!(page.unwrap().tasks.len(), 100);
    thread.close();
    assert!(answered.blocking_recv().is_none(), "nothing more comes");
}

#[test]
fn what_was_submitted_is_done_before_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path(), Durability::Strict, MAX_RESULT).unwrap();
    let store = open();
    let reader = store.reader().unwrap();
    let (answers, answered) = mpsc::unbounded_channel();
    // Nobody listens.
    drop(answered);
    let thread = StoreThread::start(store, reader, answers).unwrap();
    for number in 1..=50 {
        thread.submit(Ticket(number), enqueue(number)).unwrap();
    }
    thread.close();
    assert_eq!(open().waiting(None, 100).unwrap().len(), 50);
}

/// A store whose disk answers when the test says so.
struct Slow {
    store: MemoryStore,
    begun: std_mpsc::Sender<usize>,
    go_on: std_mpsc::Receiver<Result<(), StoreError>>,
}

impl Store for Slow {
    fn epoch(&self) -> u64 {
        self.store.epoch()
    }

    fn apply(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, StoreError> {
        self.begun.send(commands.len()).unwrap();
        self.go_on.recv().unwrap()?;
        self.store.apply(commands)
    }
}

macro_rules! asked_of_the_store_within {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Read for Slow {
            $(fn $name(&mut self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.store.$name($($argument),*)
            })*
        }
    };
}
asked_of_the_store_within! {
    waiting(after: Option<hearken_core::task::TaskId>, limit: usize) -> Vec<hearken_store::Pending>;
    open_batches(after: Option<hearken_core::task::BatchId>, limit: usize) -> Vec<hearken_store::BatchRecord>;
    query(filter: &Filter) -> hearken_store::Page;
    show(id: hearken_core::task::TaskId) -> Option<Box<hearken_store::History>>;
    batch(id: hearken_core::task::BatchId) -> Option<hearken_store::BatchRecord>;
    result(id: hearken_core::task::TaskId) -> Option<hearken_store::StoredResult>;
    counts() -> Vec<hearken_store::Count>;
}

#[test]
fn commands_that_come_during_a_commit_share_the_next_and_a_flood_is_refused() {
    let (begun, begins) = std_mpsc::channel();
    let (go, go_on) = std_mpsc::channel();
    let store = Slow { store: MemoryStore::new(MAX_RESULT), begun, go_on };
    let (answers, mut answered) = mpsc::unbounded_channel();
    let thread = StoreThread::start(store, MemoryStore::new(MAX_RESULT), answers).unwrap();
    thread.submit(Ticket(0), enqueue(1)).unwrap();
    assert_eq!(begins.recv().unwrap(), 1);
    for number in 1..=40 {
        thread.submit(Ticket(number), enqueue(number + 1)).unwrap();
    }
    go.send(Ok(())).unwrap();
    assert_eq!(answered.blocking_recv().unwrap().len(), 1);
    assert_eq!(begins.recv().unwrap(), 40, "all that waited");

    let mut taken = 0;
    let refused = loop {
        match thread.submit(Ticket(100 + taken), enqueue(100 + taken)) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
        assert!(taken < 1_000_000, "there is no bound");
    };
    assert_eq!(refused, Overloaded);

    let full = StoreError::Full { path: "/x".into(), reason: "no space left".to_owned() };
    go.send(Err(full.clone())).unwrap();
    let failed = answered.blocking_recv().unwrap();
    let all_failed = failed.iter().all(|(_, reply)| *reply == Err(full.clone()));
    assert_eq!((failed.len(), all_failed), (40, true), "every one of the commit is told");
    // Closing waits for what was taken; from here on nothing holds the disk up.
    for _ in 0..taken {
        go.send(Ok(())).unwrap();
    }
    thread.close();
    let mut answers = 0;
    while let Some(group) = answered.blocking_recv() {
        answers += group.len() as u64;
    }
    assert_eq!(answers, taken);
}
