//! What hearken has said so far, for whoever asks or waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearken_proto::{Drain, Welcome};

use crate::error::LineError;

/// The state behind the condition.
#[derive(Debug, Default)]
struct Said {
    welcome: Option<Welcome>,
    drain: Option<Drain>,
    ended: Option<LineError>,
}

impl Said {
    /// A line that has ended counts as a drain: nobody listens any more, and hearken clears up what it left behind.
    fn is_draining(&self) -> bool {
        self.drain.is_some() || self.ended.is_some()
    }
}

/// Written by the listener, read by everybody.
#[derive(Debug, Default)]
pub(crate) struct HeardSoFar {
    said: Mutex<Said>,
    changed: Condvar,
}

impl HeardSoFar {
    pub(crate) fn welcome(&self, welcome: Welcome) {
        self.lock().welcome = Some(welcome);
        self.changed.notify_all();
    }

    /// The first drain stays: a second one, or SIGTERM behind it, says nothing new.
    pub(crate) fn drain(&self, drain: Drain) {
        self.lock().drain.get_or_insert(drain);
        self.changed.notify_all();
    }

    /// The first reason stays: the others follow from it.
    pub(crate) fn ended(&self, reason: LineError) {
        self.lock().ended.get_or_insert(reason);
        self.changed.notify_all();
    }

    pub(crate) fn end(&self) -> Option<LineError> {
        self.lock().ended.clone()
    }

    pub(crate) fn drain_said(&self) -> Option<Drain> {
        self.lock().drain.clone()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.lock().is_draining()
    }

    pub(crate) fn wait_for_drain(&self, timeout: Duration) -> bool {
        self.wait(timeout, |said| !said.is_draining()).is_draining()
    }

    pub(crate) fn wait_for_welcome(&self, timeout: Duration) -> Result<Option<Welcome>, LineError> {
        let said = self.wait(timeout, |said| said.welcome.is_none() && said.ended.is_none());
        match (&said.welcome, &said.ended) {
            (Some(welcome), _) => Ok(Some(welcome.clone())),
            (None, Some(reason)) => Err(reason.clone()),
            (None, None) => Ok(None),
        }
    }

    fn wait(&self, timeout: Duration, pending: impl Fn(&Said) -> bool) -> MutexGuard<'_, Said> {
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, |said| pending(said));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// No code panics while it holds this lock, and half a change cannot be seen.
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
