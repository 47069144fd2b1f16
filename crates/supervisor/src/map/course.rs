//! The course of a run: what is handed over, what is written, and when it is over.
//!
//! ```text
//!                 ┌────────────────────────────────────────────┐ ^C, --halt now, program lost
//!   Working ──────┴─ ^C, --halt soon ─▶ Draining ─ again ─▶ Recalling ─ again ─▶ Over (killed)
//!      │                                    │                   │
//!      └── all inputs ended ────────────────┴───────────────────┴─▶ Over ─▶ the supervisor goes
//! ```
//!
//! It decides and does nothing: events in, actions out. Every input that was taken ends in one
//! [`Finished`], whatever happens; what nobody ended is cancelled, for the next run to do.

mod words;

pub(super) use words::{Action, EndedBy, Event, Loss, Standing, Terms};

use super::finished::{Failure, Finished, Outcome, Status, status};
use super::halt::Urgency;
use super::input::{CutError, Fed, Taken};
use super::order::Order;
use super::tally::Tally;
use crate::events::{ms, spoken};
use crate::tasks::{Ended, TaskSpec, Told};
use bytes::Bytes;
use hearken_core::pool::{DeadBy, TaskNext};
use hearken_core::task::{Counters, TaskId};
use hearken_proto::Raw;
use hearken_store::ResultBody;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Inputs are taken.
    Working,
    /// Nothing new is begun.
    Draining,
    /// What is under way is taken back.
    Recalling,
    /// Nothing is under way any more.
    Over,
}

/// A task that has not ended.
#[derive(Debug)]
struct Flight {
    taken: Taken,
    /// A worker has it.
    runs: bool,
    /// How often it was put off.
    snoozes: u32,
    /// It has ended, and its result is being fetched.
    ended: Option<Arc<Ended>>,
}

/// The course of a run.
#[derive(Debug)]
pub(super) struct Course {
    terms: Terms,
    phase: Phase,
    by: EndedBy,
    /// The reader has told of its end, or is not listened to any more.
    read_all: bool,
    to_submit: Vec<TaskSpec>,
    flights: HashMap<TaskId, Flight>,
    order: Order,
    tally: Tally,
    taken: u64,
    running: u64,
    last_failure: Option<Arc<str>>,
    /// Why the program cannot be run, while there is no input for it.
    useless: Option<Arc<str>>,
    actions: VecDeque<Action>,
}

