//! Which handler does which task.

use std::collections::BTreeMap;
use std::fmt;

use crate::failure::WorkerError;
use crate::outcome::Outcome;
use crate::task::Task;

/// The type whose handler takes the tasks that name none.
const DEFAULT: &str = "default";

pub(crate) type Handler = Box<dyn FnMut(&Task) -> Result<Outcome, WorkerError>>;

/// The handlers of a worker, by the type of task they do.
///
/// ```
/// use hearken_worker::{Outcome, Tasks, WorkerError};
///
/// let tasks = Tasks::new()
///     .on("greet", |task| {
///         let name: String = task.payload()?;
///         Ok(format!("hello {name}"))
///     })
///     .on("forget", |_| Ok(()))
///     .with_credits(4);
/// ```
///
/// A task of a type without a handler fails as `invalid` with the code `task.type_unknown`. A task without a type goes
/// to the only handler there is, or to the one named `default`.
pub struct Tasks {
    named: BTreeMap<String, Handler>,
    others: Option<Handler>,
    credits: u16,
}

impl Tasks {
    /// No handlers yet, and one credit.
    #[must_use]
    pub fn new() -> Self {
        Tasks { named: BTreeMap::new(), others: None, credits: 1 }
    }

    /// One handler for all tasks, whatever their type.
    pub fn all<F, O>(handler: F) -> Self
    where
        F: FnMut(&Task) -> Result<O, WorkerError> + 'static,
        O: Into<Outcome>,
    {
        Tasks { others: Some(boxed(handler)), ..Tasks::new() }
    }

    /// The handler for tasks of this type; it takes the place of an earlier one.
    ///
    /// Handlers run on the thread that called [`run_tasks`](crate::run_tasks), one after another. One that panics
    /// fails its task as a `bug`, and is called again for the next one: what it holds should still make sense then.
    #[must_use]
    pub fn on<F, O>(mut self, task_type: impl Into<String>, handler: F) -> Self
    where
        F: FnMut(&Task) -> Result<O, WorkerError> + 'static,
        O: Into<Outcome>,
    {
        self.named.insert(task_type.into(), boxed(handler));
        self
    }

    /// How many tasks the worker holds at once, the one it works on included; at least 1. More than one saves the time
    /// that the next task needs to get here, which is worth it for short tasks only: what waits here cannot be done by
    /// another worker meanwhile.
    #[must_use]
    pub fn with_credits(mut self, credits: u16) -> Self {
        self.credits = credits.max(1);
        self
    }

    pub(crate) fn credits(&self) -> u16 {
        self.credits
    }

    /// The types hearken may send, if it is not to send all of them.
    pub(crate) fn types(&self) -> Option<Vec<String>> {
        let several = self.others.is_none() && self.named.len() > 1;
        several.then(|| self.named.keys().cloned().collect())
    }

    /// The handler for a task of that type.
    pub(crate) fn handler(&mut self, task_type: Option<&str>) -> Result<&mut Handler, WorkerError> {
        let Tasks { named, others, .. } = self;
        let only = named.len() == 1 && others.is_none();
        let made_for_it = match task_type {
            Some(name) => named.get_mut(name),
            None if only => named.values_mut().next(),
            None => named.get_mut(DEFAULT),
        };
        let handler = made_for_it.or(others.as_mut());
        handler.ok_or_else(|| unknown(task_type))
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Tasks::new()
    }
}

fn boxed<F, O>(mut handler: F) -> Handler
where
    F: FnMut(&Task) -> Result<O, WorkerError> + 'static,
    O: Into<Outcome>,
{
    Box::new(move |task| handler(task).map(Into::into))
}

fn unknown(task_type: Option<&str>) -> WorkerError {
    let message = match task_type {
        Some(name) => format!("this worker has no handler for tasks of the type {name:?}"),
        None => {
            "this worker has several handlers, none of them for tasks without a type".to_owned()
        }
    };
    WorkerError::invalid("task.type_unknown", message)
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("named", &self.named.keys())
            .field("others", &self.others.is_some())
            .field("credits", &self.credits())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&'static str]) -> Tasks {
        names.iter().fold(Tasks::new(), |tasks, &name| {
            tasks.on(name, move |_| Err::<(), _>(WorkerError::bug(name, "this one")))
        })
    }

    /// Which handler was found, by the code of its error.
    fn found(tasks: &mut Tasks, task_type: Option<&str>) -> String {
        let message = hearken_proto::Task {
            handle: hearken_proto::Handle(1),
            id: "1".to_owned(),
            task_type: task_type.map(str::to_owned),
            attempt: 1,
            crashes: 0,
            payload: hearken_proto::Raw::nil(),
            content_type: None,
            soft_ms: None,
            hard_ms: None,
            key: None,
            headers: None,
            traceparent: None,
            checkpoint: None,
            last_error: None,
            batch: None,
        };
        let task = Task::new(Box::new(message), crate::worker::Worker::alone());
        let ended = tasks.handler(task_type).and_then(|handler| handler(&task));
        ended.unwrap_err().code().to_owned()
    }

    #[test]
    fn a_task_finds_the_handler_of_its_type() {
        let mut tasks = named(&["count", "resize"]);
        assert_eq!(found(&mut tasks, Some("resize")), "resize");
        assert_eq!(found(&mut tasks, Some("paint")), "task.type_unknown");
        assert_eq!(found(&mut tasks, None), "task.type_unknown");
        assert_eq!(tasks.types(), Some(vec!["count".to_owned(), "resize".to_owned()]));
    }

    #[test]
    fn a_task_without_a_type_goes_to_the_only_handler_or_to_default() {
        assert_eq!(found(&mut named(&["count"]), None), "count");
        assert_eq!(found(&mut named(&["count", "default"]), None), "default");
        assert_eq!(found(&mut named(&["count"]), Some("paint")), "task.type_unknown");
        assert_eq!(found(&mut Tasks::new(), None), "task.type_unknown");
    }

    #[test]
    fn one_handler_for_all_does_what_has_none_of_its_own() {
        let mut tasks = Tasks::all(|_| Err::<(), _>(WorkerError::bug("all", "this one")));
        assert_eq!(found(&mut tasks, None), "all");
        assert_eq!(found(&mut tasks, Some("paint")), "all");
        let mut tasks = tasks.on("count", |_| Err::<(), _>(WorkerError::bug("count", "this one")));
        assert_eq!(found(&mut tasks, Some("count")), "count");
        assert_eq!(found(&mut tasks, Some("paint")), "all");
        assert_eq!(found(&mut tasks, None), "all");
        assert_eq!(tasks.types(), None);
    }

    #[test]
    fn there_is_always_a_credit() {
        assert_eq!(Tasks::new().credits(), 1);
        assert_eq!(Tasks::new().with_credits(0).credits(), 1);
        assert_eq!(Tasks::new().with_credits(16).credits(), 16);
    }
}
