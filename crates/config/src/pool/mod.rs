//! `[pool.NAME]`: a program whose processes work on tasks.

pub(crate) mod bounds;
mod clocks;
pub(crate) mod dependency_pause;
pub(crate) mod durability;
pub(crate) mod exec;
pub(crate) mod forget;
mod line;
mod mode;
pub mod placeholder;
pub(crate) mod recycle;
pub(crate) mod restart;
pub(crate) mod retry;
pub(crate) mod workers;

use crate::read::bytes::BytesShape;
use crate::read::choice::OneOf;
use crate::read::duration::{DurationOrNeverShape, DurationShape};
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::rule::{self, Owner, PoolRuleShape};
use crate::service::Service;
use crate::service::liveness;
use crate::service::ready::{self, Readiness};
use crate::unit::after::AwaitedShape;
use crate::unit::environment::EnvironmentShape;
use crate::unit::line::LineMode;
use crate::unit::stop::StopShape;
use crate::unit::{self, Draft, Made, Sort};
use bounds::QueueShape;
use dependency_pause::DependencyPauseShape;
use durability::{Asked, Durability};
use exec::{Exec, Input, ResultForm};
use forget::{Forget, ForgetShape};
use hearken_core::policy::{OnDependencyRestart, Ready, RestartWhen, Role, UnitPolicy};
use hearken_core::pool::{PoolPolicy, WorkMode};
use recycle::RecycleShape;
use restart::PoolRestartShape;
use retry::RetryShape;
use schemars::JsonSchema;
use std::sync::Arc;
use workers::WorkersShape;

/// A pool, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// What the supervisor has to know of its workers. `unit.policy.instances` is how many it has
    /// room for: `policy.max`, and one more if `policy.recycle` is ever, for the worker that is ready
    /// before the old one goes.
    pub unit: Service,
    /// What the core decides by about its tasks and its workers. It has the rules of `unit.policy`.
    pub policy: PoolPolicy,
    /// What only pools of mode exec have; there if `policy.mode` is.
    pub exec: Option<Exec>,
    /// What an acknowledged task survives.
    pub durability: Durability,
    /// The largest payload of a task, in bytes.
    pub max_payload: u64,
    /// The largest result of a task, in bytes.
    pub max_result: u64,
    /// How much of its log is kept with a try of a task, in bytes.
    pub logs: u64,
    /// When tasks that have ended are removed.
    pub forget: Forget,
}

pub(crate) const KEYS: Keys = Keys {
    place: "[pool.NAME]",
    shape: "Pool",
    known: &[
        "command",
        "shell",
        "directory",
        "environment",
        "mode",
        "workers",
        "critical",
        "after",
        "on_dependency_restart",
        "line",
        "start_timeout",
        "watchdog",
        "task_timeout",
        "soft_timeout",
        "accept_timeout",
        "total_timeout",
        "cancel_grace",
        "retry",
        "recycle",
        "queue",
        "max_payload",
        "max_result",
        "dependency_pause",
        "durability",
        "forget",
        "logs",
        "input",
        "result",
        "restart",
        "rule",
        "stop",
    ],
    later: &[
        "user",
        "group",
        "groups",
        "umask",
        "limits",
        "cgroup",
        "log",
        "nice",
        "secrets",
        "schedule",
        "rate",
        "enabled",
        "environment_file",
    ],
    aliases: &[
        ("cmd", "command"),
        ("exec", "command"),
        ("args", "command"),
        ("argv", "command"),
        ("cwd", "directory"),
        ("chdir", "directory"),
        ("workdir", "directory"),
        ("working_directory", "directory"),
        ("env", "environment"),
        ("instances", "workers"),
        ("numprocs", "workers"),
        ("processes", "workers"),
        ("concurrency", "workers"),
        ("replicas", "workers"),
        ("type", "mode"),
        ("depends_on", "after"),
        ("requires", "after"),
        ("timeout", "task_timeout"),
        ("job_timeout", "task_timeout"),
        ("time_limit", "task_timeout"),
        ("hard_timeout", "task_timeout"),
        ("soft_time_limit", "soft_timeout"),
        ("deadline", "total_timeout"),
        ("expires", "total_timeout"),
        ("ttl", "total_timeout"),
        ("attempts", "retry"),
        ("max_attempts", "retry"),
        ("retries", "retry"),
        ("max_retries", "retry"),
        ("crashes", "retry"),
        ("snoozes", "retry"),
        ("budget", "retry"),
        ("backoff", "retry"),
        ("delay", "retry"),
        ("max_tasks", "recycle"),
        ("max_requests", "recycle"),
        ("queue_size", "queue"),
        ("max_queue", "queue"),
        ("max_queued", "queue"),
        ("keep", "forget"),
        ("retention", "forget"),
        ("stdin", "input"),
        ("output", "result"),
        ("stdout", "result"),
        ("protocol", "line"),
        ("heartbeat", "watchdog"),
        ("stop_signal", "stop"),
        ("stop_timeout", "stop"),
        ("rules", "rule"),
    ],
};

