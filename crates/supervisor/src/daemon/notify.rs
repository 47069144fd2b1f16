//! What children say through `NOTIFY_SOCKET`: whose word it is, and what follows.
//!
//! Everything a datagram says is handed to the core before the next one is looked at, and before
//! what came along with it is closed: a barrier is answered when all before it was heard.

use super::Daemon;
use crate::events::{
    ChildError, ChildStatus, NotifyMalformed, NotifyStranger, NotifyUnheard, OutputDropped,
};
use crate::logs;
use crate::notify::message::{self, Word};
use crate::notify::{BEFORE_DEATHS, Held, Notify, TURN, Voice, typed_error};
use crate::probes::is_probe;
use hearken_core::evidence::Said;
use hearken_core::identity::{InstanceId, Token};
use hearken_core::supervision::Event;
use hearken_sys::{Datagram, NotifySocket, Passed, Pid, leader_among};
use std::cell::RefCell;
use std::io;

/// Who sent it, as far as it is known.
type Sender = Option<hearken_sys::Sender>;

impl Daemon<'_> {
    /// Listens to the notify socket too. Must be called inside the runtime.
    ///
    /// # Errors
    /// If the runtime cannot watch it.
    pub(crate) fn hear_notifications(&mut self, socket: NotifySocket) -> io::Result<()> {
        self.notify = Some(Notify::new(socket)?);
        Ok(())
    }

    /// The socket's turn: a bounded number of datagrams.
    pub(super) fn notified(&mut self) {
        let Some(notify) = &mut self.notify else { return };
        notify.begin_turn();
        if !self.hear_datagrams(TURN)
            && let Some(notify) = &mut self.notify
        {
            notify.leave_more();
        }
    }

    /// Takes in what lies in the socket, before deaths are told or somebody is taken for dead: a
    /// last word counts.
    pub(super) fn hear_notify(&mut self) {
        let _even_if_more_keeps_coming = self.hear_datagrams(BEFORE_DEATHS);
    }

    /// Answers whether that was all.
    fn hear_datagrams(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(notify) = &self.notify else { return true };
            match notify.receive() {
                Ok(Some(datagram)) => self.datagram(datagram),
                Ok(None) => return true,
                Err(error) => {
                    NotifyUnheard { error: &error.to_string() }.emit();
                    return true;
                }
            }
        }
        false
    }

    fn datagram(&mut self, datagram: Datagram) {
        let Some(sender) = datagram.sender else {
            return self.stranger(
                None,
                "its sender is outside of this pid namespace",
                datagram.passed,
            );
        };
        let (leaders, reason) = match self.whose(sender.pid) {
            Ok(token) => return self.hear_datagram(token, datagram),
            // It may lead what was forked just now: then the fork server will name this number.
            Err(leaders) if leaders.is_empty() => {
                (vec![sender.pid], "its sender had ended, or cannot be looked at")
            }
            Err(leaders) => (leaders, "it belongs to no unit"),
        };
        let mut held = Some(Held { datagram, leaders, reason });
        // One that was forked just now speaks, and may end, before the fork server's word of it is
        // here.
        if self.spawner.register.unanswered() > 0
            && let Some(notify) = &mut self.notify
        {
            held = held.and_then(|held| notify.hold(held));
        }
        if let Some(Held { datagram, reason, .. }) = held {
            self.stranger(datagram.sender, reason, datagram.passed);
        }
    }

    /// The incarnation that a process belongs to; or the numbers of those it could belong to,
    /// nearest first.
    fn whose(&self, pid: Pid) -> Result<Token, Vec<Pid>> {
        let register = &self.spawner.register;
        // Until we reap it, a process of ours has its number to itself.
        if let Some(token) = register.token_of(pid) {
            return Ok(token);
        }
        let others = RefCell::new(Vec::new());
        let is_leader = |number| {
            let leads = self.leads(number);
            if !leads {
                others.borrow_mut().push(number);
            }
            leads
        };
        leader_among(pid, is_leader)
            .and_then(|leader| register.led_by(leader))
            .ok_or_else(|| others.into_inner())
    }

    /// Whether this number is that of a group and session of ours.
    fn leads(&self, number: Pid) -> bool {
        let register = &self.spawner.register;
        register.knows(number)
            || register.led_by(number).is_some_and(|token| {
                // Its leader was reaped: the number is free once the group is empty.
                let mut heads = register.heads(token);
                heads.any(|(pidfd, pid)| pid == number && pidfd.group_alive())
            })
    }

    /// The fork server has spoken: some of those who were not known are now.
    pub(super) fn hear_held(&mut self) {
        let Some(notify) = &mut self.notify else { return };
        for held in std::mem::take(&mut notify.held) {
            let register = &self.spawner.register;
            // Their numbers were looked up while the sender lived, or are its own.
            let token = held.leaders.iter().find_map(|pid| register.led_by(*pid));
            if let Some(token) = token {
                self.hear_datagram(token, held.datagram);
            } else if register.unanswered() == 0 {
                let Datagram { sender, passed, .. } = held.datagram;
                self.stranger(sender, held.reason, passed);
            } else if let Some(notify) = &mut self.notify {
                notify.held.push_back(held);
            }
        }
    }

    /// Somebody of this incarnation says something.
    fn hear_datagram(&mut self, token: Token, datagram: Datagram) {
        let Datagram { sender, bytes, truncated, passed } = datagram;
        let id = self.instance_of(token).filter(|_| !is_probe(token));
        let listened_to =
            |id: &InstanceId| self.spawner.recipe(*id).is_some_and(|recipe| recipe.notifies);
        let Some(id) = id.filter(listened_to) else {
            let reason =
                "it belongs to a probe, or to a unit that does not have ready = \"notify\"";
            return self.stranger(sender, reason, passed);
        };
        let pid = sender.map_or(0, |sender| sender.pid.get());
        match message::read(&bytes, truncated) {
            Ok(message) => {
                let status = message.status().map(str::to_owned);
                for word in message.words {
                    if word == Word::Barrier && !matches!(passed, Passed::One(_)) {
                        let reason = "BARRIER=1 comes with exactly one descriptor";
                        self.malformed(token, id, pid, reason, None);
                    } else {
                        self.notify_word(token, id, word, status.as_deref());
                    }
                }
                if message.malformed > 0 {
                    let reason = "they are not as sd_notify(3) has them";
                    self.malformed(token, id, pid, reason, Some(message.malformed));
                }
            }
            Err(reason) => self.malformed(token, id, pid, &reason.to_string(), None),
        }
        // Only now: for a barrier this is the answer.
        self.close_passed(passed);
    }

    fn notify_word(&mut self, token: Token, id: InstanceId, word: Word, status: Option<&str>) {
        let said = match word {
            Word::Ready => Said::Ready,
            Word::Stopping => Said::Leaving,
            Word::Reloading => Said::Reloading,
            Word::Alive => Said::Alive,
            Word::Trigger => Said::WatchdogTrigger,
            Word::WatchdogPeriod(period) => Said::WatchdogPeriod(period),
            Word::Extend(by) => Said::Extend(by),
            Word::Errno(errno) => {
                let error = typed_error(errno, status);
                self.log_for(token, id, error.message.len(), |unit| {
                    ChildError {
                        unit,
                        instance: id.slot,
                        kind: error.kind.as_str(),
                        code: &error.code,
                        text: &error.message,
                        retryable: None,
                        retry_after_ms: None,
                        scope: None,
                        dependency: None,
                        details: None,
                        trace: None,
                    }
                    .emit();
                });
                Said::Error(error)
            }
            Word::Status(text) => {
                return self.log_for(token, id, text.len(), |unit| {
                    ChildStatus { unit, instance: id.slot, text: &text }.emit();
                });
            }
            Word::MainPid(pid) => return self.main_named(token, id, pid),
            // Closing what came along is all there is to it.
            Word::Barrier => return,
        };
        self.tell(Event::Said(token, said));
    }

    /// Which instance this is, from the fork on.
    pub(super) fn instance_of(&self, token: Token) -> Option<InstanceId> {
        let reach = self.reach.get(&token).map(|reach| reach.id);
        reach.or_else(|| self.spawner.launching(token))
    }

    fn malformed(
        &mut self,
        token: Token,
        id: InstanceId,
        pid: i32,
        reason: &str,
        lines: Option<u64>,
    ) {
        self.log_for(token, id, reason.len(), |unit| {
            NotifyMalformed { unit, instance: id.slot, pid, reason, lines }.emit();
        });
    }

    /// Logs what a child said, in its own room of the log.
    pub(super) fn log_for(
        &mut self,
        token: Token,
        id: InstanceId,
        bytes: usize,
        emit: impl FnOnce(&str),
    ) {
        let unit = self.unit(id);
        let logs = self.logs;
        let Some(notify) = &mut self.notify else { return };
        let voice = notify.voices.entry(token).or_insert_with(|| Voice::new(logs.share()));
        let permit = voice.share.permit(bytes);
        if permit.is_none() {
            voice.unlogged.0 += 1;
            voice.unlogged.1 += bytes as u64;
        } else {
            say_unlogged(voice, &unit, id);
        }
        logs::on_behalf(permit, || emit(&unit));
    }

    /// It was judged: what is remembered of its words is not needed any more.
    pub(super) fn forget_voice(&mut self, token: Token, id: InstanceId) {
        let unit = self.unit(id);
        let voice = self.notify.as_mut().and_then(|notify| notify.voices.remove(&token));
        if let Some(mut voice) = voice {
            say_unlogged(&mut voice, &unit, id);
        }
    }

    /// Somebody who has no say; what came along is closed.
    fn stranger(&mut self, sender: Sender, reason: &str, passed: Passed) {
        let now = self.clock.now();
        let messages = self.notify.as_mut().and_then(|notify| notify.strangers.met(now));
        if let Some(messages) = messages {
            NotifyStranger {
                pid: sender.map(|sender| sender.pid.get().into()),
                uid: sender.map(|sender| sender.uid),
                reason,
                messages,
                help: "a message counts while its sender lives and is of a unit with ready = \"notify\"; one that ends at once waits for the answer to a barrier, as systemd-notify does",
            }
            .emit();
        }
        self.close_passed(passed);
    }

    fn close_passed(&mut self, passed: Passed) {
        if let Some(notify) = &mut self.notify {
            notify.close(passed);
        }
    }
}

fn say_unlogged(voice: &mut Voice, unit: &str, id: InstanceId) {
    let (lines, bytes) = std::mem::take(&mut voice.unlogged);
    if lines > 0 {
        OutputDropped { unit, instance: id.slot, stream: "notify", lines, bytes }.emit();
    }
}
