//! What goes wrong, and what operators do.

use super::child::{Fork, beat, ending, error_of, intent};
use super::life::Life;
use crate::world::*;
use hearken_core::evidence::{Ending, Said};
use hearken_core::identity::{Token, UnitIndex};
use hearken_core::moment::Moment;
use hearken_core::supervision::Event;

impl Life {
    /// One thing happens.
    pub(super) fn step(&mut self) {
        if self.world.left.is_some() {
            return self.crash();
        }
        match self.dice.below(100) {
            0..34 => {
                let time = self.dice.millis(0, 300);
                self.advance(time);
            }
            34..46 => {
                let time = self.dice.millis(0, 4_000);
                self.advance(time);
            }
            46..56 => _ = self.deliver_one(),
            // So long that every sign of life is late by more than a second.
            56 if self.dice.percent(50) => {
                let time = self.dice.millis(5_000, 90_000);
                self.freeze(time);
            }
            56..59 => {
                let most = self.dice.pick(&[300, 2_000, 90_000]);
                let time = self.dice.millis(0, most);
                self.stall(time);
            }
            59..71 => {
                let command = self.command();
                self.feed(command);
            }
            71..93 => self.deed(),
            93..95 => self.lose_the_fork_server(),
            95 => {
                if self.dice.percent(30) {
                    self.crash();
                }
            }
            96..98 => self.repeat_history(),
            _ => self.answer_what_was_not_asked(),
        }
    }

    fn command(&mut self) -> Event {
        let units = u32::try_from(self.plan.units.len()).unwrap();
        let unit = UnitIndex(self.dice.count(0, units - 1));
        match self.dice.below(100) {
            0..30 => Event::Start(unit),
            30..50 => Event::Stop(unit),
            50..72 => Event::Restart(unit),
            72..94 => Event::Scale(unit, self.dice.count(0, 3)),
            94..98 => Event::Boot,
            98 => Event::Shutdown,
            _ => Event::ShutdownNow,
        }
    }

    fn child(&mut self, of: impl Fn(&Process) -> bool) -> Option<Token> {
        let among: Vec<_> =
            self.children.keys().filter(|it| of(&self.world.processes[it])).copied().collect();
        (!among.is_empty()).then(|| self.dice.pick(&among))
    }

    /// A child does something nobody asked for.
    fn deed(&mut self) {
        let Some(token) = self.child(|it| it.alive) else { return };
        let policy = self.policy(token);
        let child = self.children.get_mut(&token).unwrap();
        let process = self.world.processes.get_mut(&token).unwrap();
        self.world.trace.input(self.world.now, &("about to act", token));
        match self.dice.below(100) {
            0..30 => {
                for _ in 0..self.dice.pick(&[1, 1, 1, 4]) {
                    process.says(token, Said::Error(error_of(&mut self.dice)));
                }
                if self.dice.percent(50) {
                    child.dies_at = Some((self.world.now, Ending::Exited(1)));
                }
            }
            30..36 => {
                process.says(token, Said::Exiting(intent(&mut self.dice)));
                child.leaving = true;
                child.faultless = false;
                let in_time = self.dice.millis(0, 500);
                child.dies_at =
                    self.dice.maybe(70, |dice| (self.world.now + in_time, ending(dice)));
            }
            36..38 => {
                process.says(token, Said::Leaving);
                child.leaving = true;
                child.faultless = false;
            }
            38..44 => process.says(token, Said::Reloading),
            44..50 => process.says(token, Said::Ready),
            50..56 => process.says(token, Said::Extend(self.dice.millis(0, 8_000))),
            56..62 => {
                let period = self.dice.millis(500, 3_000);
                process.says(token, Said::WatchdogPeriod(period));
                child.beat = beat(&policy, Some(period));
                child.beat_at = self.world.now;
            }
            62..64 => {
                process.says(token, Said::WatchdogTrigger);
                child.faultless = false;
            }
            64..66 => {
                process.breaks_the_protocol(token);
                child.faultless = false;
            }
            66..69 => {
                process.hangs_up(token);
                child.faultless = false;
            }
            69..71 => {
                process.close_all(token);
                child.faultless = false;
            }
            71..73 => {
                process.halted = true;
                child.faultless = false;
            }
            73..76 => process.held_open = true,
            76..80 => child.faultless = false,
            _ => {
                let ending = ending(&mut self.dice);
                self.world.die(token, ending);
            }
        }
    }

    /// Every spawn under way fails, or is taken for started and ends with its fork server.
    fn lose_the_fork_server(&mut self) {
        let now = self.world.now;
        self.world.trace.input(now, &"the fork server is lost");
        let tokens: Vec<_> = self.children.keys().copied().collect();
        for token in tokens {
            let child = self.children.get_mut(&token).unwrap();
            child.told_at = child.told_at.min(now);
            if child.fork.is_none() {
                continue;
            }
            child.fork = Some((now, Fork::Fails(EAGAIN)));
            if self.dice.percent(30) {
                child.fork = Some((now, Fork::Works));
                child.dies_at = Some((now, Ending::Killed { signal: KILL, core_dumped: false }));
            }
        }
    }

    /// What concerns a process that is history arrives late.
    fn repeat_history(&mut self) {
        let old: Vec<_> = self.world.processes.iter().filter(|(_, it)| it.is_history()).collect();
        let old: Vec<_> = old.into_iter().map(|(token, _)| *token).collect();
        if old.is_empty() {
            return;
        }
        let token = self.dice.pick(&old);
        let ending = ending(&mut self.dice);
        let event = match self.dice.below(7) {
            0 => Event::Said(token, Said::Ready),
            1 => Event::Said(token, Said::Error(error_of(&mut self.dice))),
            2 => Event::Violated(token),
            3 => Event::LineClosed(token),
            4 => Event::Drained(token),
            5 => Event::Probed(token, 1, false),
            _ => Event::Exited(token, ending),
        };
        self.world.feed_stale(event);
    }

    /// A probe is answered that is not under way.
    fn answer_what_was_not_asked(&mut self) {
        let Some(token) = self.child(|_| true) else { return };
        let process = &self.world.processes[&token];
        let number = process.last_probe + self.dice.count(0, 1);
        if process.probe.is_none_or(|(it, _)| it != number) {
            self.feed_stale_answer(token, number);
        }
    }

    fn feed_stale_answer(&mut self, token: Token, number: u32) {
        let passed = self.dice.percent(50);
        self.world.feed_stale(Event::Probed(token, number, passed));
    }

    /// From here on nothing goes wrong any more, and what is stuck comes loose.
    pub(super) fn calm_down(&mut self) {
        self.calm = true;
        let now = self.world.now;
        self.world.trace.input(now, &"faults cease");
        let tokens: Vec<_> = self.children.keys().copied().collect();
        for token in tokens {
            let child = self.children.get_mut(&token).unwrap();
            child.told_at = child.told_at.min(now);
            child.thaws_at = Moment::NEVER;
            if let Some(fork) = &mut child.fork {
                *fork = (now, Fork::Works);
            }
            let process = self.world.processes.get_mut(&token).unwrap();
            // Who can never be heard again, or has taken its leave, goes.
            let gone = process.mute || process.halted || child.leaving || !child.faultless;
            child.dies_at = gone.then_some((now, Ending::Exited(1)));
            process.halted = false;
            if child.ready_at == Moment::NEVER {
                process.says(token, Said::Ready);
            }
            child.ready_at = child.ready_at.min(now + ms(10));
            self.world.thaw(token);
        }
    }
}
