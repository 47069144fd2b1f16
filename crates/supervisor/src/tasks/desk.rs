//! One pool as the shell has it: the core's decisions, and what they are about.
//!
//! ```text
//!   worker's words ─▶ hand (logs, progress, result) ─▶ core ─▶ actions ─▶ store, workers, log
//!                                                        ▲                   │
//!                                                        └── what is kept ◀──┘
//! ```

use super::client::{Ended, Live, PoolStanding, Told};
use super::error::TaskError;
use super::hand::{Assembly, Hand, Logs, spool};
use super::keeper::{Kept, Ticket};
use super::result::{self, Form};
use super::watchers::Watchers;
use super::when::When;
use crate::child::TaskWord;
use crate::convert;
use bytes::Bytes;
use hearken_config::{Durability, Forget};
use hearken_core::evidence::{Evidence, TypedError};
use hearken_core::identity::{InstanceId, Token, UnitIndex};
use hearken_core::moment::Moment;
use hearken_core::pool::{self, Action, Event, Pool, TaskNext};
use hearken_core::task::{Lease, TaskId};
use hearken_proto::{self as proto, ErrorMessage, Raw};
use hearken_store::{Claimed, Command, Finish};
use hearken_sys::{Pid, resident_memory};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What the shell keeps of one pool.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) name: Arc<str>,
    pub(super) unit: UnitIndex,
    pub(super) core: Pool,
    /// Whether its unit runs, as the core was told.
    pub(super) runs: bool,
    pub(super) durability: Durability,
    pub(super) forget: Forget,
    /// Where the removing of old tasks goes on.
    pub(super) purge_after: Option<TaskId>,
    pub(super) max_payload: u64,
    max_result: u64,
    logs: usize,
    /// In exec mode, what the output of a process comes to.
    form: Option<Form>,
    /// What the store gave out and no worker has yet.
    claims: HashMap<Lease, Box<Claimed>>,
    hands: HashMap<Lease, Hand>,
    held: HashMap<(Token, u32), Lease>,
    /// In exec mode: what the process in a slot is there for.
    assigned: HashMap<u32, Lease>,
    /// The processes of slots.
    tokens: HashMap<u32, Token>,
    pids: HashMap<u32, i32>,
    /// What to tell the store.
    pub(super) commands: VecDeque<(Ticket, Command)>,
    /// What to do with processes.
    pub(super) wishes: VecDeque<Wish>,
}

/// What a pool wants of processes.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Start this slot.
    Call(InstanceId),
    /// Stop it.
    Dismiss(InstanceId, hearken_core::evidence::StopCause, bool),
    /// Say this to a worker.
    Say(Token, Box<proto::ToChild>),
}

/// What a desk is made of.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) name: Arc<str>,
    pub(crate) unit: UnitIndex,
    pub(crate) durability: Durability,
    pub(crate) forget: Forget,
    pub(crate) max_payload: u64,
    pub(crate) max_result: u64,
    pub(crate) logs: u64,
    pub(crate) form: Option<Form>,
}

impl Desk {
    pub(super) fn new(opening: Opening, core: Pool) -> Self {
        let Opening { name, unit, durability, forget, max_payload, max_result, logs, form } =
            opening;
        Self {
            name,
            unit,
            core,
            runs: false,
            durability,
            forget,
            purge_after: None,
            max_payload,
            max_result,
            logs: usize::try_from(logs).unwrap_or(usize::MAX),
            form,
            claims: HashMap::new(),
            hands: HashMap::new(),
            held: HashMap::new(),
            assigned: HashMap::new(),
            tokens: HashMap::new(),
            pids: HashMap::new(),
            commands: VecDeque::new(),
            wishes: VecDeque::new(),
        }
    }

    fn id(&self, slot: u32) -> InstanceId {
        InstanceId { unit: self.unit, slot }
    }

    /// The name of a slot: `thumbnails#3`.
    pub(super) fn worker(&self, slot: u32) -> Arc<str> {
        format!("{}#{slot}", self.name).into()
    }

