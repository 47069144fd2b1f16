//! Starts: from the core's wish to a child, by way of the fork server.
//!
//! ```text
//!   want ─▶ queue ─▶ window of spawns under way ─▶ fork server ─▶ Forked, Execed | Failed
//!                                                      │
//!                              lost: what was under way is tried again, a new one is made
//! ```
//!
//! Several spawns are under way at once, because a child execs on another core while the next is
//! forked; not all at once, because then a thousand starts would stand before the next restart.

mod lost;

use crate::child::{Ends, Manner, Who};
use crate::clock::Clock;
use crate::convert;
use crate::environment::Template;
use crate::events::LegacyClone;
use crate::probes::{Errand, is_probe};
use crate::register::Register;
use bytes::Bytes;
use hearken_core::budget::Budget;
use hearken_core::evidence::SpawnFailure;
use hearken_core::identity::{InstanceId, Token};
use hearken_core::moment::Moment;
use hearken_core::supervision::Event;
use hearken_proto::Mode;
use hearken_sys::{
    ChildEnds, ForkServer, Lost, PidFd, Prepared, Reply, SendError, Signal, Spawn, line_pair,
    output_pipe, payload_file,
};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How many spawns may be under way at once.
const WINDOW: usize = 16;
/// How many probes may be under way at once, beside the starts: so few that a start never waits
/// for more than a moment, and enough for thousands of probes a second.
const PROBES: usize = 4;
/// How long the fork server may take to fork before it counts as hung.
const FORK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a forked child may take to its exec and still count as under way.
const EXEC_TAKES: Duration = Duration::from_secs(1);

/// What a spawn under way is told as when the fork server is lost: try again.
pub(crate) const SERVER_LOST: SpawnFailure =
    SpawnFailure { stage: "fork_server", errno: 0, permanent: false };

/// What a start is told as that was given up for a shutdown.
pub(crate) const CANCELLED: SpawnFailure =
    SpawnFailure { stage: "cancelled", errno: 0, permanent: false };

/// What a probe is told as that nothing can run: there is no fork server, nor one in sight.
pub(crate) const NO_SERVER: SpawnFailure =
    SpawnFailure { stage: "no_fork_server", errno: 0, permanent: false };

/// What a probe is told as whose turn did not come in time.
pub(crate) const NO_TURN: SpawnFailure =
    SpawnFailure { stage: "no_turn", errno: 0, permanent: false };

/// How the children of one unit are made.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// What they start with.
    pub(crate) template: Template,
    /// What they speak on their line; `None`: they have none.
    pub(crate) mode: Option<Mode>,
    /// The unit's name.
    pub(crate) unit: Arc<str>,
    /// What to listen for.
    pub(crate) manner: Manner,
    /// The number of their readiness descriptor, if they have one.
    pub(crate) newline: Option<i32>,
    /// Whether they are told of the notify socket, and listened to on it.
    pub(crate) notifies: bool,
    /// Whether a stop signal goes to the whole group: a shell is not the program it runs.
    pub(crate) signal_group: bool,
}

/// What a process is made of that is there for one task.
#[derive(Debug)]
pub(crate) struct Equipment {
    /// Its command and environment.
    pub(crate) spawn: Spawn,
    /// Its standard input.
    pub(crate) stdin: Option<Bytes>,
}

/// One start the core wants, or the process of a probe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// For whom.
    pub(crate) id: InstanceId,
    /// Under which name.
    pub(crate) token: Token,
    /// The how-manieth process of the instance.
    pub(crate) incarnation: u32,
    /// What for, if it is a probe of this process, and not the process itself.
    pub(crate) probe: Option<Errand>,
}

/// A child whose program runs: its ends want to be listened to. (Not before: what it says then
/// comes after the news that it was started.)
#[derive(Debug)]
pub(crate) struct Launched {
    /// Which spawn.
    pub(crate) token: Token,
    /// Of which instance.
    pub(crate) id: InstanceId,
    /// Whose, by name.
    pub(crate) who: Who,
    /// Our ends of what connects us.
    pub(crate) ends: Ends,
}

