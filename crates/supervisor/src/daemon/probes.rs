//! Probes: run as the core wants them, and answered.
//!
//! The process of a probe is a child like any other to the fork server and the register; its token
//! says what it is (see `probes/token.rs`), and [`Daemon::of_a_probe`] keeps its births and deaths
//! from the core, which knows of none.

use super::Daemon;
use crate::convert;
use crate::events::{ProbeFailed, ProbeNotRun, ProbeRecovered, ms, spoken};
use crate::probes::{
    Asked, Errand, Failure, Finding, Over, Target, Tell, Trouble, is_probe, purpose_name,
};
use crate::report::signal_name;
use crate::spawner::{CANCELLED, Job, Launched, SERVER_LOST, kill_tree};
use hearken_core::action::Purpose;
use hearken_core::evidence::{Ending, SpawnFailure};
use hearken_core::identity::{InstanceId, Token};
use hearken_core::moment::Moment;
use hearken_core::policy::{Probing, Ready};
use hearken_core::supervision::Event;
use hearken_sys::Errno;
use std::time::Duration;

impl Daemon<'_> {
    /// The core wants a probe.
    pub(super) fn probe(&mut self, token: Token, purpose: Purpose, number: u32) {
        let Some(id) = self.reach.get(&token).map(|reach| reach.id) else { return };
        self.begin_probe(Asked { id, token, purpose, number }, self.clock.now());
    }

    fn begin_probe(&mut self, asked: Asked, since: Moment) {
        let Asked { id, token, purpose, .. } = asked;
        let Some(process) = self.probes.begin(asked, since) else { return };
        let timeout = self.rhythm(&asked).map_or(Duration::ZERO, |rhythm| rhythm.timeout);
        let wait_until = since + timeout / 2;
        let incarnation = self.reach.get(&token).map_or(0, |reach| reach.incarnation);
        let pid = self.spawner.register.target(token).map(|(_, pid)| pid);
        let probe = Some(Errand { purpose, pid, wait_until });
        self.spawner.want(Job { id, token: process, incarnation, probe });
    }

    /// The core ends a probe: it is late, or nobody waits for it any more.
    pub(super) fn end_probe(&mut self, token: Token, number: u32) {
        let Some(id) = self.reach.get(&token).map(|reach| reach.id) else { return };
        let Some(over) = self.probes.end(id, token, number) else { return };
        if let Some(process) = over.process {
            if self.spawner.withdraw(process).is_some() {
                self.probes.bury(process);
            } else if self.spawner.register.kill_when_known(process)
                && let Some((pidfd, _)) = self.spawner.register.handle(process)
            {
                kill_tree(pidfd);
            }
        }
        // The core rings when the time is up, and not before.
        let Some(rhythm) = self.rhythm(&over.asked) else { return };
        if over.since + rhythm.timeout <= self.clock.now() {
            let failure = late(&over, rhythm, self.probes.target(id, over.asked.purpose));
            // The core counts it by itself.
            self.note(over.asked, Err(failure));
        }
    }

    /// A task found something out.
    pub(super) fn probe_found(&mut self, finding: Finding) {
        if let Some(over) = self.probes.end(finding.id, finding.token, finding.number) {
            self.conclude(over.asked, finding.found);
        }
    }

    /// The program of a probe runs.
    pub(super) fn listen_to_probe(&mut self, launched: Launched) {
        let ends = launched.ends;
        // Unheard, it is judged by its exit alone.
        let _unheard = self.probes.listen(launched.token, ends.stdout, ends.stderr);
    }

    /// Takes what became of the process of a probe; gives back what is about a unit's.
    pub(super) fn of_a_probe(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Exited(process, ending) if is_probe(process) => {
                self.probe_exited(process, ending);
            }
            Event::SpawnFailed(process, failure) if is_probe(process) => {
                self.probe_not_started(process, failure);
            }
            Event::Spawned(process, _) if is_probe(process) => {}
            Event::Boot
            | Event::Start(_)
            | Event::Stop(_)
            | Event::Restart(_)
            | Event::Scale(..)
            | Event::Call(_)
            | Event::Dismiss { .. }
            | Event::Shutdown
            | Event::ShutdownNow
            | Event::Spawned(..)
            | Event::SpawnFailed(..)
            | Event::Said(..)
            | Event::Violated(_)
            | Event::LineClosed(_)
            | Event::Drained(_)
            | Event::Probed(..)
            | Event::Exited(..) => return Some(event),
        }
        None
    }

    fn probe_exited(&mut self, process: Token, ending: Ending) {
        let buried = self.probes.bury(process);
        if let Some((pidfd, _)) = self.spawner.register.handle(process)
            && pidfd.group_alive()
        {
            kill_tree(pidfd);
        }
        if let Some(server) = &mut self.server {
            server.server.forget(process.0);
        }
        self.spawner.register.released(process);
        let Some((id, over)) = buried else { return };
        match over {
            Some(Over { asked, said, .. }) => {
                let what = match ending {
                    Ending::Exited(0) => None,
                    Ending::Exited(code) => Some(format!("exited with code {code}")),
                    Ending::Killed { signal, .. } => {
                        Some(format!("was killed by {}", signal_name(signal)))
                    }
                };
                let program = self.program(&asked);
                let found = what.map_or(Ok(()), |what| {
                    Err(Trouble::Failed(Failure { what: format!("{program} {what}"), said }))
                });
                self.conclude(asked, found);
            }
            None => self.begin_waiting(id),
        }
    }

    fn probe_not_started(&mut self, process: Token, failure: SpawnFailure) {
        let Some((id, over)) = self.probes.bury(process) else { return };
        let Some(Over { asked, since, .. }) = over else { return self.begin_waiting(id) };
        if failure == SERVER_LOST {
            return self.begin_probe(asked, since);
        }
        let SpawnFailure { stage, errno, permanent } = failure;
        let reason = match stage {
            "no_fork_server" => "there is no fork server".into(),
            "no_turn" => "more probes are due than the supervisor can start".into(),
            "cancelled" => "the supervisor shuts down".into(),
            stage => {
                let help = convert::spawn_help(failure);
                let program = self.program(&asked);
                format!("{program} could not be started: {stage}: {}; {help}", Errno::new(errno))
            }
        };
        let trouble = match permanent {
            true => Trouble::Failed(Failure::new(reason)),
            false => Trouble::NotRun(reason),
        };
        if failure == CANCELLED {
            return self.tell(Event::Probed(asked.token, asked.number, is_health(&asked)));
        }
        self.conclude(asked, Err(trouble));
    }

    fn begin_waiting(&mut self, id: InstanceId) {
        if let Some((asked, since)) = self.probes.waiting(id) {
            self.begin_probe(asked, since);
        }
    }

    /// Answers the core, and says why.
    fn conclude(&mut self, asked: Asked, found: Result<(), Trouble>) {
        let passed = match found {
            Ok(()) => {
                self.note(asked, Ok(()));
                true
            }
            Err(Trouble::Failed(failure)) => {
                self.note(asked, Err(failure));
                false
            }
            Err(Trouble::NotRun(reason)) => {
                if self.probes.note_not_run(asked, &reason) {
                    self.tell_all();
                    let (unit, instance) = (self.unit(asked.id), asked.id.slot);
                    let purpose = purpose_name(asked.purpose);
                    ProbeNotRun { unit: &unit, instance, purpose, reason: &reason }.emit();
                }
                // Nothing is known against it: what the supervisor lacks must not end what works.
                // But nobody is ready because nobody could look.
                is_health(&asked)
            }
        };
        self.tell(Event::Probed(asked.token, asked.number, passed));
    }

    fn note(&mut self, asked: Asked, found: Result<(), Failure>) {
        let failure = found.err();
        let Some(tell) = self.probes.note(asked, failure.as_ref().map_or(Ok(()), Err)) else {
            return;
        };
        if let Some(failure) = &failure {
            self.ledger.probe_failed(asked.id, &failure.to_string());
        }
        let limit = self.rhythm(&asked).and_then(|rhythm| rhythm.failures).map(u64::from);
        let (unit, instance) = (self.unit(asked.id), asked.id.slot);
        let purpose = purpose_name(asked.purpose);
        match (tell, failure) {
            (Tell::Failed { failures, new }, Some(failure)) => {
                if new || is_health(&asked) && limit.is_some() {
                    self.tell_all();
                    let (reason, said) = (failure.what.as_str(), failure.said.as_deref());
                    ProbeFailed { unit: &unit, instance, purpose, reason, said, failures, limit }
                        .emit();
                }
            }
            (Tell::Recovered { failures }, _) if is_health(&asked) => {
                self.tell_all();
                ProbeRecovered { unit: &unit, instance, purpose, failures }.emit();
            }
            (Tell::Nothing | Tell::Recovered { .. } | Tell::Failed { .. }, _) => {}
        }
    }

    fn program(&self, asked: &Asked) -> String {
        self.probes.target(asked.id, asked.purpose).map(Target::to_string).unwrap_or_default()
    }

    fn rhythm(&self, asked: &Asked) -> Option<Probing> {
        let policy = self.supervision.policy(asked.id.unit)?;
        match (asked.purpose, policy.ready) {
            (Purpose::Readiness, Ready::Probe(rhythm)) => Some(rhythm),
            (Purpose::Readiness, Ready::Started | Ready::Said) => None,
            (Purpose::Health, _) => policy.health,
        }
    }
}

fn is_health(asked: &Asked) -> bool {
    asked.purpose == Purpose::Health
}

fn late(over: &Over, rhythm: Probing, target: Option<&Target>) -> Failure {
    let within = spoken(ms(rhythm.timeout));
    let unmet = target.map(Target::unmet).unwrap_or_default();
    let more = over.held_up.map(|why| format!(": {why}")).unwrap_or_default();
    Failure { what: format!("late: {unmet} within {within}{more}"), said: over.said.clone() }
}
