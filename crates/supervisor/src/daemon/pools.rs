//! Pools: what processes mean to them, and what they want of processes.

use super::Daemon;
use crate::child::{Portion, TaskWord};
use crate::convert;
use crate::environment::TaskNames;
use crate::spawner::Equipment;
use crate::tasks::Wish;
use hearken_core::action::Report;
use hearken_core::evidence::{End, Ending, Evidence, Said, SpawnFailure, StopCause};
use hearken_core::identity::{InstanceId, Token};
use hearken_core::instance::{Instance, Rest, Standing};
use hearken_core::judge::DecidedBy;
use hearken_core::policy::RestartWhen;
use hearken_core::pool;
use hearken_core::supervision::Event;
use hearken_core::unit::{Going, Unit};
use hearken_proto::Raw;
use std::time::Duration;

/// What a start is told as whose task does not fit its program.
pub(super) const UNFIT: SpawnFailure =
    SpawnFailure { stage: "payload", errno: 0, permanent: false };

impl Daemon<'_> {
    /// A worker said something about tasks. What the core of processes has to know of it is told
    /// after the pool was: so a task has its own verdict before its worker is stopped for it.
    pub(super) fn task_word(&mut self, token: Token, word: TaskWord) {
        let Some(id) = self.reach.get(&token).map(|reach| reach.id) else { return };
        let exec = self.tasks.desk(id.unit).is_some_and(|desk| desk.is_exec());
        match word {
            TaskWord::Ready(_) => {
                self.tell(Event::Said(token, Said::Ready));
                self.tasks.word(id.unit, token, word);
            }
            TaskWord::Failed(_, error) if exec => {
                self.tasks.said_error(id.unit, token, &error);
                self.tell(Event::Said(token, Said::Error(convert::typed_error(&error))));
            }
            TaskWord::Failed(_, ref error) => {
                let typed = convert::typed_error(error);
                self.tasks.word(id.unit, token, word);
                self.tell(Event::Said(token, Said::Error(typed)));
                // It is about the task, and explains nothing of how the process ends.
                self.tell(Event::Said(token, Said::Working));
            }
            TaskWord::Draining
            | TaskWord::Memory(_)
            | TaskWord::Accepted(_)
            | TaskWord::Progress(..)
            | TaskWord::Log(..)
            | TaskWord::Chunk(_)
            | TaskWord::Checkpoint(_)
            | TaskWord::Done(_)
            | TaskWord::Snoozed(_) => self.tasks.word(id.unit, token, word),
        }
    }

    /// The process of an exec task wrote more of its result. One that writes more than its pool
    /// takes is stopped: it might never end.
    pub(super) fn output(&mut self, token: Token, portion: &Portion) {
        let Some(id) = self.reach.get(&token).map(|reach| reach.id) else { return };
        let Some(desk) = self.tasks.desk(id.unit) else { return };
        if !desk.output(token, portion.bytes()) {
            self.tell(Event::Dismiss { id, cause: StopCause::TaskCancelled, kill: true });
        }
    }

    /// All that the process of an exec task wrote has come.
    pub(super) fn output_whole(&mut self, token: Token) {
        let Some(id) = self.reach.get(&token).map(|reach| reach.id) else { return };
        if let Some(desk) = self.tasks.desk(id.unit) {
            desk.output_whole(token);
        }
    }

    /// What the core reports of a process, for the pool it belongs to.
    pub(super) fn tell_pool(&mut self, report: &Report) {
        match report {
            Report::Started { id, pid, .. } => self.tasks.started(*id, *pid),
            Report::Stopping { id, .. } | Report::Killing { id, .. } => {
                self.tasks.tell(id.unit, pool::Event::Stopping(id.slot));
            }
            Report::Ended { id, evidence, .. } => {
                self.tasks.ended(*id, evidence);
                self.tell_if_down(*id, evidence.stopped_by);
            }
            // Its tasks are not to wait for what may never come; whatever it still says of them is
            // fenced off.
            Report::Abandoned { id, .. } => {
                self.tasks.ended(*id, &lost());
            }
            Report::ShuttingDown { .. } => self.tasks.close(),
            Report::Waiting { .. }
            | Report::Ready { .. }
            | Report::LineLost { .. }
            | Report::Reacted { .. }
            | Report::Reloading { .. }
            | Report::Reloaded { .. }
            | Report::Paused { .. }
            | Report::GroupRestarting { .. }
            | Report::GroupFailed { .. }
            | Report::EndedLate { .. }
            | Report::Stalled { .. }
            | Report::Idle => {}
        }
    }

    /// Tells a pool of a slot that gets no process by itself.
    fn tell_if_down(&mut self, id: InstanceId, stopped_by: Option<StopCause>) {
        let Some(standing) = self.supervision.standing(id) else { return };
        let barred = match standing {
            Standing::Down(Rest::New | Rest::Finished) => false,
            Standing::Down(Rest::Stopped) => stopped_by != Some(StopCause::Scale),
            Standing::Down(Rest::Failed) => true,
            Standing::Held
            | Standing::Backoff
            | Standing::Starting { .. }
            | Standing::Ready
            | Standing::Stopping
            | Standing::Abandoned => return,
        };
        self.tasks.tell(id.unit, pool::Event::Down { slot: id.slot, barred });
        let all_failed = |unit: &Unit| {
            let failed = |it: &Instance| it.standing() == Standing::Down(Rest::Failed);
            unit.instances.iter().any(failed) && unit.active == 0
        };
        if barred && self.supervision.unit(id.unit).is_some_and(all_failed) {
            self.tasks.failed(id.unit, "none of its processes can be started or kept running");
        }
    }

    /// What a process of mode exec is made of: its task. Answers whether it can be started; if not,
    /// the task has been told so.
    pub(super) fn equip(&mut self, id: InstanceId, token: Token, incarnation: u32) -> bool {
        let Some(recipe) = self.spawner.recipe(id) else { return true };
        let Some(claimed) = self.tasks.assignment(id) else { return true };
        let names = TaskNames {
            id: claimed.record.id,
            attempt: claimed.record.counters.leases,
            task_type: claimed.record.kind.as_deref(),
            key: claimed.record.unique_key.as_deref(),
        };
        // It was checked when it came in.
        let payload = Raw::from_msgpack(claimed.input.payload.clone());
        let payload = payload.unwrap_or_else(|_damaged| Raw::nil());
        let made = recipe.template.input(&payload).map(|input| {
            let spawn = recipe.template.spawn_task(id.slot, incarnation, &input, &names);
            Equipment { spawn, stdin: input.stdin }
        });
        match made {
            Ok(equipment) => {
                self.spawner.equip(token, equipment);
                true
            }
            Err(why) => {
                self.tasks.unfit(id, token, &why.typed());
                false
            }
        }
    }

    /// Whether this is about a process that came and went with its task: that is told by what became
    /// of the task.
    pub(super) fn is_of_a_task(&self, report: &Report) -> bool {
        let id = match report {
            Report::Started { id, .. } | Report::Ready { id, .. } => id,
            Report::Ended { id, judgement, evidence, .. } => {
                let never_ran = matches!(evidence.end, End::SpawnFailed(why) if why != UNFIT);
                if judgement.decided_by != DecidedBy::Task || never_ran {
                    return false;
                }
                id
            }
            Report::Waiting { .. }
            | Report::Stopping { .. }
            | Report::Killing { .. }
            | Report::LineLost { .. }
            | Report::Reacted { .. }
            | Report::Reloading { .. }
            | Report::Reloaded { .. }
            | Report::Paused { .. }
            | Report::GroupRestarting { .. }
            | Report::GroupFailed { .. }
            | Report::Abandoned { .. }
            | Report::EndedLate { .. }
            | Report::Stalled { .. }
            | Report::ShuttingDown { .. }
            | Report::Idle => return false,
        };
        let policy = self.supervision.policy(id.unit);
        policy.is_some_and(|policy| policy.restart.when == RestartWhen::OnTask)
    }

    /// Tells every pool whether its unit runs: without that it starts nothing.
    pub(super) fn tell_pools_who_runs(&mut self) {
        for unit in self.tasks.units() {
            let going = self.supervision.unit(unit).map(|it| it.going);
            self.tasks.runs(unit, going == Some(Going::On));
        }
    }

    /// Does what a pool wants of processes.
    pub(super) fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Call(id) => {
                self.tell(Event::Call(id));
                self.tell_if_down(id, None);
            }
            Wish::Dismiss(id, cause, kill) => {
                self.tell(Event::Dismiss { id, cause, kill });
                // One that waited for its start has no end to be told.
                self.tell_if_down(id, Some(cause));
            }
            Wish::Say(token, message) => {
                if let Some(tasks) = self.reach.get(&token).and_then(|reach| reach.tasks.as_ref()) {
                    // Its line has ended; its end is on the way.
                    let _gone = tasks.send(*message);
                }
            }
        }
    }
}

/// The end of a process that will not die.
fn lost() -> Evidence {
    Evidence {
        end: End::Process(Ending::Killed { signal: 9, core_dumped: false }),
        stopped_by: None,
        error: None,
        intent: None,
        uptime: Duration::ZERO,
        ready_uptime: None,
        failures: 0,
        sentence: None,
    }
}