    pub(super) fn tell(&mut self, now: Moment, event: Event) {
        self.core.handle(now, event);
    }

    /// A process was asked for.
    pub(crate) fn spawning(&mut self, now: Moment, slot: u32, token: Token) {
        self.tokens.insert(slot, token);
        if let Some(lease) = self.assigned.get(&slot) {
            self.held.insert((token, ONLY), *lease);
        }
        self.tell(now, Event::Spawning { slot, token });
    }

    /// What the process asked for in this slot is to work on, in exec mode.
    pub(crate) fn assignment(&self, slot: u32) -> Option<&Claimed> {
        self.claims.get(self.assigned.get(&slot)?).map(AsRef::as_ref)
    }

    /// Whether a process is there for one task only.
    pub(crate) fn is_exec(&self) -> bool {
        self.form.is_some()
    }

    /// A worker said something about tasks.
    pub(super) fn word(&mut self, when: When, token: Token, word: TaskWord, ears: &mut Watchers) {
        let now = when.now;
        match word {
            TaskWord::Ready(credits) => {
                self.tell(now, Event::Ready(token, u32::from(credits.min(CREDITS_MAX))));
            }
            TaskWord::Draining => self.tell(now, Event::Draining(token)),
            TaskWord::Memory(bytes) => self.tell(now, Event::Memory(token, bytes)),
            TaskWord::Accepted(handle) => {
                self.began(now, token, handle.0, ears);
                self.tell(now, Event::Accepted(token, pool::Handle(handle.0)));
            }
            TaskWord::Progress(handle, progress) => {
                let Some(hand) = hand(&mut self.hands, &self.held, token, handle.0) else { return };
                let json: Arc<str> = progress_json(&progress).into();
                hand.progress = Some(Arc::clone(&json));
                let task = hand.task;
                if ears.wants(&self.name, task) {
                    ears.tell(&self.name, task, &Told::Progress { task, progress: json });
                }
            }
            TaskWord::Log(handle, log) => {
                if let Some(hand) = hand(&mut self.hands, &self.held, token, handle.0) {
                    hand.logs.push(log.level.name(), log.message.as_str());
                }
            }
            TaskWord::Chunk(chunk) => {
                let Some(hand) = hand(&mut self.hands, &self.held, token, chunk.handle.0) else {
                    return;
                };
                let (task, lease, commands) = (hand.task, hand.lease, &mut self.commands);
                hand.result.chunk(&chunk, |sequence, piece| {
                    commands.push_back((Ticket::Spooled, spool(task, lease, sequence, piece)));
                });
            }
            TaskWord::Checkpoint(it) => self.checkpoint(token, *it),
            TaskWord::Done(result) => self.done(when, token, *result),
            TaskWord::Failed(handle, error) => self.failed(when, token, handle.0, &error),
            TaskWord::Snoozed(snooze) => {
                let delay = Duration::from_millis(snooze.delay_ms);
                if let Some(hand) = hand(&mut self.hands, &self.held, token, snooze.handle.0) {
                    hand.logs.push("info", &format!("snooze: {}", snooze.reason.as_str()));
                }
                let handle = pool::Handle(snooze.handle.0);
                self.tell(now, Event::Snoozed(token, handle, delay));
            }
        }
    }

    fn began(&mut self, now: Moment, token: Token, handle: u32, ears: &mut Watchers) {
        let Some(hand) = hand(&mut self.hands, &self.held, token, handle) else { return };
        hand.began.get_or_insert(now);
        let (task, attempt) = (hand.task, hand.attempt);
        if ears.wants(&self.name, task) {
            ears.tell(&self.name, task, &Told::Started { task, attempt });
        }
    }

    /// Looks at how much memory the workers use, where that matters.
    pub(super) fn measure(&mut self, now: Moment) {
        if self.core.policy().recycle.memory.is_none() {
            return;
        }
        for (slot, token) in &self.tokens {
            let pid = self.pids.get(slot).and_then(|pid| Pid::new(*pid));
            if let Some(bytes) = pid.and_then(resident_memory) {
                self.core.handle(now, Event::Memory(*token, bytes));
            }
        }
    }

