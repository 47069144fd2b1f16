//! Deaths: what the kernel tells of children.

use super::Daemon;
use crate::child::{Order, StandardOutput};
use crate::convert;
use crate::events::{OrphanReaped, Resumed, Suspended, WaitFailed};
use crate::probes::is_probe;
use crate::register::Reaped;
use hearken_core::supervision::Event;
use hearken_sys::{Status, next_change};

impl Daemon<'_> {
    /// One reaper for the whole process: whoever else waited for children would steal exits.
    pub(super) fn reap(&mut self) {
        // Replies first: most exits then find their names. And words while those who said them can
        // still be looked at.
        self.hear_server();
        self.hear_notify();
        let mut changes = Vec::new();
        loop {
            match next_change() {
                Ok(Some(change)) => changes.push(change),
                Ok(None) => break,
                Err(error) => {
                    WaitFailed { error: &error.to_string() }.emit();
                    break;
                }
            }
        }
        // Whoever is dead now has said all it had to say: that is heard before its end is told.
        if !changes.is_empty() {
            self.hear_notify();
        }
        self.main_went_before(&changes);
        for change in changes {
            match convert::ending(change.what) {
                Some(ending) => self.reaped(change.pid, ending),
                None => self.halts.push((change.pid, change.what)),
            }
        }
        for event in self.spawner.register.settle() {
            self.tell(event);
        }
        for pid in self.spawner.register.orphans() {
            OrphanReaped { pid: pid.get() }.emit();
        }
    }

    pub(super) fn reaped(&mut self, pid: hearken_sys::Pid, ending: hearken_core::evidence::Ending) {
        if self.server.as_ref().is_some_and(|server| server.server.pid() == pid) {
            self.hear_server();
            self.server = None;
            let step = self.spawner.mourn(pid, ending);
            self.take(step);
            self.see_to_server();
            return;
        }
        match self.spawner.register.reaped(pid, ending) {
            Reaped::Event(event) => self.tell(event),
            Reaped::Orphan(pid) => OrphanReaped { pid: pid.get() }.emit(),
            Reaped::Kept | Reaped::Swallowed => {}
        }
    }

    /// A child whose standard output is a result has ended: it is judged by what has come of that,
    /// and a descendant may hold the pipe open for much longer.
    pub(super) fn ask_for_the_rest(&self, event: &Event) {
        if let Event::Exited(token, _) = event
            && let Some(reach) = self.reach.get(token)
            && let Some(recipe) = self.spawner.recipe(reach.id)
            && recipe.manner.stdout == StandardOutput::Result
        {
            reach.orders.send_replace(Some(Order::Ended));
        }
    }

    /// Tells of processes that were stopped by a signal or woken, and that only now: the news of
    /// their start stands before it.
    pub(super) fn tell_halts(&mut self) {
        if self.halts.is_empty() {
            return;
        }
        for (pid, status) in std::mem::take(&mut self.halts) {
            self.suspended(pid, status);
        }
        self.ledger.hand_over();
    }

    fn suspended(&mut self, pid: hearken_sys::Pid, status: Status) {
        let register = &self.spawner.register;
        if register.token_of(pid).is_some_and(is_probe) {
            return;
        }
        let Some(reach) = register.token_of(pid).and_then(|token| self.reach.get(&token)) else {
            // Like an exit, it may be seen before it is known whose it is.
            if register.knows(pid) || register.unanswered() > 0 {
                self.halts.push((pid, status));
            }
            return;
        };
        let (unit, instance) = (self.unit(reach.id), reach.id.slot);
        match status {
            Status::Stopped { signal } => {
                self.ledger.suspended(&unit, instance, Some(signal.number()));
                Suspended { unit: &unit, instance, signal: &signal.to_string() }.emit();
            }
            Status::Continued => {
                self.ledger.suspended(&unit, instance, None);
                Resumed { unit: &unit, instance }.emit();
            }
            Status::Exited { .. } | Status::Killed { .. } => {}
        }
    }
}
