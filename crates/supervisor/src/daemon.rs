//! The running supervisor: one loop that listens, decides and acts.
//!
//! ```text
//!   fork server, SIGCHLD, signals, children, timer ─▶ Heard ─▶ Supervision (the core) ─▶ actions ─▶ perform
//! ```
//!
//! `select!` only names what happened; the core decides; `perform` acts. All state is owned by
//! this loop; the tasks of the children only send words.
//!
//! Architecture invariant: nothing in here waits for a child, a disk or a terminal.

use crate::child::{self, Heard, Order, Tended, Word};
use crate::clock::Clock;
use crate::convert;
use crate::events::{
    LeftoversKilled, OrphanReaped, OutputsHeld, OutputsUnheard, Resumed, SignalReceived,
    SignalRefused, Suspended, WaitFailed, WaitingFor,
};
use crate::logs::Queue;
use crate::register::Reaped;
use crate::report::Teller;
use crate::spawner::{Job, Launched, Spawner, Step, kill_tree};
use crate::watched::Watched;
use hearken_core::action::{Action, Outcome, Report};
use hearken_core::identity::{InstanceId, Token};
use hearken_core::supervision::{Event, Supervision, WhenIdle};
use hearken_sys::{
    ForkServer, Member, Signal, Status, hear_shutdown_signals, next_change, session_members,
};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

/// How often the supervisor looks for deaths it was not told of: SIGCHLD is one bit, and one bit
/// can be lost. The only thing that wakes an idle supervisor.
const SWEEP: Duration = Duration::from_secs(5);
/// How many words of children may wait for the loop.
const WORDS: usize = 1024;

/// What happened.
#[derive(Debug)]
enum Happened {
    ForkServer,
    Deaths,
    Asked(Ask),
    Word(Heard),
    Due,
    Sweep,
}

/// A signal to the supervisor itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Terminate,
    Interrupt,
    HangUp,
}

/// What a child is reached by, while it is tended.
#[derive(Debug)]
struct Reach {
    id: InstanceId,
    orders: watch::Sender<Option<Order>>,
    drained: bool,
}

/// Everything the running supervisor consists of.
#[derive(Debug)]
pub(crate) struct Daemon<'a> {
    supervision: Supervision,
    when_idle: WhenIdle,
    clock: Clock,
    spawner: Spawner,
    server: Option<Watched>,
    logs: &'a Queue,
    reach: HashMap<Token, Reach>,
    heard: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
    /// The core shuts down.
    closing: bool,
    /// What is to be told once the starts are on their way.
    untold: Vec<Report>,
    /// Stops and wakings of processes that nobody has named yet.
    nameless: Vec<(hearken_sys::Pid, Status)>,
    /// Somebody asked for the shutdown.
    asked: bool,
    foreground: bool,
    left: Option<Outcome>,
}

/// What the supervisor listens to from outside.
#[derive(Debug)]
struct Sources {
    deaths: Signals,
    terminate: Signals,
    interrupt: Signals,
    hang_up: Signals,
    sweep: Interval,
}

impl Sources {
    fn open() -> io::Result<Self> {
        let mut sweep = tokio::time::interval_at(tokio::time::Instant::now() + SWEEP, SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            deaths: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            sweep,
        })
    }
}

impl<'a> Daemon<'a> {
    /// Takes over what was begun before the runtime. Must be called inside it.
    ///
    /// # Errors
    /// If the runtime cannot watch the control socket.
    pub(crate) fn new(
        supervision: Supervision,
        when_idle: WhenIdle,
        clock: Clock,
        spawner: Spawner,
        server: ForkServer,
        logs: &'a Queue,
    ) -> io::Result<Self> {
        use std::io::IsTerminal;
        Ok(Self {
            supervision,
            when_idle,
            clock,
            spawner,
            server: Some(Watched::new(server)?),
            logs,
            reach: HashMap::new(),
            heard: mpsc::channel(WORDS),
            closing: false,
            untold: Vec::new(),
            nameless: Vec::new(),
            asked: false,
            foreground: io::stdin().is_terminal(),
            left: None,
        })
    }

    /// Runs until the core says to leave. `failed` are the starts that failed before the runtime.
    ///
    /// # Errors
    /// If the kernel refuses what the loop needs to listen at all.
    pub(crate) async fn run(mut self, failed: Vec<Event>) -> io::Result<(Outcome, Option<String>)> {
        let mut sources = Sources::open()?;
        hear_shutdown_signals().map_err(|errno| io::Error::from_raw_os_error(errno.get()))?;
        for event in failed {
            self.tell(event);
        }
        // Deaths before the handler was installed rang no bell.
        self.reap();
        loop {
            self.act();
            if let Some(outcome) = self.left {
                self.flush();
                let why = self.teller().outcome(outcome);
                self.hear_last_words().await;
                return Ok((outcome, why));
            }
            let happened = self.next(&mut sources).await;
            self.happened(happened);
        }
    }

