//! Main processes (`MAINPID=`): who may be one, and how it is killed.

use super::Daemon;
use crate::child::{Heard, Word};
use crate::events::{MainProcess, MainProcessLost, MainProcessRefused};
use crate::notify::Voice;
use crate::register::{Gone, MainRefused};
use crate::spawner::main_token;
use hearken_core::identity::{InstanceId, Token};
use hearken_sys::{Change, Member, Pid, PidFd, Signal, belongs_to, leader_among, session_members};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitId, WaitIdOptions, getpgid, getsid, waitid};
use std::os::fd::AsFd;

impl Daemon<'_> {
    /// A child names its main process.
    pub(super) fn main_named(&mut self, token: Token, id: InstanceId, pid: Pid) {
        let register = &self.spawner.register;
        // Programs say it with every message.
        if register.target(token).is_some_and(|(_, known)| known == pid) {
            return;
        }
        let refusal = self.make_main(token, pid).err();
        self.log_for(token, id, 64, |unit| {
            let (instance, pid) = (id.slot, pid.get());
            match refusal {
                None => MainProcess { unit, instance, pid }.emit(),
                Some(reason) => MainProcessRefused { unit, instance, pid, reason }.emit(),
            }
        });
    }

    fn make_main(&mut self, token: Token, pid: Pid) -> Result<(), &'static str> {
        // In this order: see `PidFd::open`.
        let pidfd = PidFd::open(pid).map_err(|_| "there is no such process")?;
        if !self.is_of(token, pid, &pidfd) {
            return Err("it does not belong to the unit");
        }
        let second = pidfd.try_clone().map_err(|_| "there is no descriptor left")?;
        let started = self.spawner.register.handle(token).is_some_and(|(_, own)| own == pid);
        let session = session_without_leader(pid);
        self.spawner.register.set_main(token, pid, pidfd).map_err(|refused| match refused {
            MainRefused::Over => "the process that was started has ended",
            MainRefused::Taken => "it is the process of another unit",
        })?;
        if let Some(server) = &mut self.server {
            // The janitor shall know of it, in case we die. What is to be forgotten goes first: it
            // has the same name.
            if started {
                server.server.forget(main_token(token).0);
            } else {
                let _later_or_lost = server.server.flush();
                let _later_or_lost = server.server.adopt(main_token(token).0, &second);
            }
        }
        if !started {
            self.watch_main(token, &second, pid);
        }
        if let Some(voice) = self.notify.as_mut().and_then(|it| it.voices.get_mut(&token)) {
            voice.session = session.filter(|_| !started);
            if started {
                voice.watched_by(None);
            }
        }
        Ok(())
    }

    /// Whether a process belongs to this incarnation, or at least to nobody else: one that made a
    /// session of its own and whose parents have ended came to us, its subreaper, and nothing tells
    /// whose it was. Only a unit whose own it is knows its number so early.
    fn is_of(&self, token: Token, pid: Pid, pidfd: &PidFd) -> bool {
        let register = &self.spawner.register;
        let started = register.handle(token).map(|(_, started)| started);
        if started.is_some_and(|started| belongs_to(pid, started)) {
            return true;
        }
        match leader_among(pid, |number| register.led_by(number).is_some()) {
            Some(leader) => register.led_by(leader) == Some(token),
            None => !self.is_fork_server(pid) && is_child(pidfd),
        }
    }

    fn is_fork_server(&self, pid: Pid) -> bool {
        self.server.as_ref().is_some_and(|server| server.server.pid() == pid)
    }

    /// A main process has ended, and we may not be the one who is told how.
    pub(super) fn main_ended(&mut self, token: Token, pid: Pid) {
        // If its wait status is ours, it is here by now.
        self.reap();
        self.main_gone(token, pid);
    }

    /// One of these has ended: if a main process went before it, and its wait status went to it, then
    /// it decides.
    pub(super) fn main_went_before(&mut self, changes: &[Change]) {
        for change in changes {
            let register = &self.spawner.register;
            let Some(token) = register.token_of(change.pid) else { continue };
            let Some((pidfd, main)) = register.main(token) else { continue };
            let is_among_them = changes.iter().any(|change| change.pid == main);
            if !is_among_them && has_ended(pidfd) && !is_child(pidfd) {
                self.main_gone(token, main);
            }
        }
    }

    fn main_gone(&mut self, token: Token, pid: Pid) {
        let id = self.instance_of(token);
        let (main_pid, event) = match self.spawner.register.main_gone(token, pid) {
            Gone::Nothing => return,
            Gone::LeaderDecides => (self.spawner.register.handle(token).map(|it| it.1), None),
            Gone::Ended(event) => (None, Some(event)),
        };
        if let Some(id) = id {
            let main_pid = main_pid.map(|pid| pid.get().into());
            let (unit, instance) = (self.unit(id), id.slot);
            MainProcessLost { unit: &unit, instance, pid: pid.get(), main_pid }.emit();
        }
        if let Some(event) = event {
            self.tell(event);
        }
    }

    /// Has the end of a main process told to the loop.
    pub(super) fn watch_main(&mut self, token: Token, pidfd: &PidFd, pid: Pid) {
        // To the runtime everything that can become readable is a pipe; nothing is read from it.
        let watch = pidfd
            .as_fd()
            .try_clone_to_owned()
            .and_then(tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked);
        // Without a descriptor for it, its end is seen when it is reaped.
        let Ok(watch) = watch else { return };
        // Not a whole one: the channel shall end with those who listen to children.
        let heard = self.heard.0.downgrade();
        let task = tokio::spawn(async move {
            drop(watch.readable().await);
            if let Some(heard) = heard.upgrade() {
                let _ended = heard.send(Heard { token, word: Word::MainEnded(pid) }).await;
            }
        });
        let logs = self.logs;
        if let Some(notify) = &mut self.notify {
            let voice = notify.voices.entry(token).or_insert_with(|| Voice::new(logs.share()));
            voice.watched_by(Some(task.abort_handle()));
        }
    }

    /// Kills what its main process had around it, where that led no group: programs that fork twice
    /// leave a session whose leader is gone. Answers who that was.
    pub(super) fn kill_main_session(&self, token: Token) -> Vec<Member> {
        let voice = self.notify.as_ref().and_then(|notify| notify.voices.get(&token));
        let Some(session) = voice.and_then(|voice| voice.session) else { return Vec::new() };
        // One of them keeps the number of the session from being given out again. If none of those
        // we are sure of is left, the number may be a stranger's.
        let register = &self.spawner.register;
        let ours = |pid: Pid| {
            register.token_of(pid) == Some(token)
                || PidFd::open(pid).is_ok_and(|pidfd| is_child(&pidfd))
        };
        let members = session_members(session);
        if register.knows(session) || !members.iter().any(|member| ours(member.pid)) {
            return Vec::new();
        }
        let in_session = |pid: Pid| {
            let raw = rustix::process::Pid::from_raw(pid.get());
            raw.is_some() && getsid(raw).is_ok_and(|it| it.as_raw_nonzero().get() == session.get())
        };
        let kill = |member: &Member| {
            PidFd::open(member.pid)
                .is_ok_and(|pidfd| in_session(member.pid) && pidfd.signal(Signal::KILL).is_ok())
        };
        members.into_iter().filter(kill).collect()
    }
}

/// Whether the process has ended, reaped or not.
fn has_ended(pidfd: &PidFd) -> bool {
    let mut look = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut look, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Whether it is a child of this process, dead or alive. Nothing is taken from it.
fn is_child(pidfd: &PidFd) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::PidFd(pidfd.as_fd()), look).is_ok()
}

/// The session of a process that leads neither it nor a group.
fn session_without_leader(pid: Pid) -> Option<Pid> {
    let raw = rustix::process::Pid::from_raw(pid.get())?;
    let group = getpgid(Some(raw)).ok()?;
    let session = getsid(Some(raw)).ok()?;
    if group == raw { None } else { Pid::new(session.as_raw_nonzero().get()) }
}
