//! A fork server that hangs or is lost: given up, mourned, replaced.

use super::{FORK_TIMEOUT, SERVER_LOST, Spawner, Step, main_token};
use crate::events::{ForkServerLost, ForkServerReplaced, ForkServerUnavailable, ms, spoken};
use crate::ghosts;
use crate::report::signal_name;
use hearken_core::budget::Limit;
use hearken_core::evidence::Ending;
use hearken_core::identity::Token;
use hearken_sys::{Flushed, ForkServer, Lost, Pid, PidFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::Duration;

/// How often a lost fork server is replaced before that waits.
const REPLACEMENTS: u32 = 5;
/// In how long.
const REPLACEMENTS_IN: Duration = Duration::from_secs(60);
/// How long a new fork server may keep the supervisor waiting for the adoption of one child.
const ADOPTION: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

impl Spawner {
    /// Kills the fork server if it owes an answer for too long. Call it only after all it said was
    /// heard.
    pub(crate) fn kill_if_hung(&mut self, server: &ForkServer) {
        let now = self.clock.now();
        if self.failed.is_none()
            && self.sent.front().is_some_and(|(_, at, _)| *at + FORK_TIMEOUT <= now)
        {
            self.failed = Some(format!("it did not answer for {}", spoken(ms(FORK_TIMEOUT))));
            server.kill();
        }
    }

    /// The fork server cannot be used any more: remembers why, and kills it. What follows waits
    /// for its exit to be reaped, because only then it is certain that it forks no more.
    pub(crate) fn give_up(&mut self, server: &ForkServer, reason: String) {
        self.failed.get_or_insert(reason);
        server.kill();
    }

    /// Whether the fork server was given up, and only its death is waited for.
    #[must_use]
    pub(crate) fn gave_up(&self) -> bool {
        self.failed.is_some()
    }

    /// The fork server is dead and reaped, and all it said was heard: kills what it forked without
    /// telling, and gives what the core has to know. Running children are not touched.
    pub(crate) fn mourn(&mut self, server: Pid, ending: Ending) -> Step {
        let reason = self.reason(ending);
        self.forked.clear();
        let names: Vec<_> = self
            .sent
            .drain(..)
            .filter_map(|(_, _, job)| {
                let template = &self.recipes.get(job.id.unit.0 as usize)?.template;
                let purpose = job.probe.map(|errand| errand.purpose);
                Some(template.names(job.id.slot, job.incarnation, purpose).collect())
            })
            .collect();
        let ghosts = ghosts::kill(&names, |pid| self.register.knows(pid));
        let spawns = self.register.unanswered() as u64;
        let events = self.register.server_lost(SERVER_LOST);
        let lives = |token: &Token| self.register.handle(*token).is_some();
        let launched =
            self.launching.drain().filter(|(token, _)| lives(token)).map(|(_, it)| it).collect();
        ForkServerLost { pid: server.get(), reason: &reason, spawns, ghosts }.emit();
        Step { events, launched }
    }

    fn reason(&mut self, ending: Ending) -> String {
        let how = match ending {
            Ending::Exited(code) => format!("it exited with code {code}"),
            Ending::Killed { signal, .. } => format!("it was killed by {}", signal_name(signal)),
        };
        match self.failed.take() {
            Some(reason) if reason != Lost::Ended.to_string() => format!("{reason}; {how}"),
            Some(_) | None => how,
        }
    }

    /// Makes a new fork server and tells it of the children that live, for its janitor. `None`:
    /// not now; [`Spawner::deadline`] says when to try again. Only from the main thread.
    pub(crate) fn replace(&mut self) -> Option<ForkServer> {
        let now = self.clock.now();
        if self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        let limit =
            Limit::new(REPLACEMENTS, REPLACEMENTS_IN).expect("two constants that make a limit");
        let made = match self.replacements.spend(limit, now) {
            Ok(()) => ForkServer::respawn(&self.prepared)
                .map_err(|error| (error.to_string(), now + FORK_TIMEOUT)),
            Err(room) => Err((format!("it was lost {REPLACEMENTS} times in a minute"), room)),
        };
        match made {
            Ok(mut server) => {
                self.retry_at = None;
                for (token, pidfd) in self.register.handles() {
                    adopt(&mut server, token, pidfd);
                }
                for (token, pidfd) in self.register.mains() {
                    adopt(&mut server, main_token(token), pidfd);
                }
                ForkServerReplaced { pid: server.pid().get() }.emit();
                Some(server)
            }
            Err((error, at)) => {
                self.retry_at = Some(at);
                ForkServerUnavailable { error: &error, retry_ms: ms(at.since(now)) }.emit();
                None
            }
        }
    }
}

/// Tells a new fork server of a child. It has nothing else to do yet, so that it falls behind only
/// for moments; these few are waited for, here on the main thread.
fn adopt(server: &mut ForkServer, token: Token, pidfd: &PidFd) {
    while let Ok(Flushed::WouldBlock) = server.adopt(token.0, pidfd) {
        let mut writable = [PollFd::new(server, PollFlags::OUT)];
        // A fork server that does not take it hangs or is lost; what it does next tells.
        match poll(&mut writable, Some(&ADOPTION)) {
            Ok(1..) | Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