    /// The tasks that still listen take in what is there now: they would end unheard with the
    /// runtime. Each holds a sender, so the channel ends with the last of them.
    async fn hear_last_words(self) {
        let Self { reach, heard: (sender, mut words), .. } = self;
        drop((reach, sender));
        while words.recv().await.is_some() {}
    }

    /// Listens. The timer comes last: what children said before a deadline is heard before it.
    /// A fork server that was given up is not listened to: the end of its socket stays readable for
    /// good, and nothing else would ever be heard, its death included.
    async fn next(&mut self, sources: &mut Sources) -> Happened {
        let deadline =
            [self.supervision.poll_timeout(), self.spawner.deadline()].into_iter().flatten().min();
        let deadline = deadline.and_then(|moment| self.clock.instant(moment));
        tokio::select! {
            biased;
            () = readable(self.server.as_ref()), if !self.spawner.gave_up() => Happened::ForkServer,
            _ = sources.deaths.recv() => Happened::Deaths,
            _ = sources.terminate.recv() => Happened::Asked(Ask::Terminate),
            _ = sources.interrupt.recv() => Happened::Asked(Ask::Interrupt),
            _ = sources.hang_up.recv() => Happened::Asked(Ask::HangUp),
            Some(heard) = self.heard.1.recv() => Happened::Word(heard),
            _ = sources.sweep.tick() => Happened::Sweep,
            () = until(deadline) => Happened::Due,
        }
    }

    /// Hands what happened to the core.
    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::ForkServer => self.hear_server(),
            Happened::Deaths => self.reap(),
            Happened::Asked(ask) => self.asked(ask),
            Happened::Word(heard) => {
                self.word(heard);
                // Whatever else has come meanwhile, so that a burst costs one round.
                while let Ok(heard) = self.heard.1.try_recv() {
                    self.word(heard);
                }
            }
            Happened::Sweep => {
                self.reap();
                self.see_to_server();
                self.flush();
                if self.closing {
                    self.say_who_is_waited_for();
                }
            }
            Happened::Due => {
                let now = self.clock.now();
                self.supervision.handle_timeout(now);
                self.see_to_server();
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.supervision.handle(self.clock.now(), event);
    }

    /// Takes in what came of a step of the spawner.
    fn take(&mut self, step: Step) {
        for launched in step.launched {
            self.listen(launched);
        }
        for event in step.events {
            self.tell(event);
        }
        for (pid, status) in std::mem::take(&mut self.nameless) {
            self.suspended(pid, status);
        }
        for pid in self.spawner.register.orphans() {
            OrphanReaped { pid: pid.get() }.emit();
        }
    }

    fn listen(&mut self, launched: Launched) {
        let Launched { token, id, who, ends } = launched;
        let (orders, inbox) = watch::channel(None);
        self.reach.insert(token, Reach { id, orders, drained: false });
        match Tended::new(token, who, ends, self.logs.share(), self.heard.0.clone()) {
            Ok(tended) => drop(tokio::spawn(child::tend(tended, inbox))),
            // Nothing of it can be heard; it is judged by its exit alone.
            Err(error) => {
                let unit = self.unit(id);
                OutputsUnheard { unit: &unit, instance: id.slot, error: &error.to_string() }.emit();
                self.word(Heard { token, word: Word::Drained });
            }
        }
    }

