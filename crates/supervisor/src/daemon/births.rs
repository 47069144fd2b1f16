//! Births: what comes of the fork server, and the fork server itself.

use super::{Daemon, Reach};
use crate::child::{self, Heard, Tended, Word, Work};
use crate::events::{OrphanReaped, OutputsUnheard};
use crate::probes::is_probe;
use crate::spawner::{Launched, Step};
use crate::watched::Watched;
use tokio::sync::{mpsc, watch};

impl Daemon<'_> {
    /// Takes in what came of a step of the spawner.
    pub(super) fn take(&mut self, step: Step) {
        for launched in step.launched {
            self.listen(launched);
        }
        // What they said counts before what became of them: their ends may be among the events.
        self.hear_held();
        for event in step.events {
            self.tell(event);
        }
        for pid in self.spawner.register.orphans() {
            OrphanReaped { pid: pid.get() }.emit();
        }
    }

    pub(super) fn listen(&mut self, launched: Launched) {
        if is_probe(launched.token) {
            return self.listen_to_probe(launched);
        }
        let Launched { token, id, who, ends } = launched;
        let incarnation = who.incarnation;
        let (orders, inbox) = watch::channel(None);
        let Some(recipe) = self.spawner.recipe(id) else { return };
        let takes_tasks = recipe.manner.work == Work::Tasks;
        let (tasks, about_tasks) = takes_tasks.then(mpsc::unbounded_channel).unzip();
        self.reach.insert(token, Reach { id, incarnation, orders, tasks, drained: false });
        let (manner, share) = (recipe.manner.clone(), self.logs.share());
        match Tended::new(token, who, ends, manner, share, self.heard.0.clone()) {
            Ok(tended) => drop(tokio::spawn(child::tend(tended, inbox, about_tasks))),
            // Nothing of it can be heard; it is judged by its exit alone.
            Err(error) => {
                let unit = self.unit(id);
                OutputsUnheard { unit: &unit, instance: id.slot, error: &error.to_string() }.emit();
                self.word(Heard { token, word: Word::Drained(Box::default()) });
            }
        }
    }

    pub(super) fn hear_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        let mut step = Step::default();
        let spawner = &mut self.spawner;
        let heard = server.take(|server| spawner.receive(server, &mut step));
        self.take(step);
        if let (Err(lost), Some(server)) = (heard, &self.server) {
            self.spawner.give_up(&server.server, lost.to_string());
        }
    }

    /// Kills a fork server that hangs, and makes a new one where there is none.
    pub(super) fn see_to_server(&mut self) {
        self.hear_server();
        if let Some(server) = &self.server {
            self.spawner.kill_if_hung(&server.server);
            return;
        }
        if let Some(server) = self.spawner.replace() {
            // Without a descriptor for it, the next sweep tries again.
            self.server = Watched::new(server).ok();
        }
    }

    pub(super) fn flush(&mut self) {
        if let Some(server) = &mut self.server {
            // Lost is told by the read side; what is not sent now is sent with the next.
            let _later = server.server.flush();
        }
    }
}