/// What came of a step: events for the core, and children to listen to.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// For the core, in this order.
    pub(crate) events: Vec<Event>,
    /// For the tasks.
    pub(crate) launched: Vec<Launched>,
}

/// Starts children and knows which process is whose.
#[derive(Debug)]
pub(crate) struct Spawner {
    prepared: Prepared,
    clock: Clock,
    recipes: Vec<Recipe>,
    queue: VecDeque<Job>,
    /// Probes have a queue and a window of their own: neither waits for the other.
    probes: VecDeque<Job>,
    /// What processes are made of that differ from one to the next.
    equipment: HashMap<Token, Equipment>,
    /// Our ends of the spawns under way.
    launching: HashMap<Token, Launched>,
    /// What was sent and not yet forked, oldest first.
    sent: VecDeque<(Token, Moment, Job)>,
    /// What was forked a short while ago and has not come to its program, oldest first.
    forked: VecDeque<(Token, Moment)>,
    /// Processes by token.
    pub(crate) register: Register<PidFd>,
    replacements: Budget,
    retry_at: Option<Moment>,
    /// Why the fork server is about to be dead, when that is known before its wait status is.
    failed: Option<String>,
}

impl Spawner {
    /// A spawner of these recipes, by unit.
    #[must_use]
    pub(crate) fn new(prepared: Prepared, clock: Clock, recipes: Vec<Recipe>) -> Self {
        Self {
            prepared,
            clock,
            recipes,
            queue: VecDeque::new(),
            probes: VecDeque::new(),
            equipment: HashMap::new(),
            launching: HashMap::new(),
            sent: VecDeque::new(),
            forked: VecDeque::new(),
            register: Register::default(),
            replacements: Budget::default(),
            retry_at: None,
            failed: None,
        }
    }

    /// How the children of every unit are made.
    #[must_use]
    pub(crate) fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// How the children of this unit are made.
    #[must_use]
    pub(crate) fn recipe(&self, id: InstanceId) -> Option<&Recipe> {
        self.recipes.get(id.unit.0 as usize)
    }

    /// Whose this spawn is, while it is under way.
    #[must_use]
    pub(crate) fn launching(&self, token: Token) -> Option<InstanceId> {
        self.launching.get(&token).map(|launched| launched.id)
    }

    /// Says what the process of this start is made of, until it is [unequipped](Self::unequip): the
    /// start may have to be tried again.
    pub(crate) fn equip(&mut self, token: Token, equipment: Equipment) {
        self.equipment.insert(token, equipment);
    }

    /// Its process has ended.
    pub(crate) fn unequip(&mut self, token: Token) {
        self.equipment.remove(&token);
    }

    /// Takes in a wish. [`Spawner::pump`] sends it.
    pub(crate) fn want(&mut self, job: Job) {
        self.queue_of(job.token).push_back(job);
    }

    fn queue_of(&mut self, token: Token) -> &mut VecDeque<Job> {
        if is_probe(token) { &mut self.probes } else { &mut self.queue }
    }

    /// Sends what the windows have room for: starts first.
    pub(crate) fn pump(&mut self, server: &mut ForkServer) -> Vec<Event> {
        let mut failed: Vec<_> = self.out_of_patience().collect();
        while let Some(job) = self.next() {
            match self.send(server, job) {
                Ok(true) => {}
                Ok(false) => {
                    self.queue_of(job.token).push_front(job);
                    break;
                }
                Err(failure) => failed.push(Event::SpawnFailed(job.token, failure)),
            }
        }
        failed
    }

    /// Gives up the probes that have waited too long for their turn; the first in the queue has
    /// waited longest.
    fn out_of_patience(&mut self) -> impl Iterator<Item = Event> {
        let now = self.clock.now();
        let waited = |job: &&Job| job.probe.is_some_and(|errand| errand.wait_until <= now);
        let many = self.probes.iter().take_while(waited).count();
        self.probes.drain(..many).map(|job| Event::SpawnFailed(job.token, NO_TURN))
    }

