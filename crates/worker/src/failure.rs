//! How work fails: what kind it is decides what happens next.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use hearken_proto::{Cause, ErrorKind, ErrorMessage, MAX_CAUSES, Raw, Scope};
use serde::Serialize;

use crate::error::LineError;

/// A failure told to hearken: a kind out of a closed set, a dotted code for the rules of the config (`db.deadlock`),
/// and a sentence for people.
///
/// ```
/// use std::time::Duration;
/// use hearken_worker::WorkerError;
///
/// let busy = WorkerError::rate_limited("mail.quota", "too many mails", Duration::from_secs(60))
///     .with_dependency("smtp.example.org");
/// assert_eq!(busy.exit_code(), 75);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerError {
    message: Box<ErrorMessage>,
    /// Made by [`fatal`](Self::fatal), whose kind depends on where it happens.
    is_fatal: bool,
}

macro_rules! kinds {
    ($( $(#[$doc:meta])* $name:ident => $kind:ident; )*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(code: impl Into<String>, message: impl fmt::Display) -> Self {
                WorkerError::new(ErrorKind::$kind, code, message)
            }
        )*
    };
}

impl WorkerError {
    kinds! {
        /// It may well work the next time.
        transient => Transient;
        /// Something took too long.
        timeout => Timeout;
        /// Something this program depends on is away; name it with [`with_dependency`](Self::with_dependency).
        unavailable => Unavailable;
        /// Somebody else changed the same thing.
        conflict => Conflict;
        /// Memory, disk or descriptors ran out; another process may do better.
        resource => Resource;
        /// The input is wrong and stays wrong.
        invalid => Invalid;
        /// What the input speaks of does not exist.
        not_found => NotFound;
        /// Not allowed.
        denied => Denied;
        /// The configuration or environment is wrong; it is not tried again until an operator acts.
        config => Config;
        /// A fault in the program.
        bug => Bug;
        /// Stopped because it was asked to.
        cancelled => Cancelled;
    }

    /// Somebody asked us to slow down: not again before `after`.
    #[must_use]
    pub fn rate_limited(
        code: impl Into<String>,
        message: impl fmt::Display,
        after: Duration,
    ) -> Self {
        WorkerError::new(ErrorKind::RateLimited, code, message).with_retry_after(after)
    }

    /// No other try will help until a person acts. In a task it gives up that task alone (`invalid`, not retryable); in
    /// a service, outside of any task, it is [`config`](Self::config): the service stays down.
    #[must_use]
    pub fn fatal(code: impl Into<String>, message: impl fmt::Display) -> Self {
        let error = WorkerError::invalid(code, message).with_retryable(false);
        WorkerError { is_fatal: true, ..error }
    }

    /// This process can do no more work, but another one may: `resource`, with the scope of the worker. One that takes
    /// tasks then asks to be replaced, and gives back the tasks that it has not begun.
    #[must_use]
    pub fn worker_broken(code: impl Into<String>, message: impl fmt::Display) -> Self {
        WorkerError::resource(code, message).with_scope(Scope::Worker)
    }

    fn new(kind: ErrorKind, code: impl Into<String>, message: impl fmt::Display) -> Self {
        let message = Box::new(ErrorMessage::new(kind, code, message.to_string()));
        WorkerError { message, is_fatal: false }
    }

    /// Names what lies underneath: `error` and its sources, at most eight.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        let chain = std::iter::successors(Some(error), |&error| error.source());
        let causes = chain
            .take(MAX_CAUSES)
            .map(|error| Cause { code: None, message: error.to_string().into() });
        self.message.causes = Some(causes.collect());
        self
    }

    /// Hints when another try is worth it. Rounded to milliseconds.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.message.retry_after_ms = Some(milliseconds(after));
        self
    }

    /// Hints whether another try is worth it at all.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.message.retryable = Some(retryable);
        self
    }

    /// Says how far the failure reaches.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.message.scope = Some(scope);
        self
    }

    /// Names the dependency that failed.
    #[must_use]
    pub fn with_dependency(mut self, name: impl Into<String>) -> Self {
        self.message.dependency = Some(name.into());
        self
    }

    /// Adds where in the program it happened; cut at 32 KiB.
    #[must_use]
    pub fn with_trace(mut self, trace: impl fmt::Display) -> Self {
        self.message.trace = Some(trace.to_string().into());
        self
    }

    /// Adds anything else: a struct, or a map with words for keys.
    ///
    /// # Errors
    ///
    /// [`LineError::NotAMap`] if it is anything else.
    pub fn with_details<T: Serialize + ?Sized>(mut self, details: &T) -> Result<Self, LineError> {
        self.message.details = map(details)?;
        Ok(self)
    }

    /// Which kind it is; of [`fatal`](Self::fatal), the one it has in a task.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.message.kind
    }

    /// Which failure exactly.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.message.code
    }

    /// The exit code of sysexits that says the same to a supervisor without a line. That of its
    /// [`kind`](Self::kind): [`run`](crate::run) ends a service that failed as `fatal` with 78 instead.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.message.kind {
            ErrorKind::Transient
            | ErrorKind::Timeout
            | ErrorKind::RateLimited
            | ErrorKind::Conflict
            | ErrorKind::Cancelled => 75, // EX_TEMPFAIL
            ErrorKind::Invalid => 65,     // EX_DATAERR
            ErrorKind::NotFound => 66,    // EX_NOINPUT
            ErrorKind::Unavailable => 69, // EX_UNAVAILABLE
            ErrorKind::Resource => 71,    // EX_OSERR
            ErrorKind::Denied => 77,      // EX_NOPERM
            ErrorKind::Config => 78,      // EX_CONFIG
            // The supervisor's own kinds cannot be made here.
            ErrorKind::Bug
            | ErrorKind::Crashed
            | ErrorKind::Oom
            | ErrorKind::Lost
            | ErrorKind::Protocol
            | ErrorKind::StartFailed => 70, // EX_SOFTWARE
        }
    }

    /// The same error of a program that works at no task.
    pub(crate) fn of_service(mut self) -> Self {
        if self.is_fatal {
            self.message.kind = ErrorKind::Config;
        }
        self
    }

    pub(crate) fn breaks_the_worker(&self) -> bool {
        self.message.scope == Some(Scope::Worker)
    }

    pub(crate) fn message(&self) -> &ErrorMessage {
        &self.message
    }
}

/// A delay as the line carries it.
pub(crate) fn milliseconds(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// A serializable value that must be a map, or `()` and `None` for nothing.
pub(crate) fn map<T: Serialize + ?Sized>(value: &T) -> Result<Option<Raw>, LineError> {
    let value = Raw::from_value(value).map_err(|error| LineError::NotAMap(error.to_string()))?;
    if value.is_map() {
        Ok(Some(value))
    } else if value == Raw::nil() {
        Ok(None)
    } else {
        Err(LineError::NotAMap(value.to_string()))
    }
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl Error for WorkerError {}

/// A line that failed is hearken's absence, not the fault of the work: another try may find it again.
impl From<LineError> for WorkerError {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Closed | LineError::Failed(_) => {
                WorkerError::transient("hearken.line", error)
            }
            LineError::Rejected { .. }
            | LineError::NotUnderstood(_)
            | LineError::HandleReused { .. }
            | LineError::NotAcknowledged { .. } => WorkerError::config("hearken.version", error),
            LineError::NotSendable(_)
            | LineError::TooLong { .. }
            | LineError::AfterExiting { .. }
            | LineError::NotAMap(_) => WorkerError::bug("hearken.message", error),
        }
    }
}
