//! One pool as the shell has it: the core's decisions, and what they are about.
//!
//! ```text
//!   worker's words ─▶ hand (logs, progress, result) ─▶ core ─▶ actions ─▶ store, workers, log
//!                                                        ▲                   │
//!                                                        └── what is kept ◀──┘
//! ```

mod ends;
mod words;

pub(super) use ends::End;

use super::client::{Live, PoolStanding};
use super::hand::{Assembly, Hand, Logs};
use super::keeper::{Kept, Ticket};
use super::purging::Purging;
use super::result::Form;
use super::watchers::Watchers;
use super::when::When;
use hearken_config::{Durability, Forget};
use hearken_core::identity::{InstanceId, Token, UnitIndex};
use hearken_core::moment::Moment;
use hearken_core::pool::{Action, Event, Pool};
use hearken_core::task::{Lease, TaskId};
use hearken_proto as proto;
use hearken_store::{Claimed, Command};
use hearken_sys::{Pid, resident_memory};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

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
    pub(super) purging: Purging,
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
            purging: Purging::default(),
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

    /// Has the next page of old tasks removed.
    pub(super) fn purge(&mut self, when: When) {
        let page = self.purging.page(&self.name, self.forget, when);
        self.commands.push_back((Ticket::Purge, Command::Purge(page)));
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
    pub(super) fn perform(&mut self, when: When, action: Action) {
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
                self.keep(when, end, error.map(|error| *error));
            }
            Action::Drop { task, next } => {
                self.drop_task(when, task, next);
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

    /// How it stands; `store` says why the store takes nothing, if it does not.
    pub(super) fn standing(&self, store: Option<Arc<str>>) -> PoolStanding {
        let store = store.map(|why| format!("takes nothing now: {why}"));
        let unit = &self.name;
        let trouble = store.or_else(|| {
            let barred = self.core.is_barred();
            barred.then(|| format!("all its processes stay down: hearken why {unit} says why"))
        });
        PoolStanding {
            pool: Arc::clone(&self.name),
            counts: self.core.counts(),
            durability: self.durability.as_str(),
            queue: self.core.policy().queue,
            trouble: trouble.map(Into::into),
        }
    }
}

/// The number of the only task a process of mode exec ever has.
pub(crate) const ONLY: u32 = 1;

fn hand<'h>(
    hands: &'h mut HashMap<Lease, Hand>,
    held: &HashMap<(Token, u32), Lease>,
    token: Token,
    handle: u32,
) -> Option<&'h mut Hand> {
    hands.get_mut(held.get(&(token, handle))?)
}
