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

mod births;
mod deaths;
mod main_process;
mod notify;
mod perform;
mod pools;
mod probes;

use crate::child::{Heard, Order, Word};
use crate::clock::Clock;
use crate::events::{SignalReceived, WaitingFor};
use crate::ledger::Ledger;
use crate::logs::Queue;
use crate::notify::Notify;
use crate::probes::{Finding, Probes};
use crate::report::Teller;
use crate::spawner::Spawner;
use crate::tasks::{Came, Tasks};
use crate::watched::Watched;
use hearken_core::action::{Outcome, Report};
use hearken_core::identity::{InstanceId, Token};
use hearken_core::supervision::{Event, Supervision, WhenIdle};
use hearken_proto::ToChild;
use hearken_sys::{ForkServer, Status, hear_shutdown_signals};
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
    Notified,
    Found(Finding),
    Tasks(Came),
    Due,
    Sweep,
}

/// A signal to the supervisor itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Terminate,
    Interrupt,
    HangUp,
    /// A front end asks, as a signal would.
    Client,
}

/// What a child is reached by, while it is tended.
#[derive(Debug)]
struct Reach {
    id: InstanceId,
    incarnation: u32,
    orders: watch::Sender<Option<Order>>,
    /// To a worker of a pool: what it is told about tasks.
    tasks: Option<mpsc::UnboundedSender<ToChild>>,
    drained: bool,
}

/// What was begun before the runtime.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) supervision: Supervision,
    pub(crate) when_idle: WhenIdle,
    pub(crate) clock: Clock,
    pub(crate) spawner: Spawner,
    pub(crate) server: ForkServer,
    pub(crate) probes: Probes,
    pub(crate) tasks: Tasks,
    /// Signals to the supervisor shut it down; else a front end hears them.
    pub(crate) signals: bool,
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
    ledger: &'a mut Ledger,
    reach: HashMap<Token, Reach>,
    heard: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
    probes: Probes,
    tasks: Tasks,
    /// There is one if a unit has `ready = "notify"`.
    notify: Option<Notify>,
    /// The core shuts down.
    closing: bool,
    /// What is to be told once the starts are on their way.
    untold: Vec<Report>,
    /// Stops and wakings of processes, not told yet; some of processes that nobody has named.
    halts: Vec<(hearken_sys::Pid, Status)>,
    /// Somebody asked for the shutdown.
    asked: bool,
    foreground: bool,
    /// Signals shut it down; else a front end hears them.
    signals: bool,
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
    pub(crate) fn new(begun: Begun, logs: &'a Queue, ledger: &'a mut Ledger) -> io::Result<Self> {
        use std::io::IsTerminal;
        let Begun { supervision, when_idle, clock, spawner, server, probes, tasks, signals } =
            begun;
        Ok(Self {
            supervision,
            when_idle,
            clock,
            spawner,
            server: Some(Watched::new(server)?),
            logs,
            ledger,
            reach: HashMap::new(),
            heard: mpsc::channel(WORDS),
            probes,
            tasks,
            notify: None,
            closing: false,
            untold: Vec::new(),
            halts: Vec::new(),
            asked: false,
            foreground: io::stdin().is_terminal(),
            signals,
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
        let Self { reach, heard: (sender, mut words), tasks, .. } = self;
        drop((reach, sender));
        while words.recv().await.is_some() {}
        tasks.finish().await;
    }

    /// Listens. The timer comes last: what children said before a deadline is heard before it.
    /// A fork server that was given up is not listened to: the end of its socket stays readable for
    /// good, and nothing else would ever be heard, its death included.
    async fn next(&mut self, sources: &mut Sources) -> Happened {
        let deadline =
            [self.supervision.poll_timeout(), self.spawner.deadline(), self.tasks.deadline()];
        let deadline = deadline.into_iter().flatten().min();
        let deadline = deadline.and_then(|moment| self.clock.instant(moment));
        tokio::select! {
            biased;
            () = readable(self.server.as_ref()), if !self.spawner.gave_up() => Happened::ForkServer,
            _ = sources.deaths.recv() => Happened::Deaths,
            _ = sources.terminate.recv() => Happened::Asked(Ask::Terminate),
            _ = sources.interrupt.recv() => Happened::Asked(Ask::Interrupt),
            _ = sources.hang_up.recv() => Happened::Asked(Ask::HangUp),
            () = notified(self.notify.as_ref(), false) => Happened::Notified,
            Some(heard) = self.heard.1.recv() => Happened::Word(heard),
            Some(finding) = self.probes.found() => Happened::Found(finding),
            came = self.tasks.next() => Happened::Tasks(came),
            _ = sources.sweep.tick() => Happened::Sweep,
            () = until(deadline) => Happened::Due,
            // A child that never stops sending: whoever else has something to say comes first.
            () = notified(self.notify.as_ref(), true) => Happened::Notified,
        }
    }

    /// Hands what happened to the core.
    fn happened(&mut self, happened: Happened) {
        if let Some(notify) = &mut self.notify {
            notify.had_its_turn = matches!(happened, Happened::Notified);
        }
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
            Happened::Notified => self.notified(),
            Happened::Found(finding) => self.probe_found(finding),
            Happened::Tasks(came) => {
                for _ in 0..self.tasks.came(came) {
                    self.asked(Ask::Client);
                }
            }
            Happened::Sweep => {
                self.reap();
                self.see_to_server();
                self.flush();
                self.tasks.sweep();
                if self.closing {
                    self.say_who_is_waited_for();
                }
            }
            Happened::Due => {
                // A sign of life that lies there unread is one.
                self.hear_notify();
                let now = self.clock.now();
                self.supervision.handle_timeout(now);
                self.tasks.due();
                self.see_to_server();
            }
        }
    }

    fn tell(&mut self, event: Event) {
        let Some(event) = self.of_a_probe(event) else { return };
        self.ask_for_the_rest(&event);
        self.supervision.handle(self.clock.now(), event);
    }

    fn word(&mut self, heard: Heard) {
        let token = heard.token;
        let event = match heard.word {
            Word::Said(said) => Event::Said(token, said),
            Word::Violated(reason) => {
                if let Some(reach) = self.reach.get(&token) {
                    self.tasks.violated(reach.id.unit, token, &reason);
                }
                Event::Violated(token)
            }
            Word::LineClosed => Event::LineClosed(token),
            Word::Drained(last_words) => {
                if let Some(reach) = self.reach.get_mut(&token) {
                    reach.drained = true;
                    self.tasks.last_words(reach.id, &last_words);
                    self.ledger.last_words(reach.id, last_words);
                }
                Event::Drained(token)
            }
            Word::MainEnded(pid) => return self.main_ended(token, pid),
            Word::Task(word) => return self.task_word(token, word),
            Word::Output(portion) => return self.output(token, &portion),
            Word::OutputWhole => return self.output_whole(token),
        };
        self.tell(event);
    }

    fn asked(&mut self, ask: Ask) {
        if ask != Ask::Client && !self.signals {
            return;
        }
        let signal = match ask {
            Ask::Terminate => "SIGTERM",
            Ask::Interrupt => "SIGINT",
            Ask::HangUp => "SIGHUP",
            Ask::Client => "shut down",
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

async fn readable(server: Option<&Watched>) {
    match server {
        Some(server) => server.readable().await,
        None => std::future::pending().await,
    }
}

async fn notified(notify: Option<&Notify>, had_its_turn: bool) {
    match notify.filter(|notify| notify.had_its_turn == had_its_turn) {
        Some(notify) => notify.readable().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