    /// Takes what is to be sent next out of its queue.
    fn next(&mut self) -> Option<Job> {
        if !self.queue.is_empty() && self.under_way(false) < WINDOW {
            return self.queue.pop_front();
        }
        if !self.probes.is_empty() && self.under_way(true) < PROBES {
            return self.probes.pop_front();
        }
        None
    }

    /// How many spawns under way stand in the way of the next of their sort. One that hangs before
    /// its exec, in a directory on a dead server, say, does so only for a while.
    fn under_way(&mut self, probes: bool) -> usize {
        let now = self.clock.now();
        while self.forked.front().is_some_and(|(_, at)| *at + EXEC_TAKES <= now) {
            self.forked.pop_front();
        }
        let sent = self.sent.iter().map(|(token, ..)| token);
        let forked = self.forked.iter().map(|(token, _)| token);
        sent.chain(forked).filter(|token| is_probe(**token) == probes).count()
    }

    /// Gives up what was not sent yet: the supervisor shuts down, and what is not started need not
    /// be stopped, nor waited for where there is no fork server.
    pub(crate) fn cancel(&mut self) -> Vec<Event> {
        let jobs = self.queue.drain(..).chain(self.probes.drain(..));
        jobs.map(|job| Event::SpawnFailed(job.token, CANCELLED)).collect()
    }

    /// Gives up the probes that were not sent yet: there is no fork server. Starts wait for the
    /// next one; but nobody can be blamed for a probe that could not be run.
    pub(crate) fn cancel_probes(&mut self) -> Vec<Event> {
        self.probes.drain(..).map(|job| Event::SpawnFailed(job.token, NO_SERVER)).collect()
    }

    /// Gives up a start that was not sent yet. Answers whether there was one.
    pub(crate) fn withdraw(&mut self, token: Token) -> Option<Event> {
        let queue = self.queue_of(token);
        let at = queue.iter().position(|job| job.token == token)?;
        queue.remove(at).map(|job| Event::SpawnFailed(job.token, CANCELLED))
    }

    /// Answers whether it was sent; if not, it is not the time for it.
    fn send(&mut self, server: &mut ForkServer, job: Job) -> Result<bool, SpawnFailure> {
        let no_recipe = SpawnFailure { stage: "plan", errno: 0, permanent: true };
        let recipe = self.recipe(job.id).ok_or(no_recipe)?;
        let (mode, newline) = match job.probe {
            None => (recipe.mode, recipe.newline),
            Some(_) => (None, None),
        };
        let (ours, mut theirs) =
            connect(mode, newline).map_err(|error| out_of_descriptors(&error))?;
        let made;
        let spawn = match (self.equipment.get(&job.token), job.probe) {
            (Some(equipment), _) => {
                let stdin = equipment.stdin.as_deref().map(payload_file).transpose();
                theirs.stdin = stdin.map_err(|error| out_of_descriptors(&error))?;
                &equipment.spawn
            }
            (None, None) => {
                made = recipe.template.spawn(job.id.slot, job.incarnation);
                &made
            }
            (None, Some(errand)) => {
                made = recipe.template.probe(job.id.slot, job.incarnation, errand);
                &made
            }
        };
        let who = Who {
            unit: Arc::clone(&recipe.unit),
            instance: job.id.slot,
            incarnation: job.incarnation,
        };
        match server.spawn(job.token.0, spawn, theirs) {
            Ok(()) => {
                self.register.asked(job.token);
                self.sent.push_back((job.token, self.clock.now(), job));
                let launched = Launched { token: job.token, id: job.id, who, ends: ours };
                self.launching.insert(job.token, launched);
                Ok(true)
            }
            // The read side tells that it is lost, and what was sent is tried again then.
            Err(SendError::WouldBlock(_) | SendError::Lost(_)) => Ok(false),
            Err(
                SendError::TooLarge { .. }
                | SendError::NoCommand
                | SendError::ReadinessNumber { .. },
            ) => Err(SpawnFailure {
                stage: "request",
                errno: rustix::io::Errno::TOOBIG.raw_os_error(),
                permanent: true,
            }),
        }
    }

