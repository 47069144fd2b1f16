//! What the pool was told and what it said, and the laws that every word of it must keep.

use super::plan::Plan;
use hearken_core::evidence::StopCause;
use hearken_core::identity::Token;
use hearken_core::moment::Moment;
use hearken_core::pool::{
    Action, Ceiling, DeadBy, Event, Handle, Said, TaskNext, Waiting, WorkMode,
};
use hearken_core::task::{BatchId, Counters, Lease, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a timer may take on top of a deadline.
const SLACK: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum At {
    Waiting,
    Claiming { lease: Lease, slot: u32, given: bool },
    InHand { lease: Lease, slot: u32, token: Option<Token>, handle: Handle },
    Keeping { lease: Lease, next: TaskNext, ack: Option<(Token, Handle, Said)> },
}

/// What is known of a task that has not ended.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) at: At,
    pub(super) waiting: Waiting,
    /// Somebody wants it back.
    unwanted: bool,
    /// When it was sent, and when its worker said that it begins.
    sent_at: Moment,
    accepted_at: Option<Moment>,
    /// Its worker was told to give it up.
    asked_back: bool,
    /// The last word of its worker about it.
    said: Option<Said>,
    /// What it counted when the try began.
    leases: u32,
}

/// What the pool knows of a slot.
#[derive(Debug, Clone, Default)]
struct Slot {
    token: Option<Token>,
    credits: Option<u32>,
    down: bool,
    barred: bool,
    started: bool,
    stopping: bool,
    killed: bool,
    /// When it last had nothing else to do than to begin with what it was sent.
    stirred_at: Moment,
}

#[derive(Debug)]
pub(super) struct Book {
    exec: bool,
    plan: Plan,
    pub(super) seats: BTreeMap<TaskId, Seat>,
    slots: BTreeMap<u32, Slot>,
    /// How many tasks the pool was told a batch has.
    pub(super) totals: BTreeMap<BatchId, u64>,
    over: BTreeSet<BatchId>,
    /// Batches that have ended once, and may have grown just then.
    ended: BTreeSet<BatchId>,
    owed: Vec<(Token, Handle, Said)>,
    handles: BTreeSet<(Token, Handle)>,
    store_down: bool,
    shut: bool,
    closing: bool,
    /// Nobody looked at the clock until then.
    pub(super) stalled_at: Moment,
}

impl Book {
    pub(super) fn new(plan: &Plan) -> Self {
        let slot = Slot { down: true, ..Slot::default() };
        Self {
            exec: plan.policy.mode == WorkMode::Exec,
            plan: plan.clone(),
            seats: BTreeMap::new(),
            slots: (1..=plan.slots).map(|it| (it, slot.clone())).collect(),
            totals: BTreeMap::new(),
            over: BTreeSet::new(),
            ended: BTreeSet::new(),
            owed: Vec::new(),
            handles: BTreeSet::new(),
            store_down: false,
            shut: true,
            closing: false,
            stalled_at: Moment::START,
        }
    }

    fn in_hand(&self, of: Token) -> impl Iterator<Item = (&TaskId, &Seat)> {
        let held =
            move |seat: &Seat| matches!(seat.at, At::InHand { token: Some(it), .. } if it == of);
        self.seats.iter().filter(move |(_, seat)| held(seat))
    }

    fn spoken_of(&mut self, token: Token, handle: Handle) -> Option<&mut Seat> {
        self.seats.values_mut().find(|seat| {
            matches!(seat.at, At::InHand { token: Some(it), handle: name, .. } if (it, name) == (token, handle))
        })
    }

    fn slot_of(&self, token: Token) -> Option<u32> {
        self.slots.iter().find(|(_, slot)| slot.token == Some(token)).map(|(slot, _)| *slot)
    }

    fn stirs(&mut self, token: Token, now: Moment) {
        if let Some(slot) = self.slot_of(token) {
            self.slots.get_mut(&slot).unwrap().stirred_at = now;
        }
    }