    /// The process of a slot runs; in exec mode its task begins with that.
    pub(super) fn process_started(
        &mut self,
        now: Moment,
        slot: u32,
        pid: i32,
        ears: &mut Watchers,
    ) {
        self.pids.insert(slot, pid);
        let Some(token) = self.tokens.get(&slot).copied().filter(|_| self.is_exec()) else {
            return;
        };
        self.began(now, token, ONLY, ears);
        self.tell(now, Event::Started(token));
    }

    fn checkpoint(&mut self, token: Token, it: proto::Checkpoint) {
        let Some(hand) = hand(&mut self.hands, &self.held, token, it.handle.0) else { return };
        let (id, lease, sequence) = (hand.task, hand.lease, it.sequence);
        let command = Command::Checkpoint { id, lease, sequence, data: it.data.into() };
        self.commands.push_back((Ticket::Checkpoint(token, it.handle.0), command));
    }

    fn done(&mut self, when: When, token: Token, result: proto::TaskResult) {
        let handle = result.handle.0;
        let exec = self.is_exec();
        let Some(hand) = hand(&mut self.hands, &self.held, token, handle) else { return };
        let assembly = &mut hand.result;
        let whole = match result.chunks {
            None | Some(0) => assembly.has(0) || exec,
            Some(chunks) => assembly.has(chunks) && result.data.is_none(),
        };
        assembly.value = result.data.map(Raw::into_msgpack);
        let in_pieces = result.chunks.is_some_and(|chunks| chunks > 0);
        assembly.content_type = result
            .content_type
            .map(Into::into)
            .or_else(|| in_pieces.then(|| Arc::from("application/octet-stream")));
        assembly.summary = result.summary.map(Raw::into_msgpack);
        let trouble = assembly.trouble.or((!whole).then_some(super::hand::Trouble::OutOfOrder));
        if let Some(trouble) = trouble {
            let error = result::refused(trouble, self.max_result);
            return self.failed(when, token, handle, &error);
        }
        self.tell(when.now, Event::Done(token, pool::Handle(handle)));
    }

    fn failed(&mut self, when: When, token: Token, handle: u32, error: &ErrorMessage) {
        let dependency: Option<Arc<str>> =
            error.dependency.as_deref().map(|name| convert::name(name).into());
        if let Some(hand) = hand(&mut self.hands, &self.held, token, handle) {
            hand.error = Some(TaskError::said(error));
            hand.dependency.clone_from(&dependency);
        }
        let typed = convert::typed_error(error);
        self.tell(when.now, Event::Failed(token, pool::Handle(handle), typed, dependency));
    }

    /// The task of this process cannot be handed to its program.
    pub(super) fn unfit(&mut self, when: When, token: Token, why: &TypedError) {
        self.tell(when.now, Event::Failed(token, pool::Handle(ONLY), why.clone(), None));
    }

    /// An error that the process of an exec task said; its exit has the last word.
    pub(super) fn exec_said(&mut self, token: Token, error: &ErrorMessage) {
        if let Some(hand) = hand(&mut self.hands, &self.held, token, ONLY) {
            hand.error = Some(TaskError::said(error));
            hand.dependency = error.dependency.as_deref().map(|name| convert::name(name).into());
        }
    }

    /// What the process of an exec task wrote to its standard output. Answers whether it may go on.
    pub(crate) fn output(&mut self, token: Token, bytes: &Bytes) -> bool {
        let Some(hand) = hand(&mut self.hands, &self.held, token, ONLY) else { return true };
        let (task, lease, commands) = (hand.task, hand.lease, &mut self.commands);
        hand.result.push(bytes, |sequence, piece| {
            commands.push_back((Ticket::Spooled, spool(task, lease, sequence, piece)));
        });
        hand.result.trouble.is_none()
    }