    /// Takes in all the fork server has to say.
    ///
    /// # Errors
    /// That it is lost; what it said before was taken in, and `step` holds what came of it.
    pub(crate) fn receive(&mut self, server: &mut ForkServer, step: &mut Step) -> Result<(), Lost> {
        while let Some(reply) = server.receive()? {
            match reply {
                Reply::Forked { token, pid, pidfd } => {
                    let token = Token(token);
                    self.sent.retain(|(sent, ..)| *sent != token);
                    self.forked.push_back((token, self.clock.now()));
                    if self.register.is_unwanted(token) {
                        kill_tree(&pidfd);
                    }
                    self.register.forked(token, pid, pidfd);
                }
                Reply::Execed { token } => {
                    let token = Token(token);
                    self.forked.retain(|(forked, _)| *forked != token);
                    step.launched.extend(self.launching.remove(&token));
                    step.events.extend(self.register.execed(token));
                }
                Reply::Failed { token, stage, errno } => {
                    let token = Token(token);
                    self.sent.retain(|(sent, ..)| *sent != token);
                    self.forked.retain(|(forked, _)| *forked != token);
                    server.forget(token.0);
                    self.launching.remove(&token);
                    step.events
                        .extend(self.register.failed(token, convert::spawn_failure(stage, errno)));
                }
                Reply::LegacyClone { errno } => LegacyClone { error: &errno.to_string() }.emit(),
            }
        }
        Ok(())
    }

    /// When the fork server counts as hung, unless it says something; or when the next try to
    /// replace a lost one is.
    #[must_use]
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let hung = self
            .sent
            .front()
            .filter(|_| self.failed.is_none())
            .map(|(_, at, _)| *at + FORK_TIMEOUT);
        let waits = !self.queue.is_empty() || !self.probes.is_empty();
        let room = self.forked.front().filter(|_| waits).map(|(_, at)| *at + EXEC_TAKES);
        let turn = self.probes.front().and_then(|job| Some(job.probe?.wait_until));
        self.retry_at.into_iter().chain(hung).chain(room).chain(turn).min()
    }
}

/// The name by which the fork server knows the main process of a child: it can be another one than
/// that which was started, and its group is the janitor's concern too. The core counts from 1, and
/// probes have the bit above.
#[must_use]
pub(crate) fn main_token(token: Token) -> Token {
    Token(token.0 | 1 << 62)
}

/// Kills a process and everything in its group, whether or not it has made the group yet.
pub(crate) fn kill_tree(pidfd: &PidFd) {
    // Gone is what we want; a refusal shows when it does not go, and is told then.
    let _gone_or_refused = pidfd.signal_group(Signal::KILL);
    let _gone_or_refused = pidfd.signal(Signal::KILL);
}

fn connect(mode: Option<Mode>, newline: Option<i32>) -> io::Result<(Ends, ChildEnds)> {
    let (our_line, their_line) = match mode {
        Some(mode) => {
            let (ours, theirs) = line_pair()?;
            (Some((ours, mode)), Some(theirs))
        }
        None => (None, None),
    };
    let (our_out, their_out) = output_pipe()?;
    let (our_err, their_err) = output_pipe()?;
    let (newline, readiness) = match newline {
        Some(number) => {
            let (ours, theirs) = output_pipe()?;
            (Some(ours), Some((number, theirs)))
        }
        None => (None, None),
    };
    let ours = Ends { line: our_line, stdout: our_out, stderr: our_err, newline };
    let (stdout, stderr) = (their_out, their_err);
    Ok((ours, ChildEnds { stdin: None, line: their_line, stdout, stderr, readiness }))
}

fn out_of_descriptors(error: &io::Error) -> SpawnFailure {
    SpawnFailure {
        stage: "descriptors",
        errno: error.raw_os_error().unwrap_or_default(),
        permanent: false,
    }
}
