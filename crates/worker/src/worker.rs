//! The program's handle on the line.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hearken_proto::{
    Drain, Draining, Exiting, FromChild, Hello, Intent, Level, Metric, PROTOCOL, Progress,
    ProtocolRange, Ready, ShortText, Status, Welcome,
};
use serde::Serialize;

use crate::descriptor;
use crate::ear::Ear;
use crate::error::{ConnectError, LineError};
use crate::failure::WorkerError;
use crate::heard::HeardSoFar;
use crate::listener::Listener;
use crate::speech::Speech;
use crate::voice::Voice;

/// A program that can be listened to. Cheap to clone, usable from every thread.
///
/// All that it says returns once the kernel has taken it. After [`LineError::Closed`] nothing can be said any more.
#[derive(Debug, Clone)]
pub struct Worker {
    heard: Arc<HeardSoFar>,
    speech: Speech,
}

impl Worker {
    /// Takes the line over that `HEARKEN_FD` names and says `hello` on it; once in a process.
    ///
    /// Without `HEARKEN_FD` the program runs on its own: [`is_supervised`](Self::is_supervised) is false, and what it
    /// says is printed to standard error.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the variable is set but wrong.
    pub fn connect() -> Result<Worker, ConnectError> {
        match descriptor::from_environment()? {
            Some(line) => Worker::over(line),
            None => Ok(Worker::alone()),
        }
    }

    /// Speaks over a line of one's own: for tests, and for programs that were handed the socket another way.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Line`] if it does not take the first word.
    pub fn over(line: UnixStream) -> Result<Worker, ConnectError> {
        let (worker, _) = Worker::open(line, None, HeardSoFar::default())?;
        Ok(worker)
    }

    /// A worker that nobody listens to.
    pub(crate) fn alone() -> Worker {
        Worker { heard: Arc::default(), speech: Speech::Console }
    }

    /// Says hello and begins to listen.
    pub(crate) fn open(
        line: UnixStream,
        task_types: Option<Vec<String>>,
        heard: HeardSoFar,
    ) -> Result<(Worker, Arc<Voice>), LineError> {
        let ear = Ear::new(line.try_clone()?);
        let hang_up = line.try_clone()?;
        let heard = Arc::new(heard);
        let voice = Arc::new(Voice::new(line, Arc::clone(&heard)));
        voice.say(&FromChild::Hello(hello(task_types)))?;
        let listener = Listener::new(Arc::clone(&voice), Arc::clone(&heard));
        thread::Builder::new().name("hearken-listener".to_owned()).spawn(|| listener.run(ear))?;
        let speech = Speech::over(Arc::clone(&voice), hang_up);
        Ok((Worker { heard, speech }, voice))
    }

    pub(crate) fn heard(&self) -> &HeardSoFar {
        &self.heard
    }

    pub(crate) fn speech(&self) -> &Speech {
        &self.speech
    }