/// A program whose processes work on tasks.
#[derive(JsonSchema)]
#[schemars(
    rename = "Pool",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("oneOf" = [{ "required": ["command"] }, { "required": ["shell"] }]),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct PoolShape {
    /// The program and its arguments, as they are: no shell splits or expands them. With mode =
    /// "exec", {} stands for the payload of a task, {.} for it without its extension, {/} for its
    /// last part, {//} for the folder it is in, {/.} for its last part without its extension.
    #[schemars(length(min = 1), extend("examples" = [["python3", "worker.py"]]))]
    command: Vec<String>,
    /// A text for `/bin/sh -c`, instead of `command`. ${VAR} is replaced by hearken; write $VAR or
    /// $${VAR} for a variable of the shell.
    #[schemars(length(min = 1), extend("examples" = ["exec ./worker"]))]
    shell: String,
    /// Where it runs: absolute, or relative to the folder of the config file, which is the default.
    #[schemars(extend("default" = "."))]
    directory: String,
    /// What it finds in its environment, beside PATH, LANG, HOME, USER and what hearken sets.
    environment: EnvironmentShape,
    /// How its workers get their tasks.
    #[schemars(extend("default" = "line"))]
    mode: OneOf<WorkMode>,
    /// How many processes work on its tasks; a number alone is as many at all times.
    #[schemars(extend("default" = 4))]
    workers: WorkersShape,
    /// Whether its failing for good ends hearken, with a non-zero exit code.
    #[schemars(extend("default" = false))]
    critical: bool,
    /// What must hold before it is started; it is stopped before them.
    #[schemars(extend("default" = []))]
    after: Vec<AwaitedShape>,
    /// What follows when something it comes after ends.
    #[schemars(extend("default" = "keep"))]
    on_dependency_restart: OneOf<OnDependencyRestart>,
    /// What its workers speak on their lines; "messagepack" unless mode = "exec", then "json".
    line: OneOf<LineMode>,
    /// How long a worker may take from its start to ready. Not with mode = "exec".
    #[schemars(extend("default" = "30s"))]
    start_timeout: DurationOrNeverShape,
    /// How often a worker must give a sign of life once it is ready. Not with mode = "exec".
    #[schemars(extend("default" = "never"))]
    watchdog: DurationOrNeverShape,
    /// How long a try may take before its worker is killed.
    #[schemars(extend("default" = "5m"))]
    task_timeout: DurationOrNeverShape,
    /// How long a try may take before its worker is asked to give it up.
    #[schemars(extend("default" = "never"))]
    soft_timeout: DurationOrNeverShape,
    /// How long a worker with nothing else to do may take to accept a task. Not with mode = "exec".
    #[schemars(extend("default" = "10s"))]
    accept_timeout: DurationShape,
    /// How long a task has from its submission to its end, with all its tries.
    #[schemars(extend("default" = "never"))]
    total_timeout: DurationOrNeverShape,
    /// How long a worker has to give up a task before it is killed.
    #[schemars(extend("default" = "10s"))]
    cancel_grace: DurationShape,
    /// When a task is tried again; a number alone is how many tries may end in an error.
    #[schemars(extend("default" = 3))]
    retry: RetryShape,
    /// When a worker is replaced although nothing is wrong with it. Not with mode = "exec".
    #[schemars(extend("default" = "never"))]
    recycle: RecycleShape,
    /// How many tasks may wait; more are refused.
    #[schemars(extend("default" = 100_000))]
    queue: QueueShape,
    /// The largest payload of a task; "16KiB" unless another is given where it goes into arguments.
    #[schemars(extend("default" = "1MiB"))]
    max_payload: BytesShape,
    /// The largest result of a task.
    #[schemars(extend("default" = "64MiB"))]
    max_result: BytesShape,
    /// How long tasks are held whose dependency is away.
    dependency_pause: DependencyPauseShape,
    /// What an acknowledged task survives.
    #[schemars(extend("default" = "strict"))]
    durability: OneOf<Durability>,
    /// How long after its end a task is removed, with its result and its history.
    forget: ForgetShape,
    /// How much of its log is kept with a try of a task.
    #[schemars(extend("default" = "64KiB"))]
    logs: BytesShape,
    /// Where the payload of a task goes: "arguments" if `command` has a place for it, else "stdin".
    /// Only with mode = "exec".
    input: OneOf<Input>,
    /// How standard output becomes the result of a task; "text" unless another is given. Only with
    /// mode = "exec".
    result: OneOf<ResultForm>,
    /// How fast a worker that ended by itself is started again. Not with mode = "exec".
    restart: PoolRestartShape,
    /// What follows from what a worker says and how it ends: the first rule that matches decides.
    rule: Vec<PoolRuleShape>,
    /// How a worker is stopped; the signal alone is enough: stop = "INT".
    stop: StopShape,
}

