//! What a child makes of its life.

use super::dice::Dice;
use crate::world::*;
use hearken_core::evidence::{Ending, Intent, Said, Scope, SpawnFailure, TypedError};
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::policy::{Ready, UnitPolicy};
use std::time::Duration;

/// What the fork server will make of the spawn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fork {
    Works,
    Fails(SpawnFailure),
}

/// What one process has in mind.
#[derive(Debug)]
pub(super) struct Child {
    /// When it is forked, and how that goes; `None` once that is done.
    pub(super) fork: Option<(Moment, Fork)>,
    /// What the kernel and the fork server have to tell is told no sooner.
    pub(super) told_at: Moment,
    pub(super) ready_at: Moment,
    pub(super) beat_at: Moment,
    pub(super) dies_at: Option<(Moment, Ending)>,
    pub(super) thaws_at: Moment,
    /// It gives signs of life, makes progress and answers its probes in time: always has.
    pub(super) faultless: bool,
    /// How often it gives a sign of life.
    pub(super) beat: Duration,
    /// When the probe of this number is answered, and how.
    pub(super) answer: Option<(Moment, u32, bool)>,
    /// The last probe it has seen.
    pub(super) seen_probe: u32,
    pub(super) manners: Manners,
    pub(super) says_hello: bool,
    /// It announced its exit.
    pub(super) leaving: bool,
}

/// How often a child must be heard, for `policy` or the period it gave itself.
pub(super) fn beat(policy: &UnitPolicy, period: Option<Duration>) -> Duration {
    let watchdog = period.or(policy.watchdog).unwrap_or(s(5));
    watchdog.min(policy.progress_timeout.unwrap_or(s(5))) / 2
}

impl Child {
    /// One that does everything right.
    pub(super) fn good(now: Moment, policy: &UnitPolicy) -> Self {
        Self {
            fork: Some((now + ms(1), Fork::Works)),
            told_at: now,
            ready_at: now + ms(10),
            beat_at: now + ms(20),
            dies_at: None,
            thaws_at: Moment::NEVER,
            faultless: true,
            beat: beat(policy, None),
            answer: None,
            seen_probe: 0,
            manners: Manners::Obeys,
            says_hello: true,
            leaving: false,
        }
    }

    pub(super) fn any(dice: &mut Dice, now: Moment, policy: &UnitPolicy) -> Self {
        let mut child = Self::good(now, policy);
        let forked_at = now + dice.millis(0, 10);
        let how = match dice.below(100) {
            0..3 => Fork::Fails(EAGAIN),
            3 => Fork::Fails(ENOENT),
            _ => Fork::Works,
        };
        child.fork = Some((forked_at, how));
        child.told_at = match dice.below(100) {
            0..6 => forked_at + dice.millis(100, 10_000),
            6..30 => forked_at + dice.millis(0, 50),
            _ => forked_at,
        };
        child.manners = match dice.below(100) {
            0..10 => Manners::IgnoresTerm,
            10..13 => Manners::Unkillable,
            _ => Manners::Obeys,
        };
        if child.manners == Manners::Unkillable {
            child.thaws_at = forked_at + dice.millis(0, 20_000);
        }
        child.ready_at = match dice.below(100) {
            0..6 => Moment::NEVER,
            6..20 => forked_at + dice.millis(0, 3_000),
            _ => forked_at + dice.millis(0, 100),
        };
        child.beat_at = forked_at + dice.millis(0, 100);
        child.says_hello = dice.percent(60);
        child.faultless = dice.percent(70);
        if dice.percent(45) {
            let most = dice.pick(&[5, 300, 3_000, 10_000]);
            child.dies_at = Some((forked_at + dice.millis(0, most), ending(dice)));
        }
        child
    }

    /// When it does something next.
    pub(super) fn next(&self) -> Moment {
        let fork = self.fork.map_or(Moment::NEVER, |(at, _)| at);
        let dies = self.dies_at.map_or(Moment::NEVER, |(at, _)| at);
        let answers = self.answer.map_or(Moment::NEVER, |(at, ..)| at);
        let lives = self.ready_at.min(self.beat_at).min(dies).min(answers).min(self.thaws_at);
        if fork == Moment::NEVER { lives } else { fork }
    }

    /// It does everything so much later.
    pub(super) fn postpone(&mut self, time: Duration) {
        let Self { ready_at, beat_at, thaws_at, told_at, .. } = self;
        for at in [ready_at, beat_at, thaws_at, told_at] {
            *at = *at + time;
        }
        if let Some((at, _)) = &mut self.fork {
            *at = *at + time;
        }
        if let Some((at, _)) = &mut self.dies_at {
            *at = *at + time;
        }
        if let Some((at, ..)) = &mut self.answer {
            *at = *at + time;
        }
    }

    /// A sign of life, and of progress if that is asked for.
    pub(super) fn sign(dice: &mut Dice, policy: &UnitPolicy) -> Said {
        match policy.progress_timeout.is_some() || dice.percent(50) {
            true => Said::Working,
            false => Said::Alive,
        }
    }

    /// Whether it has to say that it is ready.
    pub(super) fn has_to_say(policy: &UnitPolicy) -> bool {
        policy.ready == Ready::Said
    }
}

pub(super) fn ending(dice: &mut Dice) -> Ending {
    match dice.below(3) {
        0 => Ending::Killed { signal: 11, core_dumped: false },
        _ => Ending::Exited(dice.pick(&[0, 0, 1, 1, 69, 71, 75, 78])),
    }
}

pub(super) fn error_of(dice: &mut Dice) -> TypedError {
    TypedError {
        retryable: dice.maybe(20, |dice| dice.percent(50)),
        retry_after: dice.maybe(20, |dice| ms(dice.pick(&[0, 500, 5_000, u64::MAX]))),
        scope: dice.maybe(40, |dice| dice.pick(&Scope::ALL)),
        ..error(dice.pick(&Kind::ALL[..12]))
    }
}

pub(super) fn intent(dice: &mut Dice) -> Intent {
    dice.pick(&[Intent::Done, Intent::Retry, Intent::RestartNow, Intent::StayDown])
}