    /// All that the process of an exec task wrote to its standard output has come.
    pub(crate) fn output_whole(&mut self, token: Token) {
        if let Some(hand) = hand(&mut self.hands, &self.held, token, ONLY) {
            hand.result.whole = true;
        }
    }

    /// The last lines that a process wrote to its standard error stand with whatever it held.
    pub(super) fn last_words(&mut self, slot: u32, lines: &[Box<str>]) {
        for hand in self.hands.values_mut().filter(|hand| hand.slot == slot) {
            for line in lines {
                hand.logs.push("stderr", line);
            }
        }
    }

    /// A process has ended, and was heard to its last word.
    pub(super) fn ended(&mut self, when: When, slot: u32, evidence: &Evidence) {
        let token = self.tokens.remove(&slot);
        self.pids.remove(&slot);
        let in_hand = self.hands.values().find(|hand| hand.slot == slot);
        let dependency = in_hand.and_then(|hand| hand.dependency.clone());
        if let (Some(form), Some(token), Some(lease)) =
            (self.form, token, self.assigned.get(&slot).copied())
            && let Some(hand) = self.hands.get_mut(&lease)
        {
            let succeeded = evidence.kind().is_none() && evidence.stopped_by.is_none();
            let refused = match hand.result.trouble {
                Some(trouble) => Some(result::refused(trouble, self.max_result)),
                None if succeeded && hand.result.value.is_none() => {
                    form.read(&mut hand.result).err()
                }
                None => None,
            };
            if let Some(error) = refused {
                self.failed(when, token, ONLY, &error);
            }
        }
        self.tell(when.now, Event::Ended(slot, Box::new(evidence.clone()), dependency));
        if let Some(token) = token {
            self.held.retain(|(of, _), _| *of != token);
        }
        self.assigned.remove(&slot);
    }

    /// The store answered.
    pub(super) fn kept(&mut self, when: When, kept: Kept) {
        match kept {
            Kept::Claimed(lease, claimed) => {
                self.claims.insert(lease, claimed);
                self.tell(when.now, Event::Claimed(lease));
                // Whoever it was for may want it no more; it is given back then.
                if !self.core.is_out(lease) {
                    self.claims.remove(&lease);
                }
            }
            Kept::NotClaimed(lease) => self.tell(when.now, Event::Gone(lease)),
            Kept::Finished(lease) => self.tell(when.now, Event::Kept(lease)),
        }
    }

    /// Does what the core wants. The claims it makes wait for the store.
    pub(super) fn perform(&mut self, when: When, action: Action, ears: &mut Watchers) {
        match action {
            Action::Claim { task, lease, slot, .. } => {
                let worker = self.worker(slot);
                let command = Command::Claim { id: task, lease, worker, at: when.wall };
                self.commands.push_back((Ticket::Claim(lease), command));
            }
            Action::Send { token, handle, lease, counters, soft, hard, .. } => {
                let Some(claimed) = self.claims.remove(&lease) else { return };
                let slot = self.slot_of(token);
                self.take_in_hand(lease, slot, &claimed);
                self.held.insert((token, handle.0), lease);
                let task = super::send::task(handle, *claimed, counters, soft, hard);
                self.wishes.push_back(Wish::Say(token, Box::new(proto::ToChild::Task(task))));
            }
            Action::Start { slot } => {
                if self.is_exec() {
                    self.assign(slot);
                }
                self.wishes.push_back(Wish::Call(self.id(slot)));
            }
            Action::Stop { slot, cause, kill } => {
                self.wishes.push_back(Wish::Dismiss(self.id(slot), cause, kill));
            }
            Action::Cancel { token, handle, reason, grace } => {
                let cancel = super::send::cancel(handle, reason, grace);
                self.wishes.push_back(Wish::Say(token, Box::new(cancel)));
            }
            Action::Ack { token, handle, of } => {
                let ack = super::send::ack(handle, of);
                self.wishes.push_back(Wish::Say(token, Box::new(ack)));
            }
            Action::Keep { task, lease, next, counters, decided_by, error, took, slot } => {
                let rule = self.rule(decided_by);
                let end = End { task, lease, next, counters, decided_by, took, slot, rule };
                self.keep(when, end, error.map(|error| *error), ears);
            }
            Action::Drop { task, next } => {
                self.drop_task(when, task, next, ears);
            }
            Action::EndBatch { batch, end } => {
                let (unit, outcome) = (&*self.name, end.as_str());
                let name = batch.to_string();
                crate::events::BatchEnded { unit, batch: &name, outcome }.emit();
                let command = Command::EndBatch { id: batch, end, at: when.wall };
                self.commands.push_back((Ticket::BatchEnded, command));
            }
            Action::Report(report) => super::report::tell(&self.name, &report),
        }
    }

