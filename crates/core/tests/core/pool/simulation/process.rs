//! What a worker makes of its life.

use crate::simulation::dice::Dice;
use hearken_core::evidence::{Ending, TypedError};
use hearken_core::identity::Token;
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::pool::{Event, Handle, WorkMode};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How a worker ends a task.
#[derive(Debug, Clone)]
pub(super) enum How {
    Does,
    Fails(TypedError, Option<Arc<str>>),
    Snoozes(Duration),
    Dies(Ending),
    /// It works until it is told otherwise, or for ever.
    Hangs,
}

#[derive(Debug)]
pub(super) struct Job {
    handle: Handle,
    accepts_at: Moment,
    ends_at: Moment,
    how: How,
    /// It gives a task up if it is asked to.
    heeds: bool,
}

/// What a worker is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum ToWorker {
    Task(Handle),
    Cancel(Handle),
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) token: Token,
    mode: WorkMode,
    inbox: VecDeque<(Moment, ToWorker)>,
    outbox: VecDeque<(Moment, Event)>,
    jobs: Vec<Job>,
    ready_at: Moment,
    credits: u32,
    /// It takes whatever it is sent, and begins with none of it.
    mute: bool,
    /// It ends by itself.
    pub(super) dies: Option<(Moment, Ending)>,
}

impl Process {
    pub(super) fn new(dice: &mut Dice, token: Token, mode: WorkMode, now: Moment) -> Self {
        let ready_at = match dice.below(100) {
            0..4 => Moment::NEVER,
            4..20 => now + dice.millis(0, 2_000),
            _ => now + dice.millis(0, 100),
        };
        let dies = dice.maybe(6, |dice| (now + dice.millis(0, 4_000), ending(dice)));
        Self {
            token,
            mode,
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            jobs: Vec::new(),
            ready_at: if mode == WorkMode::Line { ready_at } else { Moment::NEVER },
            credits: dice.pick(&[0, 1, 1, 1, 2, 3]),
            mute: dice.percent(4),
            dies,
        }
    }

    /// One that does everything right.
    pub(super) fn good(token: Token, mode: WorkMode, now: Moment) -> Self {
        let ready_at = if mode == WorkMode::Line { now } else { Moment::NEVER };
        let (inbox, outbox, jobs) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let (credits, mute, dies) = (2, false, None);
        Self { token, mode, inbox, outbox, jobs, ready_at, credits, mute, dies }
    }

    pub(super) fn tell(&mut self, at: Moment, message: ToWorker) {
        let at = self.inbox.back().map_or(at, |(last, _)| at.max(*last));
        self.inbox.push_back((at, message));
    }

    pub(super) fn say(&mut self, at: Moment, event: Event) {
        let at = self.outbox.back().map_or(at, |(last, _)| at.max(*last));
        self.outbox.push_back((at, event));
    }

    /// What it said and nobody has heard yet, if it is time.
    pub(super) fn heard(&mut self, now: Moment) -> Option<Event> {
        self.outbox.front().filter(|(at, _)| *at <= now)?;
        self.outbox.pop_front().map(|(_, event)| event)
    }

    /// When it does something by itself.
    pub(super) fn next(&self) -> Moment {
        let front = |at: Option<Moment>| at.unwrap_or(Moment::NEVER);
        let inbox = front(self.inbox.front().map(|(at, _)| *at));
        let outbox = front(self.outbox.front().map(|(at, _)| *at));
        let jobs = front(self.jobs.iter().map(|job| job.accepts_at.min(job.ends_at)).min());
        let dies = front(self.dies.map(|(at, _)| at));
        inbox.min(outbox).min(jobs).min(dies).min(self.ready_at)
    }

    /// In exec mode: it has its task from the start.
    pub(super) fn begin(&mut self, dice: &mut Dice, now: Moment, calm: bool) {
        let job = Job::new(dice, Handle::ONLY, now, calm);
        self.jobs.push(Job { accepts_at: Moment::NEVER, ..job });
    }

    /// Everything it does from now on is right.
    pub(super) fn calm_down(&mut self, now: Moment) {
        (self.dies, self.mute) = (None, false);
        if self.mode == WorkMode::Line {
            self.ready_at = now;
            self.credits = self.credits.max(1);
        }
        for job in &mut self.jobs {
            job.ends_at = now.max(job.accepts_at.min(now));
            if matches!(job.how, How::Hangs | How::Dies(_)) {
                job.how = How::Does;
            }
            if job.accepts_at != Moment::NEVER {
                job.accepts_at = now;
            }
        }
    }

