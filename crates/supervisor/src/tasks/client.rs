//! How front ends speak with the pools of a running supervisor: the control socket, `hearken map`.
//!
//! A [`Client`] is a sender into the supervisor's one loop. What changes tasks goes through that
//! loop, and is answered when it is kept; what only reads goes to the store's reader, and holds up
//! nothing.

use super::keeper::Reading;
use super::watchers::{Ears, Voice};
use hearken_core::pool::{PoolCounts, TaskNext};
use hearken_core::task::{BatchId, BatchPolicy, Counters, Priority, TaskId, TaskState};
use hearken_proto::Raw;
use hearken_store::{Enqueued, Read, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A task as a front end submits it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSpec {
    /// Its name, if the submitter chose one; a submission that is sent twice is then kept once.
    pub id: Option<TaskId>,
    /// Its type.
    pub kind: Option<Arc<str>>,
    /// What the worker gets.
    pub payload: Raw,
    /// A media type for the payload.
    pub content_type: Option<Arc<str>>,
    /// While a task of this key is kept for the pool, no other is taken: its id is given instead.
    pub unique_key: Option<Arc<str>>,
    /// Tasks of different keys take turns.
    pub fairness_key: Option<Arc<str>>,
    /// How soon it is dispatched.
    pub priority: Priority,
    /// Not dispatched before so long from now.
    pub delay: Duration,
    /// To be over so long from now; instead of the pool's `total_timeout`.
    pub expires: Option<Duration>,
    /// Whatever the submitter attaches: a map.
    pub headers: Option<Raw>,
    /// The W3C trace context.
    pub traceparent: Option<Arc<str>>,
}

impl TaskSpec {
    /// A task of this payload and nothing else.
    #[must_use]
    pub fn new(payload: Raw) -> Self {
        Self {
            id: None,
            kind: None,
            payload,
            content_type: None,
            unique_key: None,
            fairness_key: None,
            priority: Priority::DEFAULT,
            delay: Duration::ZERO,
            expires: None,
            headers: None,
            traceparent: None,
        }
    }
}

/// Tasks that are submitted together: all of them are kept, or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The pool that is to do them.
    pub pool: Arc<str>,
    /// The tasks: 1 or more, at most [`TASKS_MAX`].
    pub tasks: Vec<TaskSpec>,
    /// That they are a batch, if they are one.
    pub batch: Option<BatchSpec>,
}

/// How many tasks one submission may hold.
pub const TASKS_MAX: usize = 10_000;

/// What makes tasks a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchSpec {
    /// When it is over.
    pub policy: BatchPolicy,
    /// A task of the same pool that is done when it is over, however it ended.
    pub completion: Option<TaskSpec>,
}

/// What became of a submission: it is kept, as the pool's durability says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The tasks, in the order they were given.
    pub tasks: Vec<Enqueued>,
    /// The batch they are.
    pub batch: Option<BatchId>,
}

/// Why something was not done. Each says the next step.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// There is no such pool.
    #[error("there is no pool {pool:?}; {}", pools(.known))]
    NoPool {
        /// What was named.
        pool: Arc<str>,
        /// Those there are.
        known: Vec<Arc<str>>,
    },
    /// There is no such task.
    #[error("there is no task {0}: it was never here, or was removed after its time (`keep`)")]
    NoTask(TaskId),
    /// There is no such batch, or it has ended.
    #[error("there is no batch {0} that is still open")]
    NoBatch(BatchId),
    /// The task stands where this cannot be done.
    #[error("the task {task} is {state}: {help}")]
    State {
        /// Which.
        task: TaskId,
        /// Where it stands.
        state: TaskState,
        /// What can be done.
        help: &'static str,
    },
    /// Too many tasks wait.
    #[error(
        "pool {pool} has {waiting} tasks waiting and takes {limit}: submit again later, or raise `queue`"
    )]
    QueueFull {
        /// The pool.
        pool: Arc<str>,
        /// How many wait.
        waiting: u64,
        /// How many may.
        limit: u64,
    },
    /// Something of it is larger than it may be.
    #[error("{0}")]
    TooLarge(String),
    /// Something of it is not what it should be.
    #[error("{0}")]
    Unfit(String),
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store would not keep it.
    #[error(transparent)]
    NotKept(#[from] hearken_store::Refusal),
    /// Too much is asked at once.
    #[error("the task store is asked too much at once: ask again in a moment")]
    Busy,
    /// The supervisor is on its way down, or gone.
    #[error("hearken is shutting down: submit again when it is back")]
    Closing,
}

