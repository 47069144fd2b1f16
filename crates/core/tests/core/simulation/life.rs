//! The world of one seed, and how time goes by in it.

use super::child::{Child, Fork};
use super::dice::Dice;
use crate::world::*;
use hearken_core::evidence::{Said, StopCause};
use hearken_core::identity::Token;
use hearken_core::moment::Moment;
use hearken_core::policy::UnitPolicy;
use hearken_core::supervision::{Event, Plan};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Life {
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) world: World,
    /// Every process that is no history yet.
    pub(super) children: BTreeMap<Token, Child>,
    /// The last token that was seen.
    last: Token,
    /// No more faults: who is born from now on does everything right.
    pub(super) calm: bool,
}

impl Life {
    pub(super) fn begin(plan: Plan, dice: Dice, trace: Trace) -> Self {
        let world = Self::world(&plan, trace, Moment::at(s(100)));
        let children = BTreeMap::new();
        let mut life = Self { plan, dice, world, children, last: Token(0), calm: false };
        life.feed(Event::Boot);
        life
    }

    fn world(plan: &Plan, trace: Trace, now: Moment) -> World {
        let mut world = World::planned(plan.clone());
        world.forks = Forks::Never;
        world.keeps = false;
        world.trace = trace;
        world.now = now;
        world
    }

    /// The supervisor is gone, and its janitor ends every process; then it is started again. The
    /// moments of the new life begin anew, its tokens too; what is left of the old is nothing to it.
    pub(super) fn crash(&mut self) {
        let trace = self.world.trace.clone();
        trace.input(self.world.now, &"the supervisor is gone, and another is started");
        let begin = Moment::at(self.dice.millis(0, 50));
        self.world = Self::world(&self.plan, trace, begin);
        for token in std::mem::take(&mut self.children).into_keys() {
            let ending = super::child::ending(&mut self.dice);
            for event in [
                Event::Spawned(token, 4711),
                Event::Said(token, Said::Ready),
                Event::Probed(token, 1, false),
                Event::Exited(token, ending),
                Event::Drained(token),
            ] {
                self.world.feed_stale(event);
            }
        }
        self.last = Token(0);
        self.feed(Event::Boot);
    }

    pub(super) fn policy(&self, token: Token) -> UnitPolicy {
        self.world.core.policy(self.world.processes[&token].id.unit).unwrap().clone()
    }

    pub(super) fn feed(&mut self, event: Event) {
        self.world.feed(event);
        self.take_in();
    }

    pub(super) fn ring(&mut self) {
        self.world.ring();
        self.take_in();
    }

    /// Looks at what the core has just done: who was born, who is probed, who was blamed.
    fn take_in(&mut self) {
        let born: Vec<_> =
            self.world.processes.range(Token(self.last.0 + 1)..).map(|(it, _)| *it).collect();
        for token in born {
            self.last = token;
            let (now, policy) = (self.world.now, self.policy(token));
            let child = match self.calm {
                true => Child::good(now, &policy),
                false => Child::any(&mut self.dice, now, &policy),
            };
            self.world.processes.get_mut(&token).unwrap().manners = child.manners;
            self.children.insert(token, child);
        }
        for (token, cause) in std::mem::take(&mut self.world.blamed) {
            let liveness = matches!(
                cause,
                StopCause::Watchdog
                    | StopCause::ProgressTimeout
                    | StopCause::Unready
                    | StopCause::Health
            );
            let faultless = self.children[&token].faultless;
            assert!(!(liveness && faultless), "{token:?} is healthy, and stopped for {cause:?}");
        }
        for (token, child) in &mut self.children {
            let process = &self.world.processes[token];
            let Some((number, _)) = process.probe.filter(|(number, _)| *number > child.seen_probe)
            else {
                continue;
            };
            child.seen_probe = number;
            let now = self.world.now;
            child.answer = match child.faultless {
                // The shortest time a probe has is 60 ms.
                true => Some((now + self.dice.millis(0, 20), number, true)),
                false => {
                    let passed = self.dice.percent(40);
                    let answer = (now + self.dice.millis(0, 600), number, passed);
                    self.dice.maybe(80, |_| answer)
                }
            };
        }
        let processes = &self.world.processes;
        self.children.retain(|token, _| !processes[token].is_history());
    }

    /// Who has something to tell that may be told by now.
    fn tellers(&self) -> Vec<(Token, bool)> {
        let mut tellers = Vec::new();
        for (token, child) in &self.children {
            let process = &self.world.processes[token];
            if !process.kernel.is_empty() && child.told_at <= self.world.now {
                tellers.push((*token, true));
            }
            if !process.line.is_empty() || !process.answers.is_empty() {
                tellers.push((*token, false));
            }
        }
        tellers
    }