    /// The pool is about to be told this.
    pub(super) fn hear(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Batch(id, batch) => {
                self.totals.insert(*id, batch.counts.total);
                // One that grew just as it ended, or whose end was not kept before a crash.
                self.over.remove(id);
            }
            Event::Added(waiting) => {
                let seat = Seat {
                    at: At::Waiting,
                    unwanted: waiting.batch.is_some_and(|id| self.over.contains(&id)),
                    sent_at: now,
                    accepted_at: None,
                    asked_back: false,
                    said: None,
                    leases: waiting.counters.leases,
                    waiting: waiting.clone(),
                };
                self.seats.entry(waiting.id).or_insert(seat);
            }
            Event::Cancel(task) => {
                if let Some(seat) = self.seats.get_mut(task) {
                    seat.unwanted = true;
                }
            }
            Event::CancelBatch(batch) => {
                if self.totals.contains_key(batch) {
                    self.unwanted(*batch);
                }
            }
            Event::Claimed(of) => {
                for seat in self.seats.values_mut() {
                    if let At::Claiming { lease, given, .. } = &mut seat.at
                        && lease == of
                    {
                        *given = true;
                        seat.leases += 1;
                    }
                }
            }
            Event::Gone(of) => {
                self.seats.retain(
                    |_, seat| !matches!(seat.at, At::Claiming { lease, .. } if lease == *of),
                );
            }
            Event::Kept(of) => self.kept(now, *of),
            Event::StoreDown => self.store_down = true,
            Event::StoreUp => self.store_down = false,
            Event::Opened => {
                self.shut = false;
                for slot in self.slots.values_mut().filter(|slot| slot.token.is_none()) {
                    (slot.down, slot.barred, slot.started) = (true, false, false);
                }
                let empty = |slot: &Slot| slot.token.is_none();
                let empty = self.slots.iter().filter(|(_, it)| empty(it)).map(|(slot, _)| *slot);
                let empty: Vec<_> = empty.collect();
                empty.into_iter().for_each(|slot| self.orphan(slot));
            }
            Event::Shut => self.shut = true,
            Event::Spawning { slot, token } => {
                *self.slots.get_mut(slot).unwrap() =
                    Slot { token: Some(*token), ..Slot::default() };
                if self.exec {
                    for seat in self.seats.values_mut() {
                        if let At::InHand { slot: of, token: it, .. } = &mut seat.at
                            && of == slot
                        {
                            *it = Some(*token);
                        }
                    }
                }
            }
            Event::Started(token) if self.exec => self.accepted(now, *token, Handle::ONLY),
            Event::Started(_) | Event::Draining(_) | Event::Memory(..) => {}
            Event::Ready(token, credits) => {
                if let Some(slot) = self.slot_of(*token) {
                    let slot = self.slots.get_mut(&slot).unwrap();
                    slot.credits = Some(*credits);
                }
            }
            Event::Accepted(token, handle) => self.accepted(now, *token, *handle),
            Event::Done(token, handle) => self.said(now, *token, *handle, Said::Result),
            Event::Failed(token, handle, ..) => self.said(now, *token, *handle, Said::Error),
            Event::Snoozed(token, handle, _) => self.said(now, *token, *handle, Said::Snooze),
            Event::Stopping(slot) => self.slots.get_mut(slot).unwrap().stopping = true,
            Event::Ended(of, ..) => {
                let slot = self.slots.get_mut(of).unwrap();
                (slot.token, slot.credits) = (None, None);
                self.orphan(*of);
            }
            Event::Down { slot, barred } => {
                let new = Slot { down: true, barred: *barred, ..Slot::default() };
                *self.slots.get_mut(slot).unwrap() = new;
                self.orphan(*slot);
            }
            Event::Closing => self.closing = true,
        }
    }

    /// What is claimed for this slot is claimed for nobody.
    fn orphan(&mut self, of: u32) {
        for seat in self.seats.values_mut() {
            if let At::Claiming { slot, .. } = &mut seat.at
                && *slot == of
            {
                *slot = 0;
            }
        }
    }

    fn accepted(&mut self, now: Moment, token: Token, handle: Handle) {
        if let Some(seat) = self.spoken_of(token, handle) {
            seat.accepted_at.get_or_insert(now);
            self.stirs(token, now);
        }
    }

    fn said(&mut self, now: Moment, token: Token, handle: Handle, said: Said) {
        let exec = self.exec;
        if let Some(seat) = self.spoken_of(token, handle) {
            if !exec || said == Said::Error {
                seat.said = Some(said);
            }
            self.stirs(token, now);
        }
    }

    fn kept(&mut self, now: Moment, of: Lease) {
        let found = self.seats.iter().find_map(|(id, seat)| match seat.at {
            At::Keeping { lease, next, ack } if lease == of => Some((*id, next, ack)),
            _ => None,
        });
        let Some((id, next, ack)) = found else { return };
        self.owed.extend(ack.filter(|(token, ..)| self.slot_of(*token).is_some()));
        let Some(seat) = self.seats.get_mut(&id) else { return };
        match next {
            TaskNext::Again { delay, .. } => {
                (seat.at, seat.waiting.not_before) = (At::Waiting, now + delay);
            }
            TaskNext::Released => (seat.at, seat.waiting.not_before) = (At::Waiting, now),
            _ => _ = self.seats.remove(&id),
        }
    }

    /// The pool has said this.
    pub(super) fn check(&mut self, now: Moment, action: &Action) {
        match action {
            Action::Claim { task, lease, slot, attempt } => {
                self.check_claim(now, *task, *lease, *slot);
                assert_eq!(*attempt, self.seats[task].leases + 1, "the number of the try");
            }
            Action::Send { token, handle, task, lease, .. } => {
                self.check_send(now, *token, *handle, *task, *lease);
            }
            Action::Start { slot } => self.check_start(now, *slot),
            Action::Stop { slot, cause, kill } => self.check_stop(now, *slot, *cause, *kill),
            Action::Cancel { token, handle, .. } => {
                let seat = self.spoken_of(*token, *handle).expect("it holds what it is to give up");
                assert!(!std::mem::replace(&mut seat.asked_back, true), "asked once");
            }
            Action::Keep { task, lease, next, counters, .. } => {
                self.check_keep(*task, *lease, *next, *counters);
            }
            Action::Drop { task, next } => {
                let seat = self.seats.remove(task).expect("what is dropped is here");
                assert_eq!(seat.at, At::Waiting, "{task} is dropped");
                match next {
                    TaskNext::Cancelled => {
                        let late = seat.waiting.batch.is_some_and(|id| self.ended.contains(&id));
                        assert!(seat.unwanted || late, "{task} is dropped, and nobody asked");
                    }
                    TaskNext::Expired => assert!(seat.waiting.expires <= now, "{task} has time"),
                    other => panic!("{task} is dropped as {other:?}"),
                }
            }
            Action::EndBatch { batch, .. } => {
                assert!(self.over.insert(*batch), "{batch} ends twice");
                self.ended.insert(*batch);
                self.unwanted(*batch);
            }
            Action::Ack { token, handle, of } => {
                let place = self.owed.iter().position(|it| it == &(*token, *handle, *of));
                self.owed.remove(place.expect("what is acked was just kept"));
            }
            Action::Report(_) => {}
        }
    }

    /// Nobody wants what is there of this batch.
    fn unwanted(&mut self, batch: BatchId) {
        for seat in self.seats.values_mut().filter(|it| it.waiting.batch == Some(batch)) {
            seat.unwanted = true;
        }
    }

    fn check_claim(&mut self, now: Moment, task: TaskId, lease: Lease, slot: u32) {
        let halted = self.store_down || self.shut || self.closing;
        assert!(!halted, "{task} is dispatched, and nothing shall be");
        let seat = &self.seats[&task];
        assert_eq!(seat.at, At::Waiting, "{task} is claimed");
        assert!(!seat.unwanted, "{task} is claimed, and nobody wants it");
        assert!(seat.waiting.not_before <= now, "{task} is claimed before its time");
        let to = &self.slots[&slot];
        let claims = self.seats.values().filter(|seat| {
            matches!(seat.at, At::Claiming { slot: of, .. } | At::InHand { slot: of, .. } if of == slot)
        });
        let holds = u32::try_from(claims.count()).unwrap();
        if self.exec {
            assert!(to.down && !to.barred && holds == 0, "slot {slot} has one already: {to:?}");
            assert!(slot <= self.plan.policy.max, "slot {slot} is one too many");
        } else {
            assert!(to.token.is_some() && !to.stopping, "slot {slot} serves: {to:?}");
            assert!(to.credits.is_some_and(|credits| holds < credits), "{holds} for {to:?}");
        }
        self.seats.get_mut(&task).unwrap().at = At::Claiming { lease, slot, given: false };
    }

    fn hand(&mut self, now: Moment, task: TaskId, token: Option<Token>, handle: Handle) {
        let seat = self.seats.get_mut(&task).unwrap();
        let At::Claiming { lease, slot, given: true } = seat.at else {
            panic!("{task} is handed over: {seat:?}");
        };
        seat.at = At::InHand { lease, slot, token, handle };
        (seat.sent_at, seat.accepted_at, seat.asked_back, seat.said) = (now, None, false, None);
    }

    fn check_send(&mut self, now: Moment, token: Token, handle: Handle, task: TaskId, of: Lease) {
        assert!(!self.closing, "{task} is sent when everything is to end");
        let slot = self.slot_of(token).expect("it is sent to somebody");
        let seat = &self.seats[&task];
        assert!(
            matches!(seat.at, At::Claiming { lease, slot: it, .. } if (lease, it) == (of, slot))
        );
        assert!(!seat.unwanted, "{task} is sent, and nobody wants it");
        let holds = u32::try_from(self.in_hand(token).count()).unwrap();
        let credits = self.slots[&slot].credits;
        assert!(credits.is_some_and(|credits| holds < credits), "{holds} for {credits:?}");
        assert!(self.handles.insert((token, handle)), "{handle:?} twice on one line");
        if holds == 0 {
            self.stirs(token, now);
        }
        self.hand(now, task, Some(token), handle);
    }

    fn check_start(&mut self, now: Moment, slot: u32) {
        let it = &self.slots[&slot];
        assert!(it.down && !it.barred && !it.started, "slot {slot} is started: {it:?}");
        assert!(!(self.shut || self.closing), "slot {slot} is started, and nothing shall be");
        self.slots.get_mut(&slot).unwrap().started = true;
        if self.exec {
            let given = |seat: &Seat| matches!(seat.at, At::Claiming { slot: of, given: true, .. } if of == slot);
            let found = self.seats.iter().find(|(_, seat)| given(seat)).map(|(id, _)| *id);
            self.hand(now, found.expect("it is started for a task"), None, Handle::ONLY);
        }
    }

    fn check_stop(&mut self, now: Moment, slot: u32, cause: StopCause, kill: bool) {
        let token = self.slots[&slot].token;
        let held: Vec<_> =
            token.into_iter().flat_map(|it| self.in_hand(it)).map(|(_, it)| it).collect();
        match cause {
            StopCause::Scale | StopCause::Recycle => {
                assert!(!kill && held.is_empty(), "slot {slot} is cut short: {held:?}");
            }
            StopCause::NotAccepted => {
                let accept = self.plan.policy.clocks.accept;
                assert!(kill && held.iter().all(|seat| seat.accepted_at.is_none()));
                let since = held.iter().map(|seat| seat.sent_at).min().expect("it was sent one");
                assert!(now >= since + accept, "slot {slot} had {accept:?} since {since:?}");
            }
            StopCause::TaskTimeout | StopCause::TaskCancelled if kill && !self.exec => {
                assert!(held.iter().any(|seat| seat.asked_back), "killed without a word");
            }
            StopCause::TaskTimeout | StopCause::TaskCancelled => {}
            other => panic!("slot {slot} is stopped for {other:?}"),
        }
        let it = self.slots.get_mut(&slot).unwrap();
        assert!(!(kill && it.killed), "slot {slot} is killed twice");
        it.killed |= kill;
    }

    fn check_keep(&mut self, task: TaskId, of: Lease, next: TaskNext, counters: Counters) {
        let exec = self.exec;
        let seat = self.seats.get_mut(&task).expect("what is kept is here");
        let (token, handle) = match seat.at {
            At::InHand { lease, token, handle, .. } if lease == of => (token, Some(handle)),
            At::Claiming { lease, given: true, .. } if lease == of => (None, None),
            _ => panic!("{task} is kept under {of}: {seat:?}"),
        };
        let before = Counters { leases: seat.leases, ..seat.waiting.counters };
        assert_eq!(counters.leases, before.leases, "{task}: every lease counts");
        let grown = (
            counters.attempts - before.attempts,
            counters.crashes - before.crashes,
            counters.snoozes - before.snoozes,
        );
        let one = matches!(grown, (1, 0, 0) | (0, 1, 0) | (0, 0, 1));
        match next {
            TaskNext::Again { .. } | TaskNext::Dead(DeadBy::Ceiling(Ceiling::Elapsed)) => {
                assert!(one, "{task}: {next:?} counts {grown:?}");
            }
            TaskNext::Dead(DeadBy::Ceiling(ceiling)) => {
                let counted = match ceiling {
                    Ceiling::Attempts => grown.0,
                    Ceiling::Crashes => grown.1,
                    Ceiling::Snoozes | Ceiling::Elapsed => grown.2,
                };
                assert!(one && counted == 1, "{task}: {next:?} counts {grown:?}");
            }
            TaskNext::Succeeded
            | TaskNext::Released
            | TaskNext::Dead(DeadBy::Verdict)
            | TaskNext::Discarded
            | TaskNext::Cancelled
            | TaskNext::Expired => assert_eq!(grown, (0, 0, 0), "{task}: {next:?}"),
        }
        if !exec && handle.is_some() {
            let done = seat.said == Some(Said::Result);
            assert!(!done || next == TaskNext::Succeeded, "{task} is done, and {next:?}");
            assert!(next != TaskNext::Released || seat.said.is_none(), "{task}: its word counts");
        }
        seat.waiting.counters = counters;
        let ack = token.zip(handle).zip(seat.said);
        let ack = ack.map(|((token, handle), said)| (token, handle, said)).filter(|_| !exec);
        seat.at = At::Keeping { lease: of, next, ack };
    }

    /// What must be true after each event.
    pub(super) fn check_debts(&self, now: Moment) {
        assert_eq!(self.owed, [], "what is kept is acked at once");
        for (id, seat) in &self.seats {
            let late = |due: Moment| now > due.max(self.stalled_at) + SLACK;
            match seat.at {
                At::Waiting => {
                    assert!(!late(seat.waiting.expires), "{id} has expired where it waits");
                    assert!(!seat.unwanted, "{id} waits, and nobody wants it");
                }
                At::InHand { slot, token, .. } => self.check_hand(now, *id, seat, slot, token),
                At::Claiming { .. } | At::Keeping { .. } => {}
            }
        }
    }

    fn check_hand(&self, now: Moment, id: TaskId, seat: &Seat, slot: u32, token: Option<Token>) {
        let it = &self.slots[&slot];
        assert_eq!(it.token, token, "{id} is in the hands of somebody who is gone");
        let clocks = self.plan.policy.clocks;
        let late =
            |since: Moment, after: Duration| now > since.max(self.stalled_at) + after + SLACK;
        if it.killed || it.stopping || token.is_none() {
            return;
        }
        if let (Some(since), Some(hard)) = (seat.accepted_at, clocks.hard) {
            assert!(!late(since, hard + hard / 10), "{id} runs since {since:?}");
        }
        let begun =
            token.is_some_and(|it| self.in_hand(it).any(|(_, it)| it.accepted_at.is_some()));
        if !self.exec && !begun {
            assert!(
                !late(it.stirred_at, clocks.accept),
                "{id} is not begun since {:?}",
                it.stirred_at
            );
        }
        if seat.unwanted && !self.exec {
            assert!(seat.asked_back, "{id} is in hand, and nobody asks it back");
        }
    }
}
