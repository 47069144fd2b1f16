//! `[service.NAME]`: a program that is kept running.

pub(crate) mod check;
pub(crate) mod health;
pub(crate) mod liveness;
pub(crate) mod ready;

use crate::read::choice::OneOf;
use crate::read::duration::DurationOrNeverShape;
use crate::read::keys::Keys;
use crate::read::{Reader, Value};
use crate::rule::{self, Owner, ServiceRuleShape};
use crate::unit::after::AwaitedShape;
use crate::unit::environment::EnvironmentShape;
use crate::unit::line::LineMode;
use crate::unit::program::Program;
use crate::unit::restart::RestartShape;
use crate::unit::stop::StopShape;
use crate::unit::{self, Draft, Made, Sort, instances, restart, size};
use check::Check;
use health::HealthShape;
use hearken_core::policy::{OnDependencyRestart, Role, UnitPolicy};
use ready::{Readiness, ReadyShape};
use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A service, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Service {
    /// What the core decides by. `after` counts in the order of [`Config::units`](crate::Config::units).
    pub policy: UnitPolicy,
    /// What is run.
    pub program: Program,
    /// Where it runs; absolute.
    pub directory: PathBuf,
    /// What the config adds to the clean environment of a child, expanded.
    pub environment: BTreeMap<String, String>,
    /// What it speaks on its line.
    pub line: LineMode,
    /// How it is found out that it is ready; how often a probe looks stands in `policy.ready`.
    pub readiness: Readiness,
    /// How its health is found out; how often stands in `policy.health`, which is there if this is.
    pub health: Option<Check>,
}

/// Without the values of its environment: they may be secrets.
impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked: BTreeMap<&str, &str> =
            self.environment.keys().map(|name| (name.as_str(), "***")).collect();
        f.debug_struct("Service")
            .field("policy", &self.policy)
            .field("program", &self.program)
            .field("directory", &self.directory)
            .field("environment", &masked)
            .field("line", &self.line)
            .field("readiness", &self.readiness)
            .field("health", &self.health)
            .finish()
    }
}

pub(crate) const KEYS: Keys = Keys {
    place: "[service.NAME]",
    shape: "Service",
    known: &[
        "command",
        "shell",
        "directory",
        "environment",
        "instances",
        "critical",
        "after",
        "on_dependency_restart",
        "ready",
        "line",
        "start_timeout",
        "watchdog",
        "progress_timeout",
        "health",
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
        "listen",
        "max_frame",
        "recycle",
        "schedule",
        "stdin",
        "stdout",
        "stderr",
        "log",
        "nice",
        "reload",
        "secrets",
        "before",
        "enabled",
        "template",
        "extends",
        "environment_file",
        "start_before",
        "finish",
    ],
    aliases: &[
        ("cmd", "command"),
        ("exec", "command"),
        ("execstart", "command"),
        ("exec_start", "command"),
        ("args", "command"),
        ("argv", "command"),
        ("script", "shell"),
        ("cwd", "directory"),
        ("chdir", "directory"),
        ("workdir", "directory"),
        ("working_dir", "directory"),
        ("working_directory", "directory"),
        ("env", "environment"),
        ("replicas", "instances"),
        ("numprocs", "instances"),
        ("workers", "instances"),
        ("count", "instances"),
        ("depends_on", "after"),
        ("depends", "after"),
        ("requires", "after"),
        ("wants", "after"),
        ("needs", "after"),
        ("autorestart", "restart"),
        ("restart_policy", "restart"),
        ("start_delay", "start_timeout"),
        ("startsecs", "start_timeout"),
        ("stopsignal", "stop"),
        ("stop_signal", "stop"),
        ("stop_timeout", "stop"),
        ("stopwaitsecs", "stop"),
        ("kill_timeout", "stop"),
        ("protocol", "line"),
        ("part_of", "on_dependency_restart"),
        ("partof", "on_dependency_restart"),
        ("binds_to", "on_dependency_restart"),
        ("bindsto", "on_dependency_restart"),
        ("type", "ready"),
        ("readiness", "ready"),
        ("readinessprobe", "ready"),
        ("readiness_probe", "ready"),
        ("startupprobe", "ready"),
        ("startup_probe", "ready"),
        ("notification_fd", "ready"),
        ("timeoutstartsec", "start_timeout"),
        ("timeout_start_sec", "start_timeout"),
        ("watchdogsec", "watchdog"),
        ("watchdog_sec", "watchdog"),
        ("heartbeat", "watchdog"),
        ("healthcheck", "health"),
        ("health_check", "health"),
        ("livenessprobe", "health"),
        ("liveness_probe", "health"),
        ("rules", "rule"),
    ],
};