    fn hear_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        let mut step = Step::default();
        let spawner = &mut self.spawner;
        let heard = server.take(|server| spawner.receive(server, &mut step));
        self.take(step);
        if let (Err(lost), Some(server)) = (heard, &self.server) {
            self.spawner.give_up(&server.server, lost.to_string());
        }
    }

    /// One reaper for the whole process: whoever else waited for children would steal exits.
    fn reap(&mut self) {
        // Replies first: most exits then find their names.
        self.hear_server();
        loop {
            match next_change() {
                Ok(Some(change)) => match convert::ending(change.what) {
                    Some(ending) => self.reaped(change.pid, ending),
                    None => self.suspended(change.pid, change.what),
                },
                Ok(None) => break,
                Err(error) => {
                    WaitFailed { error: &error.to_string() }.emit();
                    break;
                }
            }
        }
        for pid in self.spawner.register.orphans() {
            OrphanReaped { pid: pid.get() }.emit();
        }
    }

    fn reaped(&mut self, pid: hearken_sys::Pid, ending: hearken_core::evidence::Ending) {
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

    fn suspended(&mut self, pid: hearken_sys::Pid, status: Status) {
        let register = &self.spawner.register;
        let Some(reach) = register.token_of(pid).and_then(|token| self.reach.get(&token)) else {
            // Like an exit, it may be seen before it is known whose it is.
            if register.knows(pid) || register.unanswered() > 0 {
                self.nameless.push((pid, status));
            }
            return;
        };
        let (unit, instance) = (self.unit(reach.id), reach.id.slot);
        match status {
            Status::Stopped { signal } => {
                Suspended { unit: &unit, instance, signal: &signal.to_string() }.emit();
            }
            Status::Continued => Resumed { unit: &unit, instance }.emit(),
            Status::Exited { .. } | Status::Killed { .. } => {}
        }
    }

    /// Kills a fork server that hangs, and makes a new one where there is none.
    fn see_to_server(&mut self) {
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

    fn word(&mut self, heard: Heard) {
        let token = heard.token;
        let event = match heard.word {
            Word::Said(said) => Event::Said(token, said),
            Word::Violated => Event::Violated(token),
            Word::LineClosed => Event::LineClosed(token),
            Word::Drained => {
                if let Some(reach) = self.reach.get_mut(&token) {
                    reach.drained = true;
                }
                Event::Drained(token)
            }
        };
        self.tell(event);
    }

    fn asked(&mut self, ask: Ask) {
        let signal = match ask {
            Ask::Terminate => "SIGTERM",
            Ask::Interrupt => "SIGINT",
            Ask::HangUp => "SIGHUP",
        };
        if ask == Ask::HangUp && !self.foreground {
            let meaning =
                "ignored: this version does not reload; restart hearken to read the config again";
            return SignalReceived { signal, meaning }.emit();
        }
        if self.asked {
            SignalReceived { signal, meaning: "again: everything is killed now" }.emit();
            self.tell(Event::ShutdownNow);
        } else {
            self.asked = true;
            SignalReceived { signal, meaning: "orderly shutdown; a second one kills at once" }
                .emit();
            self.tell(Event::Shutdown);
        }
    }

    /// Does what the core wants, and only then tells of it: a line of the log wakes the writer,
    /// which would stand between an end and the next start.
    fn act(&mut self) {
        self.act_in_silence();
        self.tell_all();
    }

    fn tell_all(&mut self) {
        let mut untold = std::mem::take(&mut self.untold);
        for report in untold.drain(..) {
            self.teller().tell(&report);
        }
        self.untold = untold;
    }

    /// Does what the core wants, then sends what starts the window has room for, until neither
    /// brings anything new.
    fn act_in_silence(&mut self) {
        loop {
            while let Some(action) = self.supervision.poll_action() {
                self.perform(action);
            }
            let failed = match &mut self.server {
                _ if self.closing => self.spawner.cancel(),
                Some(server) => self.spawner.pump(&mut server.server),
                None => return,
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
                self.spawner.want(Job { id, token, incarnation })
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
                } else if self.spawner.register.kill_when_known(token)
                    && let Some((pidfd, _)) = self.spawner.register.handle(token)
                {
                    kill_tree(pidfd);
                }
            }
            Action::Release { token } => self.release(token),
            Action::Report(report) => {
                self.closing |= matches!(report, Report::ShuttingDown { .. });
                self.untold.push(report);
            }
            Action::Leave(outcome) => self.left = Some(outcome),
        }
    }

    fn signal(&self, token: Token, number: i32) {
        let Some((pidfd, _)) = self.spawner.register.handle(token) else { return };
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
    fn release(&mut self, token: Token) {
        let Some(reach) = self.reach.remove(&token) else { return };
        if let Some((pidfd, pid)) = self.spawner.register.handle(token)
            && self.spawner.register.has_ended(token)
        {
            // Asking costs one call; looking for them costs a walk over all processes.
            if pidfd.group_alive() {
                let members = session_members(pid);
                kill_tree(pidfd);
                if !members.is_empty() {
                    self.tell_all();
                    let (unit, instance) = (self.unit(reach.id), reach.id.slot);
                    LeftoversKilled { unit: &unit, instance, processes: &names(&members) }.emit();
                }
            } else if !reach.drained {
                self.tell_all();
                let (unit, instance) = (self.unit(reach.id), reach.id.slot);
                OutputsHeld { unit: &unit, instance, processes: "a process that left its group" }
                    .emit();
            }
        }
        if let Some(server) = &mut self.server {
            server.server.forget(token.0);
        }
        self.spawner.register.released(token);
    }

    fn flush(&mut self) {
        if let Some(server) = &mut self.server {
            // Lost is told by the read side; what is not sent now is sent with the next.
            let _later = server.server.flush();
        }
    }

    fn say_who_is_waited_for(&self) {
        let mut who: Vec<_> = self
            .reach
            .values()
            .map(|reach| format!("{}#{}", self.unit(reach.id), reach.id.slot))
            .collect();
        if !who.is_empty() {
            who.sort_unstable();
            WaitingFor { who: &who.join(", ") }.emit();
        }
    }

    fn unit(&self, id: InstanceId) -> Arc<str> {
        self.spawner.recipe(id).map_or_else(|| "?".into(), |recipe| Arc::clone(&recipe.unit))
    }

    fn teller(&self) -> Teller<'_> {
        Teller {
            recipes: self.spawner.recipes(),
            supervision: &self.supervision,
            when_idle: self.when_idle,
        }
    }
}

fn names(members: &[Member]) -> String {
    let names: Vec<_> =
        members.iter().map(|one| format!("{} ({})", one.pid, one.command)).collect();
    names.join(", ")
}

async fn readable(server: Option<&Watched>) {
    match server {
        Some(server) => server.readable().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