    /// It has as many credits, and says so.
    pub(super) fn announce(&mut self, now: Moment, credits: u32) {
        self.credits = credits;
        self.say(now, Event::Ready(self.token, credits));
    }

    /// Does what it had in mind until now. Answers how it ends, if it does.
    pub(super) fn act(&mut self, dice: &mut Dice, now: Moment, calm: bool) -> Option<Ending> {
        if self.ready_at <= now {
            self.ready_at = Moment::NEVER;
            self.announce(now, self.credits);
        }
        while self.inbox.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, message)) = self.inbox.pop_front() else { break };
            match message {
                ToWorker::Task(_) if self.mute => {}
                ToWorker::Task(handle) => self.jobs.push(Job::new(dice, handle, now, calm)),
                ToWorker::Cancel(handle) => {
                    let job = self.jobs.iter_mut().find(|job| job.handle == handle);
                    if let Some(job) = job.filter(|job| job.heeds || calm) {
                        job.ends_at = now + dice.millis(0, 500);
                        if dice.percent(80) {
                            job.how = How::Fails(error(Kind::Cancelled), None);
                        }
                    }
                }
            }
        }
        let said_at = now + dice.millis(0, if calm { 1 } else { 30 });
        for job in &mut self.jobs {
            if job.accepts_at <= now {
                job.accepts_at = Moment::NEVER;
                let word = Event::Accepted(self.token, job.handle);
                self.outbox.push_back((said_at, word));
            }
        }
        while let Some(place) = self.jobs.iter().position(|job| job.ends_at <= now) {
            let Job { handle, how, .. } = self.jobs.remove(place);
            let token = self.token;
            let exec = self.mode == WorkMode::Exec;
            match how {
                How::Does if exec => return Some(Ending::Exited(0)),
                How::Fails(..) if exec => return Some(ending(dice)),
                How::Does => self.say(said_at, Event::Done(token, handle)),
                How::Fails(error, dependency) => {
                    self.say(said_at, Event::Failed(token, handle, error, dependency));
                }
                How::Snoozes(delay) => {
                    self.say(said_at, Event::Snoozed(token, handle, delay));
                    if exec {
                        return Some(Ending::Exited(0));
                    }
                }
                How::Dies(ending) => return Some(ending),
                How::Hangs => {}
            }
        }
        self.dies.filter(|(at, _)| *at <= now).map(|(_, ending)| ending)
    }
}

impl Job {
    fn new(dice: &mut Dice, handle: Handle, now: Moment, calm: bool) -> Self {
        if calm {
            return Self { handle, accepts_at: now, ends_at: now, how: How::Does, heeds: true };
        }
        let accepts_at = match dice.below(100) {
            0..4 => Moment::NEVER,
            4..12 => now + dice.millis(0, 3_000),
            _ => now + dice.millis(0, 100),
        };
        let most = dice.pick(&[20, 500, 3_000, 9_000]);
        let mut ends_at = accepts_at + dice.millis(0, most);
        let how = match dice.below(100) {
            0..45 => How::Does,
            45..72 => failure(dice),
            72..80 => {
                let most = dice.pick(&[0, 500, 3_000, 3_000, 3_000, 600_000]);
                How::Snoozes(dice.millis(0, most))
            }
            80..90 => {
                if dice.percent(30) {
                    // Before it says that it has begun.
                    ends_at = now + dice.millis(0, 50);
                }
                How::Dies(ending(dice))
            }
            _ => {
                ends_at = Moment::NEVER;
                How::Hangs
            }
        };
        Self { handle, accepts_at, ends_at, how, heeds: dice.percent(75) }
    }
}

fn failure(dice: &mut Dice) -> How {
    let error = TypedError {
        code: dice.pick(&["a.one", "a.two", "b"]).into(),
        retryable: dice.maybe(20, |dice| dice.percent(50)),
        retry_after: dice
            .maybe(20, |dice| dice.pick(&[Duration::ZERO, Duration::from_secs(2), Duration::MAX])),
        ..error(dice.pick(&Kind::ALL[..12]))
    };
    let dependency = dice.maybe(30, |dice| dice.pick(&["db", "mail", "net"]).into());
    How::Fails(error, dependency)
}

pub(super) fn error(kind: Kind) -> TypedError {
    super::super::floor::error(kind)
}

pub(super) fn ending(dice: &mut Dice) -> Ending {
    match dice.below(3) {
        0 => Ending::Killed { signal: 11, core_dumped: false },
        _ => Ending::Exited(dice.pick(&[0, 1, 1, 65, 69, 71, 75, 78])),
    }
}