    /// One thing that happened is told; who is first is a matter of luck.
    pub(super) fn deliver_one(&mut self) -> bool {
        let tellers = self.tellers();
        if tellers.is_empty() {
            return false;
        }
        let (token, from_kernel) = self.dice.pick(&tellers);
        let process = self.world.processes.get_mut(&token).unwrap();
        let event = match from_kernel {
            true => process.kernel.pop_front(),
            false => process.line.pop_front().or_else(|| process.answers.pop_front()),
        };
        // Two sources are read out of order now and then, and much happens at the same moment.
        let now = self.world.now;
        if self.dice.percent(2) {
            let skew = self.dice.millis(0, 50);
            self.world.now = Moment::at(now.since_start().saturating_sub(skew));
        }
        self.feed(event.unwrap());
        self.world.now = now;
        true
    }

    fn next_of_children(&self) -> Moment {
        let told = |(token, child): (&Token, &Child)| {
            let waits = !self.world.processes[token].kernel.is_empty();
            let told_at = if waits { child.told_at } else { Moment::NEVER };
            child.next().min(told_at)
        };
        self.children.iter().map(told).min().unwrap_or(Moment::NEVER)
    }

    /// Lets `time` pass. What is said is heard a moment later; timers ring a moment late.
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.world.now + time;
        while self.world.left.is_none() {
            let due = self.world.core.poll_timeout().unwrap_or(Moment::NEVER);
            if due <= self.world.now && self.dice.percent(50) {
                self.ring();
                continue;
            }
            if self.deliver_one() {
                if self.dice.percent(30) {
                    self.world.now = self.world.now + self.dice.millis(0, 2);
                }
                continue;
            }
            if due <= self.world.now {
                self.ring();
                continue;
            }
            let next = due.min(self.next_of_children());
            if next >= end {
                break;
            }
            self.world.now = self.world.now.max(next);
            if next == due && self.dice.percent(20) {
                self.world.now = self.world.now + self.dice.millis(0, 20);
            }
            self.children_act();
        }
        self.world.now = self.world.now.max(end);
        self.children_act();
    }

    /// The supervisor stands still while its children go on.
    pub(super) fn stall(&mut self, time: Duration) {
        self.world.now = self.world.now + time;
        self.world.stalled_at = self.world.now;
        self.children_act();
        // What lies there is taken in before it stands still again; timers ring in between.
        loop {
            if self.dice.percent(30) {
                self.ring();
            }
            if self.world.left.is_some() || !self.deliver_one() {
                break;
            }
        }
    }

    /// The whole machine stands still, children and all.
    pub(super) fn freeze(&mut self, time: Duration) {
        for child in self.children.values_mut() {
            child.postpone(time);
        }
        self.stall(time);
    }

    /// Every child does what it had in mind until now.
    fn children_act(&mut self) {
        let now = self.world.now;
        let due: Vec<_> = self.children.iter().filter(|(_, it)| it.next() <= now).collect();
        let due: Vec<_> = due.into_iter().map(|(token, _)| *token).collect();
        for token in due {
            self.act(token);
        }
    }

    fn act(&mut self, token: Token) {
        let (now, policy) = (self.world.now, self.policy(token));
        let child = self.children.get_mut(&token).unwrap();
        if let Some((_, fork)) = child.fork.take_if(|(at, _)| *at <= now) {
            let Fork::Works = fork else {
                let Fork::Fails(failure) = fork else { return };
                return self.world.fork(token, Some(failure));
            };
            self.world.fork(token, None);
            if child.says_hello {
                self.world.processes.get_mut(&token).unwrap().says(token, Said::Hello);
            }
        }
        if child.fork.is_some() {
            return;
        }
        let process = self.world.processes.get_mut(&token).unwrap();
        if child.ready_at <= now {
            child.ready_at = Moment::NEVER;
            if Child::has_to_say(&policy) {
                process.says(token, Said::Ready);
            }
        }
        if child.beat_at <= now {
            let speaks = process.alive && !process.halted && !child.leaving;
            child.beat_at = if process.alive { now + child.beat } else { Moment::NEVER };
            if speaks && (child.faultless || self.dice.percent(30)) {
                process.says(token, Child::sign(&mut self.dice, &policy));
            }
        }
        if let Some((_, number, passed)) = child.answer.take_if(|(at, ..)| *at <= now) {
            process.answers.push_back(Event::Probed(token, number, passed));
        }
        if let Some((_, ending)) = child.dies_at.take_if(|(at, _)| *at <= now)
            && process.alive
            && !process.halted
        {
            self.world.die(token, ending);
        }
        if child.thaws_at <= now {
            child.thaws_at = Moment::NEVER;
            self.world.thaw(token);
        }
    }
}
