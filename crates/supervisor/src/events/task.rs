//! What becomes of tasks, and of the pools that do them.

use super::{after, events, spoken};

/// The target of these events: a front end that tells of tasks itself wants none of them.
pub(crate) const TASK_TARGET: &str = "hearken::task";

events! {
    target: TASK_TARGET;

    /// A pool is there, with the tasks it had.
    INFO "pool_opened" PoolOpened<'a> {
        /// The unit.
        unit: &'a str,
        /// What an acknowledged task outlives: `strict` a power cut, `relaxed` the end of hearken,
        /// `memory` nothing.
        durability: &'a str,
        /// How many tasks it found waiting.
        waiting: u64,
        /// How many workers it may have.
        workers: u32,
    } => |e| format!(
        "takes tasks, {} wait; durability {}: {}", e.waiting, e.durability,
        match e.durability {
            "strict" => "a task that was acknowledged outlives a power cut",
            "relaxed" => "a task that was acknowledged outlives a crash of hearken, not a power cut",
            _ => "tasks are gone when hearken ends",
        }
    );

    /// Tasks lie in the store for a pool that the config no longer has.
    WARN "tasks_without_pool" TasksWithoutPool<'a> {
        /// The pool they were given to.
        pool: &'a str,
        /// How many wait.
        waiting: u64,
    } => |e| format!(
        "{} tasks wait for pool {}, which the config does not have; they are kept: add [pool.{}], or cancel them",
        e.waiting, e.pool, e.pool
    );

    /// A task is done.
    DEBUG "task_succeeded" TaskSucceeded<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// The how-manieth try it was.
        attempt: u32,
        /// How long that took.
        took_ms: u64,
    } => |e| format!("task {} done in {}", e.task, spoken(e.took_ms));

    /// A try has failed, and there will be another.
    WARN "task_retrying" TaskRetrying<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// The how-manieth try it was.
        attempt: u32,
        /// What sort of failure.
        kind: Option<&'a str>,
        /// Which one exactly.
        code: Option<&'a str>,
        /// In words.
        error: Option<&'a str>,
        /// Whose voice decided.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
        /// How long until the next try.
        delay_ms: u64,
    } => |e| format!(
        "task {} is tried again in {}{}{}", e.task, spoken(e.delay_ms),
        after(": ", e.error), after("; by ", e.rule)
    );

    /// A task was put off, or its program cannot work now.
    INFO "task_snoozed" TaskSnoozed<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// How long until the next try.
        delay_ms: u64,
        /// Whose voice decided.
        decided_by: &'a str,
    } => |e| format!("task {} is put off for {}", e.task, spoken(e.delay_ms));

    /// A task was given up.
    ERROR "task_dead" TaskDead<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// The how-manieth try it was.
        attempt: u32,
        /// What sort of failure.
        kind: Option<&'a str>,
        /// Which one exactly.
        code: Option<&'a str>,
        /// In words.
        error: Option<&'a str>,
        /// Whose voice decided.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
    } => |e| format!(
        "task {} is given up ({}){}{}; see it: hearken task show {}", e.task, e.decided_by,
        after(": ", e.error), after("; by ", e.rule), e.task
    );

    /// A task has ended otherwise: cancelled, expired, discarded.
    INFO "task_ended" TaskEnded<'a> {
        /// The unit.
        unit: &'a str,
        /// Which task.
        task: &'a str,
        /// How: `cancelled`, `expired` or `discarded`.
        outcome: &'a str,
        /// Whose voice decided.
        decided_by: &'a str,
    } => |e| format!("task {} is {}", e.task, e.outcome);

    /// The end of a try came under a lease that is no longer the task's: it was dropped.
    WARN "stale_result" StaleResult<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
    } => |e| format!("the end of an older try of task {} came late, and was dropped", e.task);

    /// The store does not take the end of a try, for a reason that stays: a fault of hearken.
    ERROR "end_refused" EndRefused<'a> {
        /// The unit.
        unit: &'a str,
        /// Which task.
        task: &'a str,
        /// Why.
        error: &'a str,
        /// The next step.
        help: &'a str,
    } => |e| format!("the end of task {} was not kept: {}; {}", e.task, e.error, e.help);

    /// A worker spoke of a task it does not hold.
    WARN "stale_handle" StaleHandle<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The number it named.
        handle: u32,
    } => |e| format!("speaks of task number {}, which it does not hold", e.handle);

    /// A worker did not begin with a task.
    WARN "task_not_accepted" TaskNotAccepted<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// How long it was waited for.
        after_ms: u64,
    } => |e| format!(
        "did not begin with task {} within {} (accept_timeout): it is replaced",
        e.task, spoken(e.after_ms)
    );

    /// A worker is asked to give a task up.
    INFO "task_cancelling" TaskCancelling<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// Why: `timeout`, `operator`, `batch`.
        reason: &'a str,
    } => |e| format!("is asked to give up task {} ({})", e.task, e.reason);

    /// A worker is killed, because it did not give a task up.
    WARN "task_overrun" TaskOverrun<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which task.
        task: &'a str,
        /// How long it worked on it.
        after_ms: u64,
    } => |e| format!(
        "is killed: after {} it has not given up task {}", spoken(e.after_ms), e.task
    );

    /// The pool has more workers, because tasks waited.
    INFO "pool_growing" PoolGrowing<'a> {
        /// The unit.
        unit: &'a str,
        /// How many there are now.
        workers: u32,
        /// How long the first task has waited.
        waited_ms: u64,
    } => |e| format!("grows to {} workers: tasks waited {}", e.workers, spoken(e.waited_ms));

    /// The pool has fewer workers, because one had nothing to do.
    INFO "pool_shrinking" PoolShrinking<'a> {
        /// The unit.
        unit: &'a str,
        /// How many there are now.
        workers: u32,
    } => |e| format!("shrinks to {} workers", e.workers);

    /// A worker is replaced although nothing is wrong with it.
    INFO "worker_recycling" WorkerRecycling<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Why: `tasks`, `memory`, `age`, `asked`.
        because: &'a str,
        /// The instance that takes its place.
        successor: u32,
    } => |e| format!("is replaced by #{} as soon as that is ready ({})", e.successor, e.because);

    /// Tasks are held, because what they depend on is away.
    WARN "dependency_away" DependencyAway<'a> {
        /// The unit.
        unit: &'a str,
        /// What is away.
        dependency: &'a str,
        /// How long until one of them is tried.
        for_ms: u64,
    } => |e| format!(
        "{} is away: tasks that need it wait, one tries again in {}", e.dependency, spoken(e.for_ms)
    );

    /// What tasks depend on is back.
    INFO "dependency_back" DependencyBack<'a> {
        /// The unit.
        unit: &'a str,
        /// What is back.
        dependency: &'a str,
        /// How many tasks go on.
        tasks: u64,
    } => |e| format!("{} is back: {} tasks go on", e.dependency, e.tasks);

    /// Retries wait: there are too many of them.
    WARN "retry_budget_spent" RetryBudgetSpent<'a> {
        /// The unit.
        unit: &'a str,
    } => |_e| "too many retries for the tasks that are tried for the first time: they wait (retry.budget)";

    /// A batch is over.
    INFO "batch_ended" BatchEnded<'a> {
        /// The unit.
        unit: &'a str,
        /// Which batch.
        batch: &'a str,
        /// How: `succeeded` or `failed`.
        outcome: &'a str,
    } => |e| format!("batch {} has {}", e.batch, e.outcome);

    /// Tasks ran when the last hearken of this state directory ended; they wait again.
    INFO "leases_lost" LeasesLost {
        /// How many.
        tasks: u64,
    } => |e| format!("{} tasks ran when hearken ended the last time, and are tried again", e.tasks);

    /// A power cut took acknowledged commits, as `durability = "relaxed"` allows.
    WARN "commits_lost" CommitsLost {
        /// How many.
        commits: u64,
    } => |e| format!(
        "{} commits are missing: a power cut took them, for their durability is relaxed", e.commits
    );

    /// It cannot be told whether the store misses something.
    WARN "commits_unknown" CommitsUnknown {} => |_e| {
        "tasks.commits is gone from the state directory: if commits are missing, nobody can tell; \
         leave it there, and in every backup"
    };

    /// The store takes nothing for now.
    ERROR "store_down" StoreDown<'a> {
        /// Why.
        error: &'a str,
    } => |e| format!("no task is taken or given out: {}; services run on", e.error);

    /// The store takes tasks again.
    INFO "store_up" StoreUp {} => |_e| "tasks are taken and given out again";

    /// Tasks that ended long ago were removed.
    DEBUG "tasks_purged" TasksPurged<'a> {
        /// The unit.
        unit: &'a str,
        /// How many.
        tasks: u64,
    } => |e| format!("{} tasks that ended long ago were removed", e.tasks);
}
