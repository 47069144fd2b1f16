//! The deadlines of a child that is ready: signs of life, progress, health.

use super::prober::Prober;
use crate::evidence::{Said, StopCause};
use crate::moment::Moment;
use crate::policy::{Probing, UnitPolicy};
use crate::supervision::SECOND_LOOK;
use std::time::Duration;

/// The bounds of a watchdog period that a child gives itself.
const PERIOD: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(24 * 3600));

/// What a ready child owes, and by when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Liveness {
    /// How often it gives a sign of life, if it has to.
    period: Option<Duration>,
    /// When it counts as lost.
    lost_at: Moment,
    /// When it counts as stuck.
    stuck_at: Moment,
    /// The deadline that was seen to pass, and until when it may still be kept.
    doubt: Option<(Moment, Moment)>,
    /// Its health probes, or those for readiness while it is not ready.
    pub(super) prober: Option<Prober>,
}

impl Liveness {
    /// Of a child that has just been asked for: nothing is owed yet.
    pub(super) fn new(policy: &UnitPolicy) -> Self {
        Self {
            period: policy.watchdog,
            lost_at: Moment::NEVER,
            stuck_at: Moment::NEVER,
            doubt: None,
            prober: None,
        }
    }

    /// It is ready: from now on it owes signs of life.
    pub(super) fn begin(&mut self, now: Moment, policy: &UnitPolicy) {
        self.lost_at = late(self.period, now);
        self.stuck_at = late(policy.progress_timeout, now);
        let health = |rhythm: Probing| Prober::new(rhythm, now + rhythm.interval);
        self.prober = policy.health.map(|it| health(it).after(self.prober.as_ref()));
    }

    /// It said something, and whatever it was is a sign of life.
    pub(super) fn hear(&mut self, said: &Said, now: Moment, policy: &UnitPolicy) {
        if let Said::WatchdogPeriod(period) = said {
            self.period = Some((*period).clamp(PERIOD.0, PERIOD.1));
        }
        if self.lost_at != Moment::NEVER || matches!(said, Said::WatchdogPeriod(_)) {
            self.lost_at = late(self.period, now);
        }
        if *said == Said::Working && self.stuck_at != Moment::NEVER {
            self.stuck_at = late(policy.progress_timeout, now);
        }
    }

    /// The first deadline for something that it, or its probe, has to say.
    fn owed(&self) -> Moment {
        let answer = self.prober.as_ref().map_or(Moment::NEVER, Prober::late_at);
        self.lost_at.min(self.stuck_at).min(answer)
    }

    /// When to look next.
    pub(super) fn due(&self) -> Moment {
        let owed = self.owed();
        let judged = match self.doubt {
            Some((of, until)) if of == owed => until,
            Some(_) | None => owed,
        };
        self.prober.as_ref().map_or(judged, |prober| judged.min(prober.starts_at()))
    }

    /// Whether a deadline is over, and was not seen to be over before.
    pub(super) fn is_in_doubt(&self, now: Moment) -> bool {
        let owed = self.owed();
        owed <= now && self.doubt.is_none_or(|(of, _)| of != owed)
    }

    /// Whether a probe is to be started.
    pub(super) fn is_to_probe(&self, now: Moment) -> bool {
        self.prober.as_ref().is_some_and(|prober| prober.starts_at() <= now)
    }

    /// Looks again a moment later: the supervisor may have stood still until just now, and what
    /// was said in time lies there unread, though no timer came late.
    pub(super) fn look_again(&mut self, now: Moment) {
        self.doubt = Some((self.owed(), now + SECOND_LOOK));
    }

    /// What it has failed to do by `now`.
    pub(super) fn fault(&self, now: Moment) -> Option<StopCause> {
        let owed = self.owed();
        if !self.doubt.is_some_and(|(of, until)| of == owed && until <= now) {
            None
        } else if self.lost_at <= now {
            Some(StopCause::Watchdog)
        } else if self.stuck_at <= now {
            Some(StopCause::ProgressTimeout)
        } else {
            None
        }
    }

    /// The supervisor was stalled: what it owes may lie there unread, and has its time again.
    pub(super) fn forgive_stall(&mut self, now: Moment, policy: &UnitPolicy) -> bool {
        let mut moved = self.prober.as_mut().is_some_and(|prober| prober.forgive_stall(now));
        if self.lost_at != Moment::NEVER {
            self.lost_at = late(self.period, now);
            moved = true;
        }
        if self.stuck_at != Moment::NEVER {
            self.stuck_at = late(policy.progress_timeout, now);
            moved = true;
        }
        moved
    }
}

/// When a child that owes a sign every `period` is late with it.
///
/// The shell does not pass on every frame of a chatty child: up to an eighth of the period may lie
/// between the last sign and the last one told. So much is added; no child is late before its time.
fn late(period: Option<Duration>, now: Moment) -> Moment {
    period.map_or(Moment::NEVER, |period| now + period + period / SIGNS_PER_PERIOD)
}

/// How many signs of life the shell passes on in one watchdog period, at most.
pub const SIGNS_PER_PERIOD: u32 = 8;