    fn take_in_hand(&mut self, lease: Lease, slot: u32, claimed: &Claimed) {
        let hand = Hand {
            task: claimed.record.id,
            lease,
            slot,
            attempt: claimed.record.counters.leases,
            began: None,
            error: None,
            dependency: None,
            progress: None,
            logs: Logs::new(self.logs),
            result: Assembly::new(self.max_result),
        };
        self.hands.insert(lease, hand);
    }

    /// The task that was claimed for this slot is what its next process is there for.
    fn assign(&mut self, slot: u32) {
        let worker = self.worker(slot);
        let claimed = self.claims.iter().find(|(_, claimed)| {
            claimed.record.holder.as_ref().is_some_and(|holder| holder.worker == worker)
        });
        if let Some((lease, claimed)) = claimed.map(|(lease, it)| (*lease, it.clone())) {
            self.take_in_hand(lease, slot, &claimed);
            self.assigned.insert(slot, lease);
        }
    }

    fn slot_of(&self, token: Token) -> u32 {
        self.tokens.iter().find(|(_, of)| **of == token).map_or(0, |(slot, _)| *slot)
    }

    /// What became of a try is to be kept.
    fn keep(&mut self, when: When, end: End, error: Option<TypedError>, ears: &mut Watchers) {
        let hand = self.hands.remove(&end.lease);
        self.claims.remove(&end.lease);
        let mut finish = Finish::released(end.task, end.lease, end.counters, when.wall);
        let mut result = None;
        let mut said = None;
        let attempt = hand.as_ref().map_or(end.counters.leases, |hand| hand.attempt);
        if let Some(mut hand) = hand {
            // The worker's own words say more than the core heard of them.
            said = hand.error.take();
            finish.logs = hand.logs.text();
            finish.progress = hand.progress.map(|progress| (*progress).into());
            if end.next == TaskNext::Succeeded {
                let (task, lease, commands) = (end.task, end.lease, &mut self.commands);
                let pieces = hand.result.length() > 0;
                result = hand.result.finish(pieces, |sequence, piece| {
                    commands.push_back((Ticket::Spooled, spool(task, lease, sequence, piece)));
                });
            }
        }
        let error = error.map(|found| {
            said.filter(|said: &TaskError| said.is(&found))
                .unwrap_or_else(|| TaskError::found(&found))
        });
        if let TaskNext::Again { delay, .. } = end.next {
            finish.not_before = when.wall.after(delay);
        }
        super::report::end(&self.name, &end, attempt, error.as_ref());
        let json = error.as_ref().map(TaskError::json);
        let ended = ears.wants(&self.name, end.task).then(|| Ended {
            task: end.task,
            next: end.next,
            counters: end.counters,
            decided_by: end.decided_by.as_str(),
            error: json.clone(),
            result: result.clone(),
            took: end.took,
            worker: self.worker(end.slot),
        });
        finish.next = end.next;
        finish.decided_by = end.decided_by;
        finish.rule = end.rule.clone();
        finish.error = json.map(|json| (*json).into());
        finish.result = result;
        finish.took = end.took;
        let ticket = Ticket::Finish(end.lease, ended.map(Box::new));
        self.commands.push_back((ticket, Command::Finish(Box::new(finish))));
    }