    /// Whether hearken started this program.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        match self.speech {
            Speech::Line(..) => true,
            Speech::Console => false,
        }
    }

    /// Waits for hearken's answer to `hello`: which unit this is, and what the config hands to it. Nothing if none
    /// has come within `timeout`, or if nobody supervises.
    ///
    /// Not needed before anything else may be said.
    ///
    /// # Errors
    ///
    /// Why the line ended instead, a rejection among others.
    pub fn welcome(&self, timeout: Duration) -> Result<Option<Welcome>, LineError> {
        match self.speech {
            Speech::Line(..) => self.heard.wait_for_welcome(timeout),
            Speech::Console => Ok(None),
        }
    }

    /// Says that the program serves. Units with `ready = "message"` are up from here on.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn ready(&self) -> Result<(), LineError> {
        self.say(FromChild::Ready(Ready::default()))
    }

    /// Says in one line what the program is doing. Cut at 8 KiB.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn status(&self, text: impl Into<ShortText>) -> Result<(), LineError> {
        self.say(FromChild::Status(Status { text: text.into() }))
    }

    /// Says how far it is.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn progress(&self, progress: Progress) -> Result<(), LineError> {
        self.say(FromChild::Progress(progress))
    }

    /// Logs a sentence with fields beside it: a struct, a map with words for keys, or `&()` for none.
    ///
    /// # Errors
    ///
    /// [`LineError::NotAMap`] for other fields, and [`LineError`] as of everything that is said.
    pub fn log<F: Serialize + ?Sized>(
        &self,
        level: Level,
        message: impl Into<ShortText>,
        fields: &F,
    ) -> Result<(), LineError> {
        self.speech.log(None, level, message.into(), fields)
    }

    /// Says what went wrong, about no task in particular. It does not end the program; [`run`](crate::run) does both.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn error(&self, error: &WorkerError) -> Result<(), LineError> {
        let error = error.clone().of_service();
        self.say(FromChild::Error(Box::new(error.message().clone())))
    }

    /// Counts or measures something.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said; a value that is not finite cannot be sent.
    pub fn metric(&self, metric: Metric) -> Result<(), LineError> {
        self.say(FromChild::Metric(metric))
    }

    /// Says that something happened which a program may want to know. Fields as of [`log`](Self::log).
    ///
    /// # Errors
    ///
    /// [`LineError::NotAMap`] for other fields, and [`LineError`] as of everything that is said.
    pub fn event<F: Serialize + ?Sized>(
        &self,
        name: impl Into<String>,
        fields: &F,
    ) -> Result<(), LineError> {
        self.speech.event(None, name.into(), fields)
    }

    /// Says that the work goes on. The listener does so by itself as often as hearken asks for it, but it knows only
    /// that the process lives.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn heartbeat(&self) -> Result<(), LineError> {
        match &self.speech {
            Speech::Line(voice, _) => voice.heartbeat(),
            Speech::Console => Ok(()),
        }
    }

    /// Asks to be replaced once what is in flight is done.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn ask_to_be_replaced(&self, reason: impl Into<ShortText>) -> Result<(), LineError> {
        self.say(FromChild::Draining(Draining { reason: reason.into() }))
    }

    /// Says the last word before an exit: what should happen next, and why if `reason` is not empty. After it only
    /// logs, statuses, heartbeats, metrics and events can be said.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn exiting(&self, intent: Intent, reason: &str) -> Result<(), LineError> {
        let reason = (!reason.is_empty()).then(|| reason.into());
        self.say(FromChild::Exiting(Exiting { intent, reason }))
    }

    /// Whether the program should finish what it holds and exit: hearken said so, or the line has ended.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.heard.is_draining()
    }

    /// What hearken said about the drain: why, and how long it may take.
    #[must_use]
    pub fn drain(&self) -> Option<Drain> {
        self.heard.drain_said()
    }

    /// Waits for a drain, at most for `timeout`, and gives whether it has come. A sleep that ends in time.
    #[must_use]
    pub fn wait_for_drain(&self, timeout: Duration) -> bool {
        self.heard.wait_for_drain(timeout)
    }

    /// From here on SIGTERM starts a drain instead of ending the program. The program must then end by itself: see
    /// [`draining`](Self::draining). Replaces no handler of yours, but runs beside it.
    ///
    /// # Errors
    ///
    /// [`LineError::Failed`] if there is no descriptor or thread left.
    pub fn drain_on_sigterm(&self) -> Result<(), LineError> {
        self.on_sigterm(|| Ok(()))
    }

    /// SIGTERM starts a drain, and if it is the first to do so, `announce` says so.
    pub(crate) fn on_sigterm(
        &self,
        announce: impl FnOnce() -> Result<(), LineError> + Send + 'static,
    ) -> Result<(), LineError> {
        let (mut signalled, signal) = UnixStream::pair()?;
        let heard = Arc::clone(&self.heard);
        // Before the handler is there: a signal that nobody waits for would be lost.
        thread::Builder::new().name("hearken-sigterm".to_owned()).spawn(move || {
            if signalled.read_exact(&mut [0]).is_ok() && heard.terminated() {
                // The drain goes on if the line does not.
                let _ = announce();
            }
        })?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, signal)?;
        Ok(())
    }

    fn say(&self, message: FromChild) -> Result<(), LineError> {
        self.speech.say(&message)
    }
}

fn hello(task_types: Option<Vec<String>>) -> Hello {
    Hello {
        protocol: ProtocolRange::only(PROTOCOL),
        sdk: concat!("hearken-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        language: "rust".to_owned(),
        pid: std::process::id(),
        build: None,
        task_types,
    }
}