/// A program that is kept running.
#[derive(JsonSchema)]
#[schemars(
    rename = "Service",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("oneOf" = [{ "required": ["command"] }, { "required": ["shell"] }]),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct ServiceShape {
    /// The program and its arguments, as they are: no shell splits or expands them.
    #[schemars(length(min = 1), extend("examples" = [["php", "server.php"]]))]
    command: Vec<String>,
    /// A text for `/bin/sh -c`, instead of `command`. ${VAR} is replaced by hearken; write $VAR or
    /// $${VAR} for a variable of the shell.
    #[schemars(length(min = 1), extend("examples" = ["exec ./server --port \"$PORT\""]))]
    shell: String,
    /// Where it runs: absolute, or relative to the folder of the config file, which is the default.
    #[schemars(extend("default" = "."))]
    directory: String,
    /// What it finds in its environment, beside PATH, LANG, HOME, USER and what hearken sets.
    environment: EnvironmentShape,
    /// How many processes of it run.
    #[schemars(range(min = 1, max = 10_000), extend("default" = 1))]
    instances: u32,
    /// Whether its failing for good ends hearken, with a non-zero exit code.
    #[schemars(extend("default" = false))]
    critical: bool,
    /// What must hold before it is started; it is stopped before them.
    #[schemars(extend("default" = []))]
    after: Vec<AwaitedShape>,
    /// What follows when something it comes after ends.
    #[schemars(extend("default" = "keep"))]
    on_dependency_restart: OneOf<OnDependencyRestart>,
    /// When it counts as ready.
    #[schemars(extend("default" = "started"))]
    ready: ReadyShape,
    /// What it speaks on its line to hearken.
    #[schemars(extend("default" = "messagepack"))]
    line: OneOf<LineMode>,
    /// How long it may take from its start to ready.
    #[schemars(extend("default" = "30s"))]
    start_timeout: DurationOrNeverShape,
    /// How often it must give a sign of life once it is ready: anything on its line, or WATCHDOG=1.
    #[schemars(extend("default" = "never"))]
    watchdog: DurationOrNeverShape,
    /// How often it must say on its line, once it is ready, that it gets on with its work.
    #[schemars(extend("default" = "never"))]
    progress_timeout: DurationOrNeverShape,
    /// What is probed once it is ready.
    health: HealthShape,
    /// When it is started again; the policy alone is enough: restart = "always".
    restart: RestartShape,
    /// What follows from what it says and how it ends: the first rule that matches decides.
    rule: Vec<ServiceRuleShape>,
    /// How it is stopped; the signal alone is enough: stop = "INT".
    stop: StopShape,
}

