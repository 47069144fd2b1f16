//! Where an instance stands, in a sentence: what state, since when, what happened, who decided, and
//! what comes next and when.
//!
//! A pure function of what the ledger tells and of the time: every word can be tested.

use super::clock::Now;
use super::words;
use crate::ledger::{Ended, Standings, Stands, State, Voice};
use crate::report::signal_name;
use hearken_core::evidence::StopCause;
use jiff::Timestamp;
use std::sync::Arc;

/// Whether there is a supervisor to do what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive {
    /// It runs.
    Yes,
    /// It ended, in good order or not.
    No,
}

/// The sentence about one instance.
#[must_use]
pub fn sentence(
    unit: &str,
    instance: u32,
    stands: &Stands,
    all: &Standings,
    alive: Alive,
    now: &Now,
) -> String {
    let teller = Teller { stands, all, now };
    let who = format!("{unit}#{instance}");
    let text = match alive {
        Alive::Yes => format!("{who} {}", teller.present(unit)),
        Alive::No => format!("{who} {}", teller.past()),
    };
    super::safe::safe(&text)
}

struct Teller<'a> {
    stands: &'a Stands,
    all: &'a Standings,
    now: &'a Now,
}

impl Teller<'_> {
    fn end(&self) -> Option<&Ended> {
        // An end of an earlier life explains nothing of this one.
        let end = self.stands.last_end.as_ref().filter(|end| end.life == self.all.life);
        end.and_then(|end| end.ended())
    }

    /// `since 10:02:40 (26 s)`.
    fn since(&self) -> String {
        let since = self.stands.since;
        format!("since {} ({})", self.now.clock(since), self.now.ago(since))
    }

    fn pid(&self) -> String {
        self.stands.pid.map(|pid| format!(", as pid {pid}")).unwrap_or_default()
    }

    fn present(&self, unit: &str) -> String {
        let since = self.since();
        match self.stands.state {
            State::New => "has not been started yet.".into(),
            State::Waiting => {
                let (on, mut seen) = (self.still_on(), vec![Arc::from(unit)]);
                format!(
                    "waits {since} for {}; it starts by itself once {}.{}",
                    self.whom(&on, &mut seen),
                    if on.len() == 1 {
                        "that has come as far as `after` asks"
                    } else {
                        "they have come as far as `after` asks"
                    },
                    self.before()
                )
            }
            State::Starting => format!(
                "is starting {since}{}, and not ready yet{}.{}",
                self.pid(),
                self.aside(),
                self.before()
            ),
            State::Ready => {
                format!("is ready {since}{}{}.{}", self.pid(), self.aside(), self.before())
            }
            State::Stopping => {
                let killed = self.stands.due.filter(|due| *due < Timestamp::MAX).map(|due| {
                    format!("; its tree is killed at {} if it still runs", self.now.clock(due))
                });
                let killed = killed.unwrap_or_default();
                format!("is being stopped {since}{}: {}{killed}.", self.pid(), self.stopping())
            }
            State::Abandoned => format!(
                "is abandoned {since}: {} does not die, even of SIGKILL (it hangs in the kernel, most likely); its slot stays taken until that process is gone.",
                self.stands.pid.map_or("a process".into(), |pid| format!("pid {pid}"))
            ),
            State::Restarting => {
                format!("is down {since}: {}; {}.", self.why_down(), self.next_start())
            }
            State::Held => format!("is down {since}: {}; {}.", self.why_down(), self.held(unit)),
            State::Stopped => format!(
                "is stopped {since}: {}; it stays down until an operator starts it.",
                self.why_down()
            ),
            State::Finished => format!(
                "finished at {}: {}; it stays down, for it did what it was there for.",
                self.now.past(self.stands.since),
                self.why_down()
            ),
            State::Failed => format!(
                "has failed and is down {since}: {}; it stays down until an operator starts it.",
                self.why_down()
            ),
        }
    }

    /// What it was when the supervisor ended.
    fn past(&self) -> String {
        let since = self.now.clock(self.stands.since);
        let at_the_end = match self.stands.state {
            State::New => return "was never started.".into(),
            State::Waiting => {
                format!("was waiting for {} since {since}", join(&self.still_on()))
            }
            State::Starting => format!("was starting since {since}{}", self.pid()),
            State::Ready => format!("was ready since {since}{}", self.pid()),
            State::Stopping => {
                format!("was being stopped since {since}{} ({})", self.pid(), self.stopping())
            }
            State::Abandoned => {
                let pid = self.stands.pid.map_or("a process".into(), |pid| format!("pid {pid}"));
                return format!(
                    "was abandoned since {since}: {pid} did not die, even of SIGKILL, and was left behind."
                );
            }
            State::Restarting => format!(
                "was down since {since}, to start again{}: {}",
                self.stands
                    .due
                    .map(|due| format!(" at {}", self.now.clock(due)))
                    .unwrap_or_default(),
                self.why_down()
            ),
            State::Held => format!("was down since {since}, for others: {}", self.why_down()),
            State::Stopped => format!("was stopped at {since}: {}", self.why_down()),
            State::Finished => format!("had finished at {since}: {}", self.why_down()),
            State::Failed => format!("had failed at {since}: {}", self.why_down()),
        };
        let running = matches!(self.stands.state, State::Starting | State::Ready | State::Stopping);
        let since_then = match &self.all.left {
            Some(_) => "",
            None if running => "; its process was killed with hearken",
            None => "",
        };
        format!("{at_the_end}{since_then}.")
    }

    /// What else is to be known of one that runs.
    fn aside(&self) -> String {
        let mut text = String::new();
        if let Some(signal) = self.stands.suspended {
            let wake = self
                .stands
                .pid
                .map_or(String::new(), |pid| format!("; `kill -CONT {pid}` wakes it"));
            text += &format!(", but its process is suspended by {}{wake}", signal_name(signal));
        }
        if self.stands.reloading {
            text += ", and reads its configuration again";
        }
        text
    }

    /// The end before, for one that is up again.
    fn before(&self) -> String {
        let Some(end) = self.stands.last_end.as_ref() else { return String::new() };
        let Some(ended) = end.ended() else { return String::new() };
        let life =
            if end.life == self.all.life { "" } else { " under the hearken before this one" };
        format!(
            " Its last end was at {}{life}: it {}; {}.",
            self.now.past(end.time),
            words::evidence(&ended.evidence),
            words::decided(ended)
        )
    }

    fn stopping(&self) -> String {
        let cause = self.stands.cause.map_or("was stopped", words::stopped);
        let cause = cause.strip_prefix("was stopped").unwrap_or(cause).trim_start();
        let cause = if cause.is_empty() { "it was asked to" } else { cause };
        let killed = if self.stands.killed { "; it had its time, and was killed" } else { "" };
        format!("{cause}{killed}")
    }

    /// What happened and who decided, for one that is down.
    fn why_down(&self) -> String {
        let came_by_itself = self.end().is_some_and(|ended| {
            self.stands.last_end.as_ref().is_some_and(|end| end.time == self.stands.since)
                && ended.evidence.stopped_by == self.stands.cause
        });
        let Some(ended) = self.end() else { return self.without_an_end() };
        if !came_by_itself {
            return format!(
                "{}; before that, at {}, it {}",
                self.without_an_end(),
                self.now
                    .clock(self.stands.last_end.as_ref().map_or(self.stands.since, |end| end.time)),
                words::evidence(&ended.evidence)
            );
        }
        let mut parts = vec![format!("it {}", words::evidence(&ended.evidence))];
        let self_evident = match ended.judgement.decided_by {
            Voice::Operator | Voice::Shutdown | Voice::Group | Voice::Dependency | Voice::Unit => {
                true
            }
            Voice::Supervisor
            | Voice::Intent
            | Voice::Rule
            | Voice::Hint
            | Voice::Error
            | Voice::Exit
            | Voice::Policy
            | Voice::Budget
            | Voice::Task => false,
        };
        if !self_evident {
            parts.push(words::decided(ended));
        }
        parts.extend(words::beyond(&ended.judgement).map(Into::into));
        if let Some(group) = &self.stands.group
            && ended.judgement.decided_by == Voice::Unit
        {
            parts.push(format!(
                "group {} was restarted too often, last because of {}#{}",
                group.group, group.because, group.because_instance
            ));
        }
        parts.join("; ")
    }

    /// It came to stay down while it was down already.
    fn without_an_end(&self) -> String {
        match (self.stands.cause, &self.stands.group) {
            (Some(StopCause::UnitFailed), Some(group)) => format!(
                "its group {} failed, last because of {}#{}",
                group.group, group.because, group.because_instance
            ),
            (Some(StopCause::UnitFailed), None) => "its unit failed as a whole".into(),
            (Some(StopCause::Shutdown), _) => "hearken shuts down".into(),
            (Some(StopCause::DependencyStop), _) => {
                "something it comes after is gone (on_dependency_restart = \"stop\")".into()
            }
            (Some(cause), _) => format!("it {}", words::stopped(cause)),
            (None, _) => "it was stopped".into(),
        }
    }

    fn next_start(&self) -> String {
        let pace =
            self.end().and_then(words::pace).map(|pace| format!(" ({pace})")).unwrap_or_default();
        let (due, paused) = (self.stands.due, self.stands.paused_until);
        let at = due.max(paused);
        let because = match (due, paused) {
            (Some(due), Some(paused)) if paused > due => {
                " (its unit is paused until then)".to_owned()
            }
            _ => pace,
        };
        let Some(at) = at else { return "it starts again by itself".into() };
        match self.now.until(at) {
            Some(left) => format!("it starts again in {left}, at {}{because}", self.now.clock(at)),
            None if self.is_silent_since(at) => format!(
                "it was to start again at {}, and nothing was written to the ledger since: hearken is suspended, or cannot write it (then its log says `ledger_unwritten`, and why)",
                self.now.past(at)
            ),
            None => format!(
                "it was to start again at {} and waits for its turn (all restarts share one limit: `starts` under [supervisor])",
                self.now.past(at)
            ),
        }
    }

    /// Whether the ledger ends before this, though that is some seconds ago.
    fn is_silent_since(&self, at: Timestamp) -> bool {
        let over = self.now.at.as_millisecond().saturating_sub(at.as_millisecond());
        over > 3_000 && self.all.last.is_some_and(|last| last <= at)
    }

    fn held(&self, unit: &str) -> String {
        if let (Some(StopCause::GroupRestart), Some(group)) =
            (self.stands.cause, &self.stands.group)
        {
            return format!(
                "it starts again with its group {}, which restarts because of {}#{}",
                group.group, group.because, group.because_instance
            );
        }
        if self.stands.on.is_empty() {
            return "it starts again by itself once those let it".into();
        }
        let mut seen = vec![Arc::from(unit)];
        format!("it starts again by itself after {}", self.whom(&self.stands.on, &mut seen))
    }

    /// For whom it waits still: the ledger has all for whom it began to wait. (One that is up and
    /// the only one has to end, with success.)
    fn still_on(&self) -> Vec<Arc<str>> {
        let is_up = |unit: &&Arc<str>| {
            let mut all = self.all.of_unit(unit);
            all.all(|(_, it)| matches!(it.state, State::Ready | State::Finished))
        };
        let (up, missing): (Vec<_>, Vec<_>) = self.stands.on.iter().partition(is_up);
        if missing.is_empty() { up } else { missing }.into_iter().cloned().collect()
    }

    /// For whom something waits, and how these stand.
    fn whom(&self, on: &[Arc<str>], seen: &mut Vec<Arc<str>>) -> String {
        let each: Vec<_> =
            on.iter().map(|unit| format!("{unit}{}", self.which(unit, seen))).collect();
        match each.len() {
            0 => "others".into(),
            _ => each.join(", and for "),
        }
    }

    /// How a unit stands that somebody waits for: the instance that is farthest from ready.
    fn which(&self, unit: &Arc<str>, seen: &mut Vec<Arc<str>>) -> String {
        if seen.contains(unit) {
            return String::new();
        }
        seen.push(Arc::clone(unit));
        let worst = self.all.of_unit(unit).max_by_key(|(_, stands)| severity(stands.state));
        let Some((instance, stands)) = worst else { return String::new() };
        let teller = Self { stands, ..*self };
        let at = self.now.clock(stands.since);
        let what = match stands.state {
            State::New => "was not started yet".into(),
            State::Waiting => format!("waits for {}", self.whom(&teller.still_on(), seen)),
            State::Starting => format!("is starting since {at} and not ready yet"),
            State::Ready => "is ready".into(),
            State::Stopping => "is being stopped".into(),
            State::Restarting => {
                format!("is down (it {}; {})", teller.ended_short(), teller.next_start())
            }
            State::Held => "is down for the sake of others".into(),
            State::Stopped => format!("is stopped since {at}"),
            State::Finished => format!("has finished at {at}"),
            State::Failed => format!("failed at {at} (it {})", teller.ended_short()),
            State::Abandoned => "hangs and does not die".into(),
        };
        let several = self.all.of_unit(unit).nth(1).is_some();
        let who = if several { format!(" ({unit}#{instance})") } else { String::new() };
        format!(", which{who} {what}")
    }

    fn ended_short(&self) -> String {
        match self.end() {
            Some(ended) => words::evidence(&ended.evidence),
            None => "ended".into(),
        }
    }
}

/// How far from being ready a state is.
fn severity(state: State) -> u8 {
    match state {
        State::Ready => 0,
        State::Finished => 1,
        State::Starting => 2,
        State::New => 3,
        State::Stopping => 4,
        State::Waiting => 5,
        State::Held => 6,
        State::Restarting => 7,
        State::Stopped => 8,
        State::Abandoned => 9,
        State::Failed => 10,
    }
}

fn join(units: &[Arc<str>]) -> String {
    let names: Vec<&str> = units.iter().map(|unit| &**unit).collect();
    if names.is_empty() { "others".into() } else { names.join(" and ") }
}

/// One end of the past, for the list of ends.
#[must_use]
pub fn past_end(ended: &Ended) -> String {
    let (next, decided) = (words::followed(ended), words::decided(ended));
    super::safe::safe(&format!("{}; {decided}: {next}", words::evidence(&ended.evidence)))
}

#[cfg(test)]
mod tests;