    /// A task has ended that nobody has a lease of.
    fn drop_task(&mut self, when: When, task: TaskId, next: TaskNext, ears: &mut Watchers) {
        let decided_by = match next {
            TaskNext::Expired => pool::TaskDecidedBy::Clock,
            TaskNext::Cancelled
            | TaskNext::Succeeded
            | TaskNext::Again { .. }
            | TaskNext::Released
            | TaskNext::Dead(_)
            | TaskNext::Discarded => pool::TaskDecidedBy::Operator,
        };
        let command = match next {
            TaskNext::Expired => Command::Expire { id: task, at: when.wall },
            TaskNext::Cancelled
            | TaskNext::Succeeded
            | TaskNext::Again { .. }
            | TaskNext::Released
            | TaskNext::Dead(_)
            | TaskNext::Discarded => Command::Cancel { id: task, at: when.wall, decided_by },
        };
        super::report::dropped(&self.name, task, next, decided_by);
        let ended = ears.wants(&self.name, task).then(|| {
            Box::new(Ended {
                task,
                next,
                counters: hearken_core::task::Counters::default(),
                decided_by: decided_by.as_str(),
                error: None,
                result: None,
                took: Duration::ZERO,
                worker: Arc::from(""),
            })
        });
        self.commands.push_back((Ticket::Dropped(ended), command));
    }

    fn rule(&self, decided_by: pool::TaskDecidedBy) -> Option<Arc<str>> {
        let pool::TaskDecidedBy::Rule(place) = decided_by else { return None };
        let rules = &self.core.policy().rules;
        rules.get(place as usize).map(|rule| Arc::from(&*rule.label))
    }

    /// What is known of a task in hand.
    pub(super) fn live(&self, now: Moment, task: TaskId) -> Option<Live> {
        let hand = self.hands.values().find(|hand| hand.task == task)?;
        Some(Live {
            worker: self.worker(hand.slot),
            pid: self.pids.get(&hand.slot).copied(),
            worked: hand.began.map(|began| now.since(began)).unwrap_or_default(),
            progress: hand.progress.clone(),
            logs: hand.logs.text().unwrap_or_default().into(),
        })
    }

    pub(super) fn standing(&self, trouble: Option<Arc<str>>) -> PoolStanding {
        PoolStanding {
            pool: Arc::clone(&self.name),
            counts: self.core.counts(),
            durability: self.durability.as_str(),
            queue: self.core.policy().queue,
            trouble,
        }
    }
}

/// The end of a try, as the core decided it.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) task: TaskId,
    pub(super) lease: Lease,
    pub(super) next: TaskNext,
    pub(super) counters: hearken_core::task::Counters,
    pub(super) decided_by: pool::TaskDecidedBy,
    pub(super) took: Duration,
    pub(super) slot: u32,
    pub(super) rule: Option<Arc<str>>,
}

/// The number of the only task a process of mode exec ever has.
pub(crate) const ONLY: u32 = 1;
/// How many tasks a worker may take at once, whatever it says.
const CREDITS_MAX: u16 = 1024;

fn hand<'h>(
    hands: &'h mut HashMap<Lease, Hand>,
    held: &HashMap<(Token, u32), Lease>,
    token: Token,
    handle: u32,
) -> Option<&'h mut Hand> {
    hands.get_mut(held.get(&(token, handle))?)
}

/// Progress as `task show` has it.
fn progress_json(progress: &proto::Progress) -> String {
    let mut map = serde_json::Map::new();
    let mut put = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("done", progress.done.map(Into::into));
    put("total", progress.total.map(Into::into));
    put("unit", progress.unit.as_deref().map(|it| convert::name(it).into()));
    put("stage", progress.stage.as_deref().map(|it| convert::name(it).into()));
    put("message", progress.message.as_ref().map(|it| it.as_str().into()));
    serde_json::Value::Object(map).to_string()
}
