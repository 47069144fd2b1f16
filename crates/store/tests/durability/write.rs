//! The writer: keeps 64 tasks on their way, and says what was acknowledged.

use crate::ack::{Ack, Outcome, PIECE, result_of};
use crate::dice::Dice;
use bytes::Bytes;
use hearken_core::pool::{DeadBy, TaskDecidedBy, TaskNext};
use hearken_core::task::{BatchId, BatchPolicy, Counters, Lease, Priority, TaskId};
use hearken_store::{
    Command, Durability, Enqueued, Fenced, Finish, Input, NewBatch, NewTask, Read, Reply,
    ResultBody, SqliteStore, Store, StoreThread, TaskResult, Ticket, UnixMs,
};
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

const IN_FLIGHT: u64 = 64;

/// Works until it is killed.
pub(crate) fn write(folder: &Path, durability: Durability) {
    let mut store = SqliteStore::open(folder, durability, 1024 * 1024).unwrap();
    let found = store.waiting(None, 1000).unwrap();
    let (epoch, reader) = (store.epoch(), store.reader().unwrap());
    let (answers, mut answered) = mpsc::unbounded_channel();
    let thread = StoreThread::start(store, reader, answers).unwrap();
    let backlog = found.into_iter().map(|pending| pending.id).collect();
    let mut writer = Writer {
        dice: Dice::new(),
        epoch,
        leases: 0,
        backlog,
        courses: HashMap::new(),
        said: String::new(),
    };
    for ticket in 0..IN_FLIGHT {
        thread.submit(Ticket(ticket), writer.next(ticket)).unwrap();
    }
    let mut to = std::io::stdout().lock();
    while let Some(group) = answered.blocking_recv() {
        let mut tickets = Vec::new();
        for (Ticket(ticket), reply) in group {
            writer.hear(ticket, &reply.unwrap());
            tickets.push(ticket);
        }
        // Said before anything else is asked for: what is acknowledged is known outside.
        to.write_all(writer.said.as_bytes()).unwrap();
        to.flush().unwrap();
        writer.said.clear();
        for ticket in tickets {
            thread.submit(Ticket(ticket), writer.next(ticket)).unwrap();
        }
    }
}

struct Writer {
    dice: Dice,
    epoch: u64,
    leases: u64,
    /// Tasks that wait.
    backlog: VecDeque<TaskId>,
    /// What is still to be asked for, and what to say once the present command is acknowledged.
    courses: HashMap<u64, Course>,
    said: String,
}

#[derive(Default)]
struct Course {
    commands: VecDeque<(Command, Vec<Ack>)>,
    asked: Vec<Ack>,
}

impl Writer {
    /// The next command of this course.
    fn next(&mut self, ticket: u64) -> Command {
        let mut course = self.courses.remove(&ticket).unwrap_or_default();
        if course.commands.is_empty() {
            course.commands = match self.backlog.pop_front() {
                Some(id) if self.backlog.len() > 100 || self.dice.roll(2) == 0 => self.try_it(id),
                other => {
                    self.backlog.extend(other);
                    self.enqueue()
                }
            };
        }
        let (command, asked) = course.commands.pop_front().unwrap();
        course.asked = asked;
        self.courses.insert(ticket, course);
        command
    }

    fn enqueue(&mut self) -> VecDeque<(Command, Vec<Ack>)> {
        let tasks = if self.dice.roll(8) == 0 { 3 } else { 1 };
        let at = now();
        let batch = (tasks > 1).then(|| NewBatch {
            id: BatchId::new(at.get(), self.random()),
            pool: "pool".into(),
            policy: BatchPolicy::All,
            completion: None,
            created: at,
        });
        let tasks: Vec<NewTask> = (0..tasks)
            .map(|_| {
                let id = TaskId::new(at.get(), self.random());
                NewTask {
                    id,
                    pool: "pool".into(),
                    kind: None,
                    unique_key: (self.dice.roll(4) == 0).then(|| id.to_string().into()),
                    fairness_key: None,
                    priority: Priority::DEFAULT,
                    not_before: at,
                    expires: None,
                    batch: batch.as_ref().map(|batch| batch.id),
                    created: at,
                    held: false,
                    input: Input { payload: Bytes::from(id.to_string()), ..Input::default() },
                }
            })
            .collect();
        let acks = tasks.iter().map(|task| Ack::Enqueued(task.id)).collect();
        [(Command::Enqueue { tasks, batch }, acks)].into()
    }

    /// One try of a task, from its claim to its finish.
    fn try_it(&mut self, id: TaskId) -> VecDeque<(Command, Vec<Ack>)> {
        self.leases += 1;
        let lease = Lease { epoch: self.epoch, number: self.leases };
        let at = now();
        let claim = Command::Claim { id, lease, worker: "pool#1".into(), at };
        let mut commands = VecDeque::from([(claim, vec![Ack::Claimed(id, lease)])]);
        if self.dice.roll(8) == 0 {
            let data = Bytes::from(vec![1; 500]);
            commands.push_back((Command::Checkpoint { id, lease, sequence: 1, data }, vec![]));
        }
        let (outcome, next) = match self.dice.roll(8) {
            0 => (Outcome::Dead, TaskNext::Dead(DeadBy::Verdict)),
            1 | 2 => (Outcome::Again, TaskNext::Again { delay: Duration::ZERO, elsewhere: false }),
            _ => (Outcome::Succeeded, TaskNext::Succeeded),
        };
        let mut finish = Finish {
            next,
            decided_by: TaskDecidedBy::Worker,
            ..Finish::released(id, lease, Counters::default(), at)
        };
        if outcome == Outcome::Succeeded {
            let bytes = Bytes::from(result_of(id, lease));
            let body = if bytes.len() <= PIECE {
                ResultBody::Inline(bytes)
            } else {
                let length = bytes.len() as u64;
                let mut pieces = 0;
                for piece in bytes.chunks(PIECE) {
                    let data = Bytes::copy_from_slice(piece);
                    let spool = Command::Spool { id, lease, sequence: pieces, data };
                    commands.push_back((spool, vec![]));
                    pieces += 1;
                }
                ResultBody::Spooled { pieces, length }
            };
            finish.result = Some(TaskResult { body, content_type: None, summary: None });
        }
        let said = vec![Ack::Finished(id, lease, outcome)];
        commands.push_back((Command::Finish(Box::new(finish)), said));
        commands
    }

    /// Takes note of an answer, which can only be that all is well.
    fn hear(&mut self, ticket: u64, reply: &Reply) {
        let course = self.courses.get_mut(&ticket).unwrap();
        match reply {
            Reply::Enqueued(enqueued) => {
                assert!(enqueued.iter().all(|one| matches!(one, Enqueued::Inserted(_))));
            }
            Reply::Claimed(_) | Reply::Fenced(Fenced::Kept) => {}
            other => panic!("{:?} was answered {other:?}", course.asked),
        }
        for ack in std::mem::take(&mut course.asked) {
            writeln!(self.said, "{ack}").unwrap();
            match ack {
                Ack::Enqueued(id) | Ack::Finished(id, _, Outcome::Again) => {
                    self.backlog.push_back(id);
                }
                Ack::Claimed(..) | Ack::Finished(..) => {}
            }
        }
    }

    fn random(&mut self) -> u128 {
        u128::from(self.dice.roll(u64::MAX)) << 64 | u128::from(self.dice.roll(u64::MAX))
    }
}

fn now() -> UnixMs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMs::new(u64::try_from(now.as_millis()).unwrap())
}
