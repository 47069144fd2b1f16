//! What hearken has said so far, for whoever asks or waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hearken_proto::{Drain, Handle, Welcome};

use crate::desk::Desk;
use crate::error::LineError;

/// How long a drain may take that only SIGTERM asked for, and nobody said for how long.
const SIGTERM_GRACE: Duration = Duration::from_secs(5);

/// The state behind the condition.
#[derive(Debug, Default)]
pub(crate) struct Said {
    welcome: Option<Welcome>,
    drain: Option<Asked>,
    ended: Option<LineError>,
    pub(crate) desk: Desk,
}

/// A drain, and until when.
#[derive(Debug)]
struct Asked {
    drain: Drain,
    by_signal: bool,
    /// Nothing if that is beyond what the clock can say.
    until: Option<Instant>,
}

impl Said {
    /// A line that has ended counts as a drain: nobody listens any more, and hearken clears up what it left behind.
    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_some() || self.ended.is_some()
    }

    pub(crate) fn end(&self) -> Result<(), LineError> {
        match &self.ended {
            Some(reason) => Err(reason.clone()),
            None => Ok(()),
        }
    }

    /// How long a drain may still take: for ever without one, and where the clock cannot say.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let until = self.drain.as_ref()?.until?;
        Some(until.saturating_duration_since(Instant::now()))
    }
}

/// Written by whoever reads the line, read by everybody.
#[derive(Debug, Default)]
pub(crate) struct HeardSoFar {
    said: Mutex<Said>,
    pub(crate) changed: Condvar,
}

impl HeardSoFar {
    /// For a program that takes tasks.
    pub(crate) fn with_desk(desk: Desk) -> Self {
        let said = Said { desk, ..Said::default() };
        HeardSoFar { said: Mutex::new(said), changed: Condvar::new() }
    }

    pub(crate) fn welcome(&self, welcome: Welcome) {
        self.lock().welcome = Some(welcome);
        self.changed.notify_all();
    }

    /// How often a heartbeat is wanted.
    pub(crate) fn heartbeat_every(&self) -> Option<Duration> {
        let every = self.lock().welcome.as_ref()?.heartbeat_ms?;
        Some(Duration::from_millis(u64::from(every).max(1)))
    }

    /// The first drain stays: a second one, or SIGTERM behind it, says nothing new. One behind SIGTERM says how long
    /// it may take.
    pub(crate) fn drain(&self, drain: Drain) {
        let mut said = self.lock();
        if said.drain.as_ref().is_none_or(|asked| asked.by_signal) {
            let until = Instant::now().checked_add(Duration::from_millis(drain.grace_ms));
            said.drain = Some(Asked { drain, by_signal: false, until });
        }
        self.changed.notify_all();
    }

    /// SIGTERM came. Gives whether that is news.
    pub(crate) fn terminated(&self) -> bool {
        let mut said = self.lock();
        let is_news = !said.is_draining();
        if is_news {
            let drain = Drain { grace_ms: 0, reason: "SIGTERM".into() };
            let until = Instant::now().checked_add(SIGTERM_GRACE);
            said.drain = Some(Asked { drain, by_signal: true, until });
        }
        self.changed.notify_all();
        is_news
    }

    /// The first reason stays: the others follow from it.
    pub(crate) fn ended(&self, reason: LineError) {
        self.lock().ended.get_or_insert(reason);
        self.changed.notify_all();
    }

    pub(crate) fn end(&self) -> Result<(), LineError> {
        self.lock().end()
    }

    pub(crate) fn drain_said(&self) -> Option<Drain> {
        self.lock().drain.as_ref().map(|asked| asked.drain.clone())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.lock().is_draining()
    }

    /// The tasks without an answer; nothing for a service.
    pub(crate) fn busy(&self) -> Option<Vec<Handle>> {
        self.lock().desk.handles()
    }

    pub(crate) fn wait_for_drain(&self, timeout: Duration) -> bool {
        self.wait(timeout, |said| !said.is_draining()).is_draining()
    }

    pub(crate) fn wait_for_welcome(&self, timeout: Duration) -> Result<Option<Welcome>, LineError> {
        let said = self.wait(timeout, |said| said.welcome.is_none() && said.ended.is_none());
        match &said.welcome {
            Some(welcome) => Ok(Some(welcome.clone())),
            None => said.end().map(|()| None),
        }
    }

    fn wait(&self, timeout: Duration, pending: impl Fn(&Said) -> bool) -> MutexGuard<'_, Said> {
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, |said| pending(said));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// No code panics while it holds this lock, and half a change cannot be seen.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