/// Reads a service. There is a draft even of a broken one: others may name it in their `after`.
pub(crate) fn read<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Option<Draft<'t>> {
    let (name, mut table) = unit::open(reader, value, Sort::Service, &KEYS)?;
    let common = unit::read(reader, &mut table, value);
    let instances_value = table.take("instances");
    let instances = match instances_value {
        Some(value) => reader.keep(instances::read(value)),
        None => Some(1),
    };
    let ready = ready::read(reader, &mut table);
    let liveness = liveness::read(reader, &mut table, &ready);
    let health = health::read(reader, table.take("health"));
    let restart = restart::read(reader, table.take("restart"));
    let rules = rule::read(reader, table.take("rule"), Owner::Service(value.key));
    table.close(reader);

    let probes = [
        health.as_ref().and_then(Option::as_ref).map(|(check, _)| check),
        ready.readiness.as_ref().and_then(|(readiness, _)| readiness.check()),
    ];
    if common.check_size(reader, value)
        && let (Some(directory), Some(environment)) = (&common.directory, &common.environment)
    {
        // A probe that is a program is started like the service itself.
        for words in probes.into_iter().flatten().filter_map(Check::program) {
            let size = size::of_probe(words, directory, environment);
            reader.keep(size::fits(value, "probe", size));
        }
    }
    let restart_when = (restart.when, restart.when_span);
    rule::warn_idle(reader, &rules.drafts, restart_when);
    let service = (|| {
        let (readiness, ready_when) = ready.readiness?;
        let liveness = liveness?;
        let (health, health_probing) = health?.unzip();
        rules.fine.then_some(())?;
        Some(Service {
            policy: UnitPolicy {
                name: name?,
                instances: instances?,
                role: Role::Service,
                critical: common.critical?,
                restart: restart.policy?,
                stop: common.stop?,
                ready: ready_when,
                start_timeout: ready.start_timeout?,
                after: Vec::new(),
                on_dependency_restart: common.on_dependency_restart?,
                rules: Arc::default(),
                watchdog: liveness.watchdog,
                progress_timeout: liveness.progress_timeout,
                health: health_probing,
            },
            program: common.program?,
            directory: common.directory?,
            environment: common.environment?,
            line: ready.line?,
            readiness,
            health,
        })
    })();
    Some(Draft {
        name: value.key,
        name_span: value.key_span,
        sort: Sort::Service,
        after: common.after,
        restart_when,
        instances: (instances.unwrap_or(1), instances_value.map(|value| value.span)),
        rules: rules.drafts,
        made: service.map(|service| Made::Service(Box::new(service))),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{refuses, refuses_all, refuses_service, service};
    use std::path::Path;

    #[test]
    fn good_directories() {
        let table = [
            ("", "/etc/hearken"),
            (r#"directory = ".""#, "/etc/hearken"),
            (r#"directory = "./a//b/""#, "/etc/hearken/a/b"),
            (r#"directory = "../x""#, "/etc/hearken/../x"),
            (r#"directory = "/srv/${HOST}""#, "/srv/db1"),
        ];
        for (lines, expected) in table {
            assert_eq!(service(lines).directory, Path::new(expected), "{lines}");
        }
    }

    #[test]
    fn bad_services() {
        let table = [
            (
                r#"directory = """#,
                ["3:13", r#""""#, "`directory` must not be empty", r#"directory = ".""#],
            ),
            (
                r#"directory = "~""#,
                ["3:13", r#""~""#, "`~` is not expanded in `directory`", "${HOME}"],
            ),
            ("directory = 3", ["3:13", "3", "must be a string, not an integer", r#""3""#]),
            (r#"directory = "${SRV}/x""#, ["3:14", "${SRV}", "SRV is not set", "${SRV:-…}"]),
            (
                r#"critical = "true""#,
                ["3:12", r#""true""#, "true or false, not a string", "critical = true"],
            ),
            (
                r#"restrat = "always""#,
                [
                    "3:1",
                    "restrat",
                    "unknown key `restrat` in [service.web]",
                    "did you mean `restart`?",
                ],
            ),
            (
                "[service.web.restrat]\nlimit = 3",
                ["3:14", "restrat", "unknown key `restrat`", "`restart`?"],
            ),
            (
                r#"depends_on = ["db"]"#,
                ["3:1", "depends_on", "unknown key", "hearken calls it `after`"],
            ),
            (
                r#"delay = "1s""#,
                ["3:1", "delay", "unknown key `delay`", "belongs in restart = { … }"],
            ),
            (
                r#"limits = {}"#,
                ["3:1", "limits", "`limits` in [service.web] is not supported yet", "remove it"],
            ),
            // Never run as whoever hearken runs as, while somebody else was meant.
            (r#"user = "www""#, ["3:1", "user", "not supported yet", "remove it"]),
            (r#"group = "www""#, ["3:1", "group", "not supported yet", "remove it"]),
            (
                r#""a\u001b[31m" = 1"#,
                ["3:1", r#""a\u001b[31m""#, r"unknown key `a\u{1b}[31m`", "the keys here"],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn a_broken_service_can_be_waited_for() {
        refuses(
            "[service.a]\ncommand = [\"x\"]\nafter = [\"b\"]\n[service.b]\ncommand = 3\n",
            ["5:11", "3", "`command` must be an array", "command = ["],
        );
    }

    #[test]
    fn all_problems_at_once_in_order() {
        refuses_all(
            "[service.a]\nstop = 1\nline = 2\nxyzzy = 3\nready = 4\n[service.B]\ncommand = [\"x\"]\n",
            &[
                ["1:10", "a", "no `command`", "command ="],
                ["2:8", "1", "`stop`", "TERM"],
                ["3:8", "2", "`line`", "messagepack"],
                ["4:1", "xyzzy", "unknown key", "the keys here are"],
                ["5:9", "4", "`ready`", "started"],
                ["6:10", "B", "no name for a service", "[service.b]"],
            ],
        );
    }
}