fn pools(known: &[Arc<str>]) -> String {
    match known {
        [] => "the config has none: add [pool.NAME]".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    }
}

/// Where the answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Refused>>;

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

/// What a front end wants of the loop.
pub(crate) enum Request {
    /// Keep these tasks.
    Submit(Box<Submission>, Answer<Submitted>),
    /// Take this task back. Answered with where it stands: a running one is asked to stop, and is
    /// `running` until it has.
    Cancel(TaskId, Answer<TaskState>),
    /// Take back what is still open of this batch. Answered with how many tasks that is.
    CancelBatch(BatchId, Answer<u64>),
    /// Have a task done after all that is dead, cancelled or expired.
    Retry(TaskId, Answer<TaskState>),
    /// Remove these tasks of the pool, as far as they have ended.
    Forget(Arc<str>, Vec<TaskId>),
    /// Tell of what happens to tasks, until the receiver is dropped.
    Watch(Watch, Voice),
    /// How the pools stand.
    Pools(oneshot::Sender<Vec<PoolStanding>>),
    /// What is known of a task that runs.
    Live(TaskId, oneshot::Sender<Option<Live>>),
    /// Show every store to this.
    Read(Reading),
    /// Shut down, as if by a signal.
    Shutdown,
}

/// What is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// One task.
    Task(TaskId),
    /// Every task of a pool.
    Pool(Arc<str>),
}

/// What happened to a task, or to its pool. Whoever does not read in time misses starts, progress
/// and retries, and never an end.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A worker began with it.
    Started {
        /// Which task.
        task: TaskId,
        /// The how-manieth try, from 1.
        attempt: u32,
    },
    /// How far it is.
    Progress {
        /// Which task.
        task: TaskId,
        /// Its last progress: JSON as `task show` has it.
        progress: Arc<str>,
    },
    /// A try has failed, and there will be another.
    Retrying {
        /// Which task.
        task: TaskId,
        /// How it was tried so far.
        counters: Counters,
        /// What was wrong: JSON.
        error: Option<Arc<str>>,
        /// How long until the next.
        delay: Duration,
    },
    /// It has ended.
    Ended(Arc<Ended>),
    /// The pool's program cannot be run: whatever waits goes on waiting until somebody mends that.
    PoolFailed(Arc<str>),
}

/// The end of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Which task.
    pub task: TaskId,
    /// How.
    pub next: TaskNext,
    /// How it was tried.
    pub counters: Counters,
    /// Who decided: the name of a [`hearken_core::pool::TaskDecidedBy`].
    pub decided_by: &'static str,
    /// What was wrong with the last try: JSON.
    pub error: Option<Arc<str>>,
    /// What came out, where it is small enough to be here; else the store has it.
    pub result: Option<hearken_store::TaskResult>,
    /// How long the last try took.
    pub took: Duration,
    /// Who made it: `thumbnails#3`.
    pub worker: Arc<str>,
}

/// What is known of a task in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Who has it: `thumbnails#3`.
    pub worker: Arc<str>,
    /// The worker's process.
    pub pid: Option<i32>,
    /// How long it has worked on it.
    pub worked: Duration,
    /// Its last progress: JSON.
    pub progress: Option<Arc<str>>,
    /// What it logged so far.
    pub logs: Arc<str>,
}

/// How a pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStanding {
    /// Its name.
    pub pool: Arc<str>,
    /// How its tasks and workers stand.
    pub counts: PoolCounts,
    /// What an acknowledged task outlives: `strict`, `relaxed`, `memory`.
    pub durability: &'static str,
    /// How many tasks may wait.
    pub queue: u64,
    /// Why no tasks are taken, or none are done, if that is so.
    pub trouble: Option<Arc<str>>,
}

/// A front end's hold on the pools. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    requests: mpsc::Sender<Request>,
}

/// What was gathered from the stores; it is sent when this is dropped.
struct Gathering<T> {
    gathered: Option<Result<T, StoreError>>,
    /// Every store was seen.
    whole: bool,
    answer: Option<oneshot::Sender<Result<T, Refused>>>,
}

