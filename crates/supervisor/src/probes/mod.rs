//! Probes: how the supervisor looks at a child from outside.
//!
//! ```text
//!   core: Probe(token, purpose, number) ─▶ begin ─┬─ tcp, http: a task of the runtime ──▶ Finding
//!                                                 └─ exec: a child of the fork server ──▶ its exit
//!   core: EndProbe(token, number) ─▶ end          (the task is dropped, the child's group killed)
//!   core ◀─ Probed(token, number, passed) ◀─ conclude, with the reason in the log
//! ```
//!
//! The core decides when to probe, when a probe is late and what failures come to; here one is run
//! and answered, once. At most one process of a probe is there per instance, ended or not: where
//! one will not die (it hangs in the kernel), the next waits for it, and is late.
//!
//! A connection is made inside the supervisor, not by a child: it costs a twentieth of a fork, it
//! runs no foreign code, and what hangs in it hangs in the kernel, not in here. The one call that
//! could, a name lookup, has a thread of its own: see [`tcp`].

mod http;
mod output;
mod record;
mod target;
mod tcp;
mod token;

pub(crate) use record::{Failure, Record, Tell, Trouble};
pub(crate) use target::Target;
pub(crate) use token::is_probe;

use hearken_config::{Check, Service};
use hearken_core::action::Purpose;
use hearken_core::identity::{InstanceId, Token};
use hearken_core::moment::Moment;
use hearken_sys::Pid;
use output::Listening;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use target::Targets;
use token::Tokens;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How many findings may wait for the loop. Whoever finds no room waits for it.
const FINDINGS: usize = 256;

/// What a task found out.
#[derive(Debug)]
pub(crate) struct Finding {
    /// Of which instance.
    pub(crate) id: InstanceId,
    /// Of which process of it.
    pub(crate) token: Token,
    /// By which probe.
    pub(crate) number: u32,
    /// What.
    pub(crate) found: Result<(), Trouble>,
}

/// A probe to be run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Of which instance.
    pub(crate) id: InstanceId,
    /// Of which process of it.
    pub(crate) token: Token,
    /// What for.
    pub(crate) purpose: Purpose,
    /// Its number.
    pub(crate) number: u32,
}

/// A probe that is over, one way or the other.
#[derive(Debug)]
pub(crate) struct Over {
    /// Which one.
    pub(crate) asked: Asked,
    /// Since when its time runs.
    pub(crate) since: Moment,
    /// The process that ran it and has yet to be reaped.
    pub(crate) process: Option<Token>,
    /// Why it never began, if it did not.
    pub(crate) held_up: Option<&'static str>,
    /// The last words of its process.
    pub(crate) said: Option<String>,
}

/// A probe under way.
#[derive(Debug)]
struct UnderWay {
    asked: Asked,
    since: Moment,
    run: Run,
}

#[derive(Debug)]
enum Run {
    /// A task of the runtime.
    Task(#[expect(dead_code, reason = "held to be dropped")] Task),
    /// The process of this instance.
    Process,
    /// An earlier process of this instance is not gone.
    Waits,
}

/// A task that ends when nobody wants its answer any more.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The process of an exec probe, until it is reaped.
#[derive(Debug)]
struct Process {
    token: Token,
    number: u32,
    listening: Option<Listening>,
}

/// What is known of the probes of one instance.
#[derive(Debug, Default)]
struct Slot {
    /// Of its last process that was probed, for this purpose.
    record: Option<(Token, Purpose, Record)>,
    under_way: Option<UnderWay>,
    process: Option<Process>,
}

/// All probes.
#[derive(Debug)]
pub(crate) struct Probes {
    targets: Vec<Targets>,
    slots: HashMap<InstanceId, Slot>,
    /// Whose process it is that runs under this token.
    processes: HashMap<Token, InstanceId>,
    tokens: Tokens,
    findings: (mpsc::Sender<Finding>, mpsc::Receiver<Finding>),
}

impl Probes {
    /// The probes of these services.
    #[must_use]
    pub(crate) fn new(services: &[Service]) -> Self {
        Self {
            targets: services.iter().map(Targets::new).collect(),
            slots: HashMap::new(),
            processes: HashMap::new(),
            tokens: Tokens::default(),
            findings: mpsc::channel(FINDINGS),
        }
    }

    /// What is looked at for this purpose.
    #[must_use]
    pub(crate) fn target(&self, id: InstanceId, purpose: Purpose) -> Option<&Target> {
        self.targets.get(id.unit.0 as usize)?.of(purpose)
    }

    /// Begins a probe, whose time runs since then; one that was under way is forgotten. Where a
    /// process has to run it, answers under which token. Must be called inside the runtime.
    pub(crate) fn begin(&mut self, asked: Asked, since: Moment) -> Option<Token> {
        let target = self.targets.get(asked.id.unit.0 as usize)?.of(asked.purpose)?;
        let slot = self.slots.entry(asked.id).or_default();
        let known = slot.record.as_ref().map(|(token, purpose, _)| (*token, *purpose));
        if known != Some((asked.token, asked.purpose)) {
            slot.record = Some((asked.token, asked.purpose, Record::default()));
        }
        let (run, process) = match target.look() {
            Some(look) => {
                let findings = self.findings.0.clone();
                let Asked { id, token, number, .. } = asked;
                let task = tokio::spawn(async move {
                    let found = look.await;
                    // The receiver is gone only when the supervisor itself ends.
                    let _ended = findings.send(Finding { id, token, number, found }).await;
                });
                (Run::Task(Task(task.abort_handle())), None)
            }
            None if slot.process.is_some() => (Run::Waits, None),
            None => {
                let token = self.tokens.next();
                slot.process = Some(Process { token, number: asked.number, listening: None });
                self.processes.insert(token, asked.id);
                (Run::Process, Some(token))
            }
        };
        slot.under_way = Some(UnderWay { asked, since, run });
        process
    }

