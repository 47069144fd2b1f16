//! One pool, a store that answers and processes that obey, unless a test wants it otherwise.

use crate::world::{ms, s};
use hearken_core::backoff::Backoff;
use hearken_core::evidence::{End, Ending, Evidence, Intent, SpawnFailure, StopCause, TypedError};
use hearken_core::identity::Token;
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::pool::{
    Action, CancelReason, Clocks, Event, Handle, Pool, PoolPolicy, Recycle, Report, RetryPolicy,
    Said, TaskDecidedBy, TaskNext, Waiting, WorkMode,
};
use hearken_core::task::{BatchId, Counters, Lease, Priority, TaskId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// A line pool of one worker with short, round times and no jitter worth speaking of.
pub(super) fn line(change: impl FnOnce(&mut PoolPolicy)) -> PoolPolicy {
    let mut policy = PoolPolicy {
        mode: WorkMode::Line,
        min: 1,
        max: 1,
        clocks: Clocks {
            accept: s(3_600),
            soft: None,
            hard: None,
            total: None,
            cancel_grace: s(5),
        },
        retry: RetryPolicy {
            attempts: Some(3),
            crashes: Some(2),
            snoozes: Some(3),
            backoff: Backoff::new(s(1), s(60)).unwrap(),
            max_elapsed: None,
            budget: None,
        },
        recycle: Recycle::default(),
        grow_after: s(1),
        shrink_after: s(60),
        queue: 1_000,
        dependency_pause: Backoff::new(s(5), s(300)).unwrap(),
        rules: [].into(),
    };
    change(&mut policy);
    policy
}

/// The same, with one process a task.
pub(super) fn exec(change: impl FnOnce(&mut PoolPolicy)) -> PoolPolicy {
    line(|it| {
        (it.mode, it.min) = (WorkMode::Exec, 0);
        change(it);
    })
}

pub(super) fn task(number: u128) -> TaskId {
    TaskId::from_u128(number)
}

pub(super) fn batch(number: u128) -> BatchId {
    BatchId::from_u128(number)
}

pub(super) fn waiting(number: u128) -> Waiting {
    Waiting {
        id: task(number),
        priority: Priority::DEFAULT,
        fairness_key: None,
        kind: None,
        batch: None,
        not_before: Moment::START,
        expires: Moment::NEVER,
        counters: Counters::default(),
        first_try: None,
    }
}

/// What an end looks like that nobody asked for.
pub(super) fn ended(ending: Ending) -> Evidence {
    Evidence {
        end: End::Process(ending),
        stopped_by: None,
        error: None,
        intent: None,
        uptime: s(1),
        ready_uptime: None,
        failures: 0,
        sentence: None,
    }
}

pub(super) fn crashed() -> Evidence {
    ended(Ending::Killed { signal: 11, core_dumped: false })
}

pub(super) fn stopped(cause: StopCause) -> Evidence {
    let ending = Ending::Killed { signal: 15, core_dumped: false };
    Evidence { stopped_by: Some(cause), ..ended(ending) }
}

pub(super) fn left(intent: Intent) -> Evidence {
    Evidence { intent: Some(intent), ..ended(Ending::Exited(0)) }
}

pub(super) fn not_started(permanent: bool) -> Evidence {
    let failure = SpawnFailure { stage: "exec", errno: if permanent { 2 } else { 11 }, permanent };
    Evidence { end: End::SpawnFailed(failure), ..crashed() }
}

pub(super) fn error(kind: Kind) -> TypedError {
    TypedError {
        kind,
        code: format!("test.{kind}"),
        message: "so it is".into(),
        retryable: None,
        retry_after: None,
        scope: None,
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub(super) next: TaskNext,
    pub(super) counters: Counters,
    pub(super) decided_by: TaskDecidedBy,
    pub(super) error: Option<TypedError>,
    pub(super) took: Duration,
}

pub(super) struct Floor {
    pub(super) pool: Pool,
    pub(super) now: Moment,
    /// The store answers at once.
    pub(super) store_answers: bool,
    /// Who is started runs at once, and is ready for so many tasks at once; `None`: it says nothing.
    pub(super) credits: Option<u32>,
    /// Who is asked to run runs, at once.
    pub(super) starts: bool,
    /// Who is stopped ends at once.
    pub(super) obeys: bool,
    /// Everything the pool wanted, and when.
    pub(super) actions: Vec<(Moment, Action)>,
    tokens: BTreeMap<u32, Token>,
    last_token: u64,
    hands: HashMap<TaskId, (Token, Handle)>,
    told: VecDeque<Event>,
}

impl Floor {
    /// With as many slots as workers, and the first `min` of them ready.
    pub(super) fn of(policy: PoolPolicy) -> Self {
        let slots = policy.max;
        Self::with(policy, slots, Some(1))
    }

    pub(super) fn with(policy: PoolPolicy, slots: u32, credits: Option<u32>) -> Self {
        let min = policy.min;
        let mut floor = Self {
            pool: Pool::new(policy, slots, 1, 7),
            now: Moment::at(s(100)),
            store_answers: true,
            credits,
            starts: true,
            obeys: true,
            actions: Vec::new(),
            tokens: BTreeMap::new(),
            last_token: 0,
            hands: HashMap::new(),
            told: VecDeque::new(),
        };
        for slot in 1..=min {
            floor.start(slot);
        }
        floor.told.push_back(Event::Opened);
        floor.deliver();
        floor.actions.clear();
        floor
    }

    // What a test does.

    pub(super) fn tell(&mut self, event: Event) {
        self.told.push_back(event);
        self.deliver();
    }

    pub(super) fn add(&mut self, number: u128) -> TaskId {
        self.add_with(number, |_| {})
    }

    pub(super) fn add_with(&mut self, number: u128, change: impl FnOnce(&mut Waiting)) -> TaskId {
        let mut waiting = Waiting { not_before: self.now, ..waiting(number) };
        change(&mut waiting);
        self.tell(Event::Added(waiting));
        task(number)
    }

    /// Lets `time` pass: every timer rings when it is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.pool.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.ring();
        }
        self.now = end;
    }

    /// Lets `time` pass without anybody looking at the clock, and then looks.
    pub(super) fn stall(&mut self, time: Duration) {
        self.now = self.now + time;
        self.ring();
    }

    fn ring(&mut self) {
        self.pool.handle_timeout(self.now);
        self.take_in();
        self.deliver();
        let due = self.pool.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "it still rings at {due:?}: a busy loop");
    }

    /// A process comes into this slot.
    pub(super) fn start(&mut self, slot: u32) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        self.tokens.insert(slot, token);
        self.told.push_back(Event::Spawning { slot, token });
        if self.starts {
            self.told.push_back(Event::Started(token));
            self.told.extend(self.credits.map(|credits| Event::Ready(token, credits)));
        }
        token
    }

    pub(super) fn started(&mut self, slot: u32) -> Token {
        let token = self.start(slot);
        self.deliver();
        token
    }

    pub(super) fn ready(&mut self, slot: u32, credits: u32) {
        self.tell(Event::Ready(self.token(slot), credits));
    }

    pub(super) fn accept(&mut self, task: TaskId) {
        let (token, handle) = self.hand(task);
        self.tell(Event::Accepted(token, handle));
    }

    pub(super) fn done(&mut self, task: TaskId) {
        let (token, handle) = self.hand(task);
        self.tell(Event::Done(token, handle));
    }

    pub(super) fn fails(&mut self, task: TaskId, error: TypedError) {
        self.fails_for(task, error, None);
    }

    pub(super) fn fails_for(&mut self, task: TaskId, error: TypedError, dependency: Option<&str>) {
        let (token, handle) = self.hand(task);
        self.tell(Event::Failed(token, handle, error, dependency.map(Into::into)));
    }

    pub(super) fn snoozes(&mut self, task: TaskId, delay: Duration) {
        let (token, handle) = self.hand(task);
        self.tell(Event::Snoozed(token, handle, delay));
    }

    /// Its process ends; nothing is said of what comes next.
    pub(super) fn ends(&mut self, slot: u32, evidence: Evidence) {
        self.tokens.remove(&slot);
        self.tell(Event::Ended(slot, Box::new(evidence), None));
    }

    /// Its process ends, and another comes in its place.
    pub(super) fn dies(&mut self, slot: u32, evidence: Evidence) {
        self.tokens.remove(&slot);
        self.told.push_back(Event::Ended(slot, Box::new(evidence), None));
        self.start(slot);
        self.deliver();
    }

    /// Its process ends, and no other comes.
    pub(super) fn ends_for_good(&mut self, slot: u32, evidence: Evidence, barred: bool) {
        self.tokens.remove(&slot);
        self.told.push_back(Event::Ended(slot, Box::new(evidence), None));
        self.tell(Event::Down { slot, barred });
    }

    /// The store answers everything it was asked.
    pub(super) fn store_answers_now(&mut self) {
        let asked: Vec<_> = self.actions.iter().map(|(_, action)| action.clone()).collect();
        for action in asked {
            match action {
                Action::Claim { lease, .. } => self.tell(Event::Claimed(lease)),
                Action::Keep { lease, .. } => self.tell(Event::Kept(lease)),
                _ => {}
            }
        }
    }

    // What a test sees.

    pub(super) fn token(&self, slot: u32) -> Token {
        self.tokens[&slot]
    }

    pub(super) fn runs(&self, slot: u32) -> bool {
        self.tokens.contains_key(&slot)
    }

    pub(super) fn hand(&self, task: TaskId) -> (Token, Handle) {
        self.hands[&task]
    }

    fn slot(&self, of: Token) -> u32 {
        self.tokens.iter().find(|(_, token)| **token == of).map_or(0, |(slot, _)| *slot)
    }

    /// Every action that `wanted` makes something of, in order.
    pub(super) fn all<T>(&self, wanted: impl Fn(&Action) -> Option<T>) -> Vec<T> {
        self.actions.iter().filter_map(|(_, action)| wanted(action)).collect()
    }

    /// The numbers of the tasks that were sent, in order.
    pub(super) fn sent(&self) -> Vec<u128> {
        self.all(|action| match action {
            Action::Send { task, .. } => Some(task.to_u128()),
            _ => None,
        })
    }

    /// The slots a task was claimed for, in order.
    pub(super) fn slots_of(&self, of: TaskId) -> Vec<u32> {
        self.all(|action| match action {
            Action::Claim { task, slot, .. } if *task == of => Some(*slot),
            _ => None,
        })
    }

    pub(super) fn lease(&self, of: TaskId) -> Lease {
        let lease = |action: &Action| match action {
            Action::Claim { task, lease, .. } if *task == of => Some(*lease),
            _ => None,
        };
        self.all(lease).pop().expect("it was claimed")
    }

    /// What became of every try of a task.
    pub(super) fn history(&self, of: TaskId) -> Vec<Kept> {
        self.all(|action| match action {
            Action::Keep { task, next, counters, decided_by, error, took, .. } if *task == of => {
                Some(Kept {
                    next: *next,
                    counters: *counters,
                    decided_by: *decided_by,
                    error: error.as_deref().cloned(),
                    took: *took,
                })
            }
            _ => None,
        })
    }

    pub(super) fn kept(&self, of: TaskId) -> Kept {
        self.history(of).pop().expect("something became of it")
    }

    pub(super) fn next(&self, of: TaskId) -> TaskNext {
        self.kept(of).next
    }

    pub(super) fn dropped(&self, of: TaskId) -> Option<TaskNext> {
        let dropped = |action: &Action| match action {
            Action::Drop { task, next } if *task == of => Some(*next),
            _ => None,
        };
        self.all(dropped).pop()
    }

    pub(super) fn acks(&self) -> Vec<(Handle, Said)> {
        self.all(|action| match action {
            Action::Ack { handle, of, .. } => Some((*handle, *of)),
            _ => None,
        })
    }

    /// When and why workers were told to give a task up, and how long they were given.
    pub(super) fn cancels(&self) -> Vec<(Moment, CancelReason, Duration)> {
        let cancel = |(at, action): &(Moment, Action)| match action {
            Action::Cancel { reason, grace, .. } => Some((*at, *reason, *grace)),
            _ => None,
        };
        self.actions.iter().filter_map(cancel).collect()
    }

    /// When and why processes were to be stopped, and whether they were killed.
    pub(super) fn stops(&self) -> Vec<(Moment, u32, StopCause, bool)> {
        let stop = |(at, action): &(Moment, Action)| match action {
            Action::Stop { slot, cause, kill } => Some((*at, *slot, *cause, *kill)),
            _ => None,
        };
        self.actions.iter().filter_map(stop).collect()
    }

    pub(super) fn starts(&self) -> Vec<(Moment, u32)> {
        let start = |(at, action): &(Moment, Action)| match action {
            Action::Start { slot } => Some((*at, *slot)),
            _ => None,
        };
        self.actions.iter().filter_map(start).collect()
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        self.all(|action| match action {
            Action::Report(report) => Some(report.clone()),
            _ => None,
        })
    }

    // Delivery.

    fn deliver(&mut self) {
        while let Some(event) = self.told.pop_front() {
            self.pool.handle(self.now, event);
            self.take_in();
        }
    }

    fn take_in(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            self.actions.push((self.now, action.clone()));
            self.perform(action);
        }
        self.pool.assert_books_are_right(self.now);
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Claim { lease, .. } if self.store_answers => {
                self.told.push_back(Event::Claimed(lease));
            }
            Action::Keep { lease, .. } if self.store_answers => {
                self.told.push_back(Event::Kept(lease));
            }
            Action::Send { token, handle, task, .. } => {
                assert_ne!(self.slot(token), 0, "{task} is sent to a process that is gone");
                self.hands.insert(task, (token, handle));
            }
            Action::Start { slot } if self.starts => _ = self.start(slot),
            Action::Stop { slot, cause, .. } if self.obeys && self.runs(slot) => {
                self.tokens.remove(&slot);
                self.told.push_back(Event::Stopping(slot));
                self.told.push_back(Event::Ended(slot, Box::new(stopped(cause)), None));
                let stays_down = matches!(cause, StopCause::Scale | StopCause::Recycle);
                if stays_down || self.pool.policy().mode == WorkMode::Exec {
                    self.told.push_back(Event::Down { slot, barred: false });
                } else {
                    self.start(slot);
                }
            }
            _ => {}
        }
    }
}

/// The same delay whatever was tried before.
pub(super) fn steady(delay: Duration) -> Backoff {
    Backoff::new(delay, delay).unwrap()
}

/// Next time, after so long.
pub(super) fn again(delay: Duration) -> TaskNext {
    TaskNext::Again { delay, elsewhere: false }
}

pub(super) fn elsewhere(delay: Duration) -> TaskNext {
    TaskNext::Again { delay, elsewhere: true }
}

pub(super) fn counted(attempts: u32, crashes: u32, snoozes: u32) -> Counters {
    Counters { attempts, crashes, snoozes, leases: 0 }
}

/// The counters without the number of tries.
pub(super) fn without_leases(counters: Counters) -> Counters {
    Counters { leases: 0, ..counters }
}

/// A moment that a test compares with: milliseconds from the beginning of each floor.
pub(super) fn at(millis: u64) -> Moment {
    Moment::at(s(100) + ms(millis))
}
