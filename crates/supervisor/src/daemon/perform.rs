//! Actions: what the core wants done.

use super::Daemon;
use super::pools::UNFIT;
use crate::child::Order;
use crate::events::{LeftoversKilled, OutputsHeld, SignalRefused};
use crate::report::Teller;
use crate::spawner::{Job, kill_tree, main_token};
use hearken_core::action::{Action, Report};
use hearken_core::identity::Token;
use hearken_core::supervision::Event;
use hearken_sys::{Member, Signal, session_members};

impl Daemon<'_> {
    /// Does what the core wants, and only then tells of it: a line of the log wakes the writer,
    /// which would stand between an end and the next start.
    pub(super) fn act(&mut self) {
        self.act_in_silence();
        self.tell_all();
        self.tell_halts();
    }

    pub(super) fn tell_all(&mut self) {
        let mut untold = std::mem::take(&mut self.untold);
        let teller = Teller {
            recipes: self.spawner.recipes(),
            supervision: &self.supervision,
            when_idle: self.when_idle,
        };
        self.ledger.note(&untold, &teller);
        self.ledger.hand_over();
        for report in untold.drain(..) {
            self.teller().tell(&report);
        }
        self.untold = untold;
    }

    /// Does what the core wants, then sends what starts the window has room for, until neither
    /// brings anything new.
    pub(super) fn act_in_silence(&mut self) {
        loop {
            while let Some(action) = self.supervision.poll_action() {
                self.perform(action);
            }
            self.tell_pools_who_runs();
            let wishes = self.tasks.act();
            let wished = !wishes.is_empty();
            for wish in wishes {
                self.wish(wish);
            }
            if wished {
                continue;
            }
            let failed = match &mut self.server {
                _ if self.closing => self.spawner.cancel(),
                Some(server) => self.spawner.pump(&mut server.server),
                None => self.spawner.cancel_probes(),
            };
            if failed.is_empty() {
                return;
            }
            for event in failed {
                self.tell(event);
            }
        }
    }

    /// Does one thing the core wants.
    pub(crate) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn { id, token, incarnation } => {
                self.tasks.spawning(id, token);
                match self.equip(id, token, incarnation) {
                    true => self.spawner.want(Job { id, token, incarnation, probe: None }),
                    false => self.tell(Event::SpawnFailed(token, UNFIT)),
                }
            }
            Action::Drain { token, grace, cause } => {
                if let Some(reach) = self.reach.get(&token) {
                    reach.orders.send_replace(Some(Order::Drain { grace, reason: cause.as_str() }));
                }
            }
            Action::Signal { token, signal } => self.signal(token, signal),
            Action::KillTree { token } => {
                // What the fork server was not asked for yet needs no kill, only to be forgotten.
                if let Some(event) = self.spawner.withdraw(token) {
                    self.tell(event);
                } else if self.spawner.register.kill_when_known(token) {
                    let _with_its_group = self.kill_main_session(token);
                    for (pidfd, _) in self.spawner.register.heads(token) {
                        kill_tree(pidfd);
                    }
                }
            }
            Action::Probe { token, purpose, number } => self.probe(token, purpose, number),
            Action::EndProbe { token, number } => self.end_probe(token, number),
            Action::Release { token } => self.release(token),
            Action::Report(report) => {
                self.closing |= matches!(report, Report::ShuttingDown { .. });
                if matches!(report, Report::Stalled { .. }) {
                    self.probes.forgive_stall(self.clock.now());
                }
                self.tell_pool(&report);
                if !self.is_of_a_task(&report) {
                    self.untold.push(report);
                }
            }
            Action::Leave(outcome) => self.left = Some(outcome),
        }
    }

    pub(super) fn signal(&self, token: Token, number: i32) {
        let Some((pidfd, _)) = self.spawner.register.target(token) else { return };
        let Some(signal) = Signal::new(number) else { return };
        let Some(id) = self.reach.get(&token).map(|reach| reach.id) else { return };
        let sent = if self.spawner.recipe(id).is_some_and(|recipe| recipe.signal_group) {
            pidfd.signal_group(signal)
        } else {
            pidfd.signal(signal)
        };
        if let Err(errno) = sent {
            let (unit, instance) = (self.unit(id), id.slot);
            let (signal, error) = (signal.to_string(), errno.to_string());
            SignalRefused { unit: &unit, instance, signal: &signal, error: &error }.emit();
        }
    }

    /// It was judged: what it left behind goes, and nothing of it is kept.
    pub(super) fn release(&mut self, token: Token) {
        let Some(reach) = self.reach.remove(&token) else { return };
        if self.spawner.register.has_ended(token) {
            let mut members = self.kill_main_session(token);
            let mut groups = 0;
            // Asking costs one call; looking for them costs a walk over all processes.
            for (pidfd, pid) in self.spawner.register.heads(token) {
                if pidfd.group_alive() {
                    groups += 1;
                    members.extend(session_members(pid));
                    kill_tree(pidfd);
                }
            }
            if !members.is_empty() {
                self.tell_all();
                let (unit, instance) = (self.unit(reach.id), reach.id.slot);
                LeftoversKilled { unit: &unit, instance, processes: &names(&members) }.emit();
            } else if groups == 0 && !reach.drained {
                self.tell_all();
                let (unit, instance) = (self.unit(reach.id), reach.id.slot);
                OutputsHeld { unit: &unit, instance, processes: "a process that left its group" }
                    .emit();
            }
        }
        if let Some(server) = &mut self.server {
            server.server.forget(token.0);
            if self.spawner.register.has_main(token) {
                server.server.forget(main_token(token).0);
            }
        }
        self.spawner.unequip(token);
        self.forget_voice(token, reach.id);
        self.spawner.register.released(token);
    }
}

fn names(members: &[Member]) -> String {
    let names: Vec<_> =
        members.iter().map(|one| format!("{} ({})", one.pid, one.command)).collect();
    names.join(", ")
}