/// What was read of a pool.
#[derive(Debug)]
pub(crate) struct Read<'t> {
    pub(crate) draft: Draft<'t>,
    /// What it asks of the store, if that could be read.
    pub(crate) durability: Option<Asked<'t>>,
}

/// Reads a pool. There is a draft even of a broken one: others may name it in their `after`.
pub(crate) fn read<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Option<Read<'t>> {
    let (name, mut table) = unit::open(reader, value, Sort::Pool, &KEYS)?;
    let common = unit::read(reader, &mut table, value);
    let mode = mode::read(reader, &mut table);
    let line_only = |reader: &mut Reader<'_>, table: &mut Table<'t>, key| {
        mode.take(reader, table, key, WorkMode::Line)
    };
    let workers_value = table.take("workers");
    let workers = workers::read(reader, workers_value, mode);
    let recycle_value = line_only(reader, &mut table, "recycle");
    let recycle = recycle::read(reader, recycle_value);
    let slots = workers.zip(recycle).and_then(|(workers, recycle)| {
        let (at, recycled) = (workers_value.map(|it| it.span), recycle_value.map(|it| it.span));
        reader.keep(workers.slots(recycle, at, recycled))
    });
    let line = line::read(reader, &mut table, mode);
    let start_timeout_value = line_only(reader, &mut table, "start_timeout");
    let start_timeout = ready::start_timeout(reader, start_timeout_value);
    let watchdog_value = line_only(reader, &mut table, "watchdog");
    let watchdog = liveness::period(reader, watchdog_value);
    let clocks = clocks::read(reader, &mut table, mode);
    let retry = retry::read(reader, table.take("retry"));
    let dependency_pause = dependency_pause::read(reader, table.take("dependency_pause"));
    let durability = durability::read(reader, &mut table, value.key, value.key_span);
    let forget = forget::read(reader, table.take("forget"));
    let exec =
        exec::read(reader, &mut table, mode, common.program.as_ref().zip(common.program_value));
    let bounds = bounds::read(
        reader,
        &mut table,
        exec.flatten(),
        common.program.as_ref(),
        common.request_size(),
    );
    let restart_value = line_only(reader, &mut table, "restart");
    let restart = restart::read(reader, restart_value, mode.mode);
    let rules = rule::read(reader, table.take("rule"), Owner::Pool(value.key));
    table.close(reader);
    common.check_size(reader, value);

    let slot_count = slots.unwrap_or(1);
    let pool = (|| {
        let (mode, workers, bounds) = (mode.mode?, workers?, bounds?);
        let (readiness, ready, start_timeout) = match mode {
            WorkMode::Line => (Readiness::Message, Ready::Said, start_timeout?),
            WorkMode::Exec => (Readiness::Started, Ready::Started, None),
        };
        rules.fine.then_some(())?;
        let unit = Service {
            policy: UnitPolicy {
                name: name?,
                instances: slots?,
                role: Role::Pool { ahead: workers.min },
                critical: common.critical?,
                restart: restart?,
                stop: common.stop?,
                ready,
                start_timeout,
                after: Vec::new(),
                on_dependency_restart: common.on_dependency_restart?,
                rules: Arc::default(),
                watchdog: watchdog?,
                progress_timeout: None,
                health: None,
            },
            program: common.program?,
            directory: common.directory?,
            environment: common.environment?,
            line: line?,
            readiness,
            health: None,
        };
        let policy = PoolPolicy {
            mode,
            min: workers.min,
            max: workers.max,
            clocks: clocks?,
            retry: retry?,
            recycle: recycle?,
            grow_after: workers.grow_after,
            shrink_after: workers.shrink_after,
            queue: bounds.queue,
            dependency_pause: dependency_pause?,
            rules: Arc::default(),
        };
        Some(Pool {
            unit,
            policy,
            exec: exec?,
            durability: durability?.durability,
            max_payload: bounds.max_payload,
            max_result: bounds.max_result,
            logs: bounds.logs,
            forget: forget?,
        })
    })();
    let draft = Draft {
        name: value.key,
        name_span: value.key_span,
        sort: Sort::Pool,
        after: common.after,
        restart_when: (Some(RestartWhen::Worker), None),
        instances: (slot_count, workers_value.map(|value| value.span)),
        rules: rules.drafts,
        made: pool.map(|pool| Made::Pool(Box::new(pool))),
    };
    Some(Read { draft, durability })
}

#[cfg(test)]
mod tests;