impl<T> Drop for Gathering<T> {
    fn drop(&mut self) {
        if let (Some(answer), Some(gathered)) = (self.answer.take(), self.gathered.take()) {
            let gathered = gathered.map_err(Refused::from);
            // Whoever asked is gone: nobody misses it.
            let _gone =
                answer.send(gathered.and_then(|it| self.whole.then_some(it).ok_or(Refused::Busy)));
        }
    }
}

/// How many requests may wait for the loop.
const REQUESTS: usize = 256;

impl Client {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, inbox) = mpsc::channel(REQUESTS);
        (Self { requests }, inbox)
    }

    /// Submits tasks. What is answered with `Ok` is kept.
    ///
    /// # Errors
    /// Why none of them was taken.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, Refused> {
        self.ask(|answer| Request::Submit(Box::new(submission), answer)).await
    }

    /// Takes a task back.
    ///
    /// # Errors
    /// If there is no such task, or it has ended.
    pub async fn cancel(&self, task: TaskId) -> Result<TaskState, Refused> {
        self.ask(|answer| Request::Cancel(task, answer)).await
    }

    /// Takes back what is still open of a batch, and says how many tasks that is.
    ///
    /// # Errors
    /// If there is no such batch.
    pub async fn cancel_batch(&self, batch: BatchId) -> Result<u64, Refused> {
        self.ask(|answer| Request::CancelBatch(batch, answer)).await
    }

    /// Has a task done after all that is dead, cancelled or expired.
    ///
    /// # Errors
    /// If there is no such task, or it is none of these.
    pub async fn retry(&self, task: TaskId) -> Result<TaskState, Refused> {
        self.ask(|answer| Request::Retry(task, answer)).await
    }

    /// Says that nobody will ask for these tasks of a pool again: those that have ended are removed
    /// at once, instead of when they are old enough.
    ///
    /// # Errors
    /// If the supervisor is on its way down.
    pub async fn forget(&self, pool: Arc<str>, tasks: Vec<TaskId>) -> Result<(), Refused> {
        self.send(Request::Forget(pool, tasks)).await
    }

    /// Hears of what happens to tasks from now on. While more than `room` words lie unread, only
    /// ends are told.
    ///
    /// # Errors
    /// If the supervisor is on its way down.
    pub async fn watch(&self, watch: Watch, room: usize) -> Result<Ears, Refused> {
        let (voice, ears) = Ears::new(room);
        self.send(Request::Watch(watch, voice)).await?;
        Ok(ears)
    }

    /// How the pools stand.
    ///
    /// # Errors
    /// If the supervisor is on its way down.
    pub async fn pools(&self) -> Result<Vec<PoolStanding>, Refused> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Pools(answer)).await?;
        answered.await.map_err(|_gone| Refused::Closing)
    }

    /// What is known of a task in the hands of a worker; `None` if none has it.
    ///
    /// # Errors
    /// If the supervisor is on its way down.
    pub async fn live(&self, task: TaskId) -> Result<Option<Live>, Refused> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Live(task, answer)).await?;
        answered.await.map_err(|_gone| Refused::Closing)
    }

    /// Shows every store to `visit`, one after the other, and gives what it gathered.
    ///
    /// # Errors
    /// The first error of `visit`, or that the supervisor is on its way down.
    pub async fn read<T: Default + Send + 'static>(
        &self,
        mut visit: impl FnMut(&mut dyn Read, &mut T) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<T, Refused> {
        let (answer, answered) = oneshot::channel();
        let gathered = Some(Ok(T::default()));
        let mut gathering = Gathering { gathered, whole: false, answer: Some(answer) };
        let reading = Box::new(move |store: Option<&mut dyn Read>| match store {
            None => gathering.whole = true,
            Some(store) => {
                if let Some(Ok(gathered)) = &mut gathering.gathered
                    && let Err(error) = visit(store, gathered)
                {
                    gathering.gathered = Some(Err(error));
                }
            }
        });
        self.send(Request::Read(reading)).await?;
        answered.await.map_err(|_gone| Refused::Closing)?
    }

    /// Shuts the supervisor down, in order; as a second signal does, the second call kills.
    pub async fn shut_down(&self) {
        // It is gone already: what was wanted.
        let _gone = self.requests.send(Request::Shutdown).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, Refused> {
        let (answer, answered) = oneshot::channel();
        self.send(request(answer)).await?;
        answered.await.unwrap_or(Err(Refused::Closing))
    }

    async fn send(&self, request: Request) -> Result<(), Refused> {
        self.requests.send(request).await.map_err(|_gone| Refused::Closing)
    }
}