    /// The program of an exec probe runs: its outputs are listened to.
    ///
    /// # Errors
    /// If a descriptor cannot be watched.
    pub(crate) fn listen(
        &mut self,
        process: Token,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<()> {
        let id = self.processes.get(&process);
        let slot = id.and_then(|id| self.slots.get_mut(id));
        if let Some(process) = slot.and_then(|slot| slot.process.as_mut()) {
            process.listening = Some(Listening::begin(stdout, stderr)?);
        }
        Ok(())
    }

    /// What a task found out next.
    pub(crate) async fn found(&mut self) -> Option<Finding> {
        self.findings.1.recv().await
    }

    /// This probe is over; `None` if it was already.
    pub(crate) fn end(&mut self, id: InstanceId, token: Token, number: u32) -> Option<Over> {
        let slot = self.slots.get_mut(&id)?;
        let over =
            slot.under_way.take_if(|it| (it.asked.token, it.asked.number) == (token, number))?;
        let (process, held_up) = match over.run {
            Run::Task(_) => (None, None),
            Run::Process => (slot.process.as_ref(), None),
            Run::Waits => (None, Some("the process of the probe before it does not die")),
        };
        let said = process.and_then(|process| process.listening.as_ref()?.last_words());
        let process = process.map(|process| process.token);
        Some(Over { asked: over.asked, since: over.since, process, held_up, said })
    }

    /// The process of a probe is gone, or never came to be. Answers whose it was, the probe if it
    /// was still under way, and the last words.
    pub(crate) fn bury(&mut self, process: Token) -> Option<(InstanceId, Option<Over>)> {
        let id = self.processes.remove(&process)?;
        let slot = self.slots.get_mut(&id)?;
        let number = slot.process.as_ref().map(|process| process.number)?;
        let asked = slot.under_way.as_ref().filter(|it| matches!(it.run, Run::Process));
        let asked = asked.map(|it| it.asked).filter(|asked| asked.number == number);
        let over = asked.and_then(|asked| self.end(id, asked.token, number));
        self.slots.get_mut(&id)?.process = None;
        Some((id, over))
    }

    /// The probe that waited for an earlier process of its instance to be gone. It begins anew.
    pub(crate) fn waiting(&mut self, id: InstanceId) -> Option<(Asked, Moment)> {
        let slot = self.slots.get_mut(&id)?;
        let waits = slot.under_way.take_if(|it| matches!(it.run, Run::Waits))?;
        Some((waits.asked, waits.since))
    }

    /// Notes what a probe came to, and answers what of it is worth a line of the log.
    pub(crate) fn note(&mut self, asked: Asked, found: Result<(), &Failure>) -> Option<Tell> {
        let (token, purpose, record) = self.slots.get_mut(&asked.id)?.record.as_mut()?;
        if (*token, *purpose) != (asked.token, asked.purpose) {
            return None;
        }
        Some(record.note(found))
    }

    /// Notes why a probe could not be run, and answers whether that is news.
    pub(crate) fn note_not_run(&mut self, asked: Asked, why: &str) -> bool {
        let record = self.slots.get_mut(&asked.id).and_then(|slot| slot.record.as_mut());
        record.is_some_and(|(_, _, record)| record.not_run(why))
    }

    /// The supervisor was stalled: the time of every probe runs anew.
    pub(crate) fn forgive_stall(&mut self, now: Moment) {
        for under_way in self.slots.values_mut().filter_map(|slot| slot.under_way.as_mut()) {
            under_way.since = now;
        }
    }
}

/// How many descriptors the probes of a service may take at once: for each instance a pidfd and two
/// outputs, or a connection.
#[must_use]
pub(crate) fn descriptors(service: &Service) -> u64 {
    let checks = [service.readiness.check(), service.health.as_ref()];
    let most = checks.into_iter().flatten().map(|check| match check {
        Check::Exec(_) => 3,
        Check::Tcp(_) | Check::Http(_) => 1,
    });
    u64::from(service.policy.instances) * most.max().unwrap_or(0)
}

/// What a probe is for, as it stands in the log and in `HEARKEN_PROBE`.
#[must_use]
pub(crate) fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Readiness => "readiness",
        Purpose::Health => "health",
    }
}

/// What the process of an exec probe is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Errand {
    /// What it probes for.
    pub(crate) purpose: Purpose,
    /// Whom.
    pub(crate) pid: Option<Pid>,
    /// Until when it may wait for its turn. After that the supervisor has more probes to start than
    /// it can, and to be late for that is nobody's fault.
    pub(crate) wait_until: Moment,
}