impl Course {
    /// The start of a run.
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            phase: Phase::Working,
            by: EndedBy::Inputs,
            read_all: false,
            to_submit: Vec::new(),
            flights: HashMap::new(),
            order: Order::default(),
            tally: Tally::default(),
            taken: 0,
            running: 0,
            last_failure: None,
            useless: None,
            actions: VecDeque::new(),
        }
    }

    /// Takes in what happened at this time.
    pub(super) fn handle(&mut self, now: SystemTime, event: Event) {
        match event {
            Event::Fed(fed) => self.fed(now, fed),
            Event::Told(told) => self.told(now, told),
            Event::Fetched(task, bytes) => self.fetched(now, task, bytes),
            Event::Refused(tasks, why) => self.refused(&tasks, &why),
            Event::Lost(loss) => {
                self.end(EndedBy::Lost(loss));
                self.shut_down(Action::ShutDown);
            }
            Event::Waited => self.waited(),
            Event::Asked => self.asked(),
            Event::Gone => {
                self.end(EndedBy::Gone);
                self.abandon();
                self.phase = Phase::Over;
            }
        }
        if self.phase != Phase::Over && self.read_all && self.flights.is_empty() {
            self.shut_down(Action::ShutDown);
        }
    }

    /// The next thing to do.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What is to be handed over to the pool.
    pub(super) fn submission(&mut self, most: usize) -> Vec<TaskSpec> {
        let many = self.to_submit.len().min(most);
        self.to_submit.drain(..many).collect()
    }

    /// Whether nothing is under way any more.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let known = self.read_all && self.phase == Phase::Working;
        Standing {
            done: self.tally.done(),
            total: known.then_some(self.taken),
            running: self.running,
            retried: self.tally.retried,
            failed: self.tally.failed,
            skipped: self.tally.skipped,
            last_failure: self.last_failure.clone(),
        }
    }

    /// Why it ended, and what came of it.
    pub(super) fn finish(self) -> (EndedBy, Tally) {
        (self.by, self.tally)
    }

    fn fed(&mut self, now: SystemTime, fed: Fed) {
        match fed {
            Fed::Input(taken) if self.phase == Phase::Working => self.take(now, taken),
            // It was read when it was wanted no more: the next run takes it.
            Fed::Input(_) => {}
            Fed::Skipped(many) => self.tally.skipped += many,
            Fed::End => self.read_all = true,
            Fed::Failed(error) => self.input_failed(&error),
        }
    }

    fn input_failed(&mut self, error: &CutError) {
        self.read_all = true;
        if self.phase == Phase::Working {
            // What was read before is good, and is finished.
            self.end(EndedBy::InputFailed(error.to_string()));
        }
    }

    fn take(&mut self, now: SystemTime, mut taken: Taken) {
        self.taken += 1;
        if self.terms.ordered {
            self.order.took(taken.index);
        }
        let payload = match &taken.payload {
            Ok(payload) => payload.clone(),
            Err(unfit) => {
                let finished = Finished::unfit(taken.index, unfit);
                return self.finished(Finished { cost: taken.cost, ..finished });
            }
        };
        if !self.terms.inputs {
            taken.payload = Ok(Raw::nil());
        }
        let id = self.id(now, taken.index);
        let kind = self.terms.task_type.clone();
        self.to_submit.push(TaskSpec { id: Some(id), kind, ..TaskSpec::new(payload) });
        self.flights.insert(id, Flight { taken, runs: false, snoozes: 0, ended: None });
        if let Some(why) = self.useless.take() {
            self.pool_failed(why);
        }
    }

    /// The task of an input. The index counts within the run; the seed keeps runs apart, for a worker
    /// may use the id as a key outside of it.
    fn id(&self, now: SystemTime, index: u64) -> TaskId {
        const INDEX_BITS: u32 = 40;
        let milliseconds = now.duration_since(SystemTime::UNIX_EPOCH);
        let milliseconds = milliseconds.unwrap_or_default().as_millis();
        let index = u128::from(index) & ((1 << INDEX_BITS) - 1);
        let random = u128::from(self.terms.seed) << INDEX_BITS | index;
        TaskId::new(u64::try_from(milliseconds).unwrap_or_default(), random)
    }

    fn told(&mut self, now: SystemTime, told: Told) {
        match told {
            Told::Started { task, .. } => self.runs(task, true),
            Told::Progress { .. } => {}
            Told::Retrying { task, counters, error, delay } => {
                self.retrying(task, counters, error.as_ref().map(Failure::read).as_ref(), delay);
            }
            Told::Ended(ended) => self.ended(now, ended),
            // Without an input nobody needs the program: an empty list is done, whatever it is.
            Told::PoolFailed(why) if self.taken == 0 && !self.read_all => self.useless = Some(why),
            Told::PoolFailed(why) => self.pool_failed(why),
        }
    }

    fn pool_failed(&mut self, why: Arc<str>) {
        self.end(EndedBy::PoolFailed(why));
        self.recall();
    }

    fn retrying(
        &mut self,
        task: TaskId,
        counters: Counters,
        failure: Option<&Failure>,
        delay: Duration,
    ) {
        self.runs(task, false);
        let Some(flight) = self.flights.get_mut(&task) else { return };
        let index = flight.taken.index;
        let put_off = std::mem::replace(&mut flight.snoozes, counters.snoozes) < counters.snoozes;
        // One that is put off for another time has not failed.
        if let Some(failure) = failure {
            self.tally.retried += u64::from(!put_off);
            self.note_failure(Some(failure));
            let (what, delay) = (failure.sentence(), spoken(ms(delay)));
            let becomes = if put_off { "put off for" } else { "tried again in" };
            let text = format!("input {index} is {becomes} {delay}: {what}");
            self.actions.push_back(Action::Say(text));
        }
        if self.phase > Phase::Working {
            self.actions.push_back(Action::Cancel(task));
        }
    }

    fn runs(&mut self, task: TaskId, runs: bool) {
        let Some(flight) = self.flights.get_mut(&task) else { return };
        if std::mem::replace(&mut flight.runs, runs) != runs {
            self.running = if runs { self.running + 1 } else { self.running.saturating_sub(1) };
        }
    }

    fn ended(&mut self, now: SystemTime, ended: Arc<Ended>) {
        self.runs(ended.task, false);
        let Some(flight) = self.flights.get_mut(&ended.task) else { return };
        let body = ended.result.as_ref().map(|result| &result.body);
        if let Some(ResultBody::Spooled { .. }) = body {
            flight.ended = Some(Arc::clone(&ended));
            return self.actions.push_back(Action::Fetch(ended.task));
        }
        let bytes = match body {
            Some(ResultBody::Inline(bytes)) => Some(bytes.clone()),
            Some(ResultBody::Spooled { .. }) | None => None,
        };
        self.land(now, &ended, bytes);
    }

    fn fetched(&mut self, now: SystemTime, task: TaskId, bytes: Option<Bytes>) {
        let ended = self.flights.get_mut(&task).and_then(|flight| flight.ended.take());
        if let Some(ended) = ended {
            self.land(now, &ended, bytes);
        }
    }

    fn land(&mut self, now: SystemTime, ended: &Ended, bytes: Option<Bytes>) {
        let error = ended.error.as_ref().map(Failure::read);
        let Some(status) = status(ended.next, error.as_ref()) else { return };
        let Some(Flight { taken, .. }) = self.flights.remove(&ended.task) else { return };
        self.actions.push_back(Action::Forget(ended.task));
        let content_type = ended.result.as_ref().and_then(|result| result.content_type.as_deref());
        let outcome = bytes.filter(|_| status == Status::Ok).map_or(Outcome::Nothing, |bytes| {
            Outcome::of(bytes, content_type, self.terms.programs)
        });
        let (tried, size) = (ended.counters.leases > 0, outcome.size());
        self.actions.push_back(Action::Hold(size));
        self.finished(Finished {
            index: taken.index,
            input: taken.payload.ok().filter(|_| self.terms.inputs),
            key: taken.key,
            again: taken.again,
            status,
            outcome,
            error: error.filter(|_| status != Status::Ok),
            attempts: tries(ended),
            crashes: ended.counters.crashes,
            started: tried.then(|| now.checked_sub(ended.took)).flatten(),
            took: ended.took,
            worker: Arc::clone(&ended.worker),
            cost: taken.cost.saturating_add(size),
        });
    }

    /// One more has ended: it is written when it is its turn, and may be what the run halts for.
    fn finished(&mut self, finished: Finished) {
        self.tally.count(&finished);
        if finished.status != Status::Ok {
            self.note_failure(finished.error.as_ref());
        }
        if let (Status::Failed | Status::Timeout, Some(error)) = (finished.status, &finished.error)
        {
            let text = format!("input {} failed: {}", finished.index, error.sentence());
            self.actions.push_back(Action::Say(text));
        }
        let due = if self.terms.ordered { self.order.ended(finished) } else { vec![finished] };
        self.actions.extend(due.into_iter().map(Box::new).map(Action::Write));
        if self.phase == Phase::Working
            && let Some(urgency) = self.terms.halt.reached(&self.tally)
        {
            self.end(EndedBy::Halted { wanted: self.terms.halt.is_wanted() });
            match urgency {
                Urgency::Now => self.recall(),
                Urgency::Soon => self.drain(),
            }
        }
    }

    fn note_failure(&mut self, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            self.last_failure = Some(failure.sentence().into());
        }
    }

    fn refused(&mut self, tasks: &[TaskId], why: &str) {
        for task in tasks {
            self.runs(*task, false);
            if let Some(Flight { taken, .. }) = self.flights.remove(task) {
                self.actions
                    .push_back(Action::Say(format!("input {} was not taken: {why}", taken.index)));
                let cancelled = Finished::never_tried(taken.index, Status::Cancelled);
                self.finished(Finished { cost: taken.cost, ..cancelled });
            }
        }
    }

    /// A program that reads nothing and says nothing is waited for as long as a worker may take to
    /// start: whoever mistook one for the other should hear of it before.
    fn waited(&mut self) {
        let idle = self.running == 0 && self.tally.done() == 0 && !self.flights.is_empty();
        if idle && !self.terms.programs && self.phase == Phase::Working {
            self.actions.push_back(Action::Say(
                "no worker is ready yet: one of an SDK of hearken says when it is; any other \
                 program needs --exec"
                    .to_owned(),
            ));
        }
    }

    fn asked(&mut self) {
        match self.phase {
            Phase::Working => {
                self.end(EndedBy::Interrupted);
                self.drain();
                if self.running > 0 {
                    self.actions.push_back(Action::Say(format!(
                        "interrupted: {} running inputs are finished, no others are begun; once \
                         more takes them back",
                        self.running
                    )));
                }
            }
            Phase::Draining => self.recall(),
            Phase::Recalling | Phase::Over => {
                self.abandon();
                self.shut_down(Action::Kill);
            }
        }
    }

    /// The first reason counts.
    fn end(&mut self, by: EndedBy) {
        if self.by == EndedBy::Inputs {
            self.by = by;
        }
    }

    fn stop_reading(&mut self) {
        self.read_all = true;
        self.actions.push_back(Action::StopReading);
        // What was not handed over yet needs nobody to take it back.
        for spec in std::mem::take(&mut self.to_submit) {
            let flight = spec.id.and_then(|id| self.flights.remove(&id));
            if let Some(Flight { taken, .. }) = flight {
                let cancelled = Finished::never_tried(taken.index, Status::Cancelled);
                self.finished(Finished { cost: taken.cost, ..cancelled });
            }
        }
    }

    fn drain(&mut self) {
        self.phase = Phase::Draining;
        self.stop_reading();
        self.cancel(|flight| !flight.runs && flight.ended.is_none());
    }

    fn recall(&mut self) {
        if self.phase >= Phase::Recalling {
            return;
        }
        self.phase = Phase::Recalling;
        self.stop_reading();
        self.cancel(|flight| flight.ended.is_none());
    }

    /// Takes these back, in the order of the inputs.
    fn cancel(&mut self, which: impl Fn(&Flight) -> bool) {
        let chosen = self.flights.iter().filter(|(_, flight)| which(flight));
        let mut chosen: Vec<_> = chosen.map(|(task, flight)| (flight.taken.index, *task)).collect();
        chosen.sort_unstable_by_key(|(index, _)| *index);
        self.actions.extend(chosen.into_iter().map(|(_, task)| Action::Cancel(task)));
    }

    /// Whatever is under way ends here, unseen.
    fn abandon(&mut self) {
        self.stop_reading();
        let mut open: Vec<_> = self.flights.drain().map(|(_, flight)| flight.taken).collect();
        open.sort_unstable_by_key(|taken| taken.index);
        self.running = 0;
        for taken in open {
            let cancelled = Finished::never_tried(taken.index, Status::Cancelled);
            self.finished(Finished { cost: taken.cost, ..cancelled });
        }
    }

    fn shut_down(&mut self, how: Action) {
        if self.phase != Phase::Over || how == Action::Kill {
            self.phase = Phase::Over;
            self.actions.push_back(how);
        }
    }
}

/// How many tries an input had. One that was cut short by others, or put off, is none.
fn tries(ended: &Ended) -> u32 {
    let counted = ended.counters.attempts.saturating_add(ended.counters.crashes);
    // A try after which there is no question of another is not counted there.
    let last = match ended.next {
        TaskNext::Succeeded | TaskNext::Dead(DeadBy::Verdict) | TaskNext::Discarded => {
            ended.counters.leases.min(1)
        }
        TaskNext::Dead(DeadBy::Ceiling(_))
        | TaskNext::Expired
        | TaskNext::Cancelled
        | TaskNext::Again { .. }
        | TaskNext::Released => 0,
    };
    counted.saturating_add(last)
}

#[cfg(test)]
mod tests;
