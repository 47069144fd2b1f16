//! `health`: a probe of a service that runs.

use super::check::http::StatusShape;
use super::check::probing::{Defaults, FAILURES_MAX};
use super::check::{self, Check, FORMS, Form};
use crate::diagnostic::Problem;
use crate::read::duration::DurationShape;
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::policy::Probing;
use schemars::JsonSchema;
use std::time::Duration;

/// How a probe goes, unless the config says otherwise.
const PROBING: Defaults = Defaults {
    probing: Probing {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        failures: Some(3),
    },
    without: Some("remove `health`"),
};

pub(crate) const KEYS: Keys = Keys {
    place: "[service.NAME.health]",
    shape: "Health",
    known: &["tcp", "http", "exec", "status", "interval", "timeout", "failures"],
    later: &["unix", "grpc", "headers", "successes", "initial_delay", "memory"],
    aliases: &[
        ("port", "tcp"),
        ("socket", "tcp"),
        ("tcpsocket", "tcp"),
        ("tcp_socket", "tcp"),
        ("url", "http"),
        ("httpget", "http"),
        ("http_get", "http"),
        ("command", "exec"),
        ("cmd", "exec"),
        ("test", "exec"),
        ("script", "exec"),
        ("period", "interval"),
        ("periodseconds", "interval"),
        ("period_seconds", "interval"),
        ("timeoutseconds", "timeout"),
        ("timeout_seconds", "timeout"),
        ("retries", "failures"),
        ("failurethreshold", "failures"),
        ("failure_threshold", "failures"),
    ],
};

/// A probe of a service that runs: one of tcp, http and exec.
#[derive(JsonSchema)]
#[schemars(
    rename = "Health",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("oneOf" = [
        { "required": ["tcp"] },
        { "required": ["http"] },
        { "required": ["exec"] },
    ]),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct HealthShape {
    /// It takes a connection there, host:port.
    #[schemars(extend("examples" = ["127.0.0.1:8080", "[::1]:8080"]))]
    tcp: String,
    /// It answers a GET of this URL, http only.
    #[schemars(extend("examples" = ["http://127.0.0.1:8080/health"]))]
    http: String,
    /// This program exits with 0; it runs as the service is run, and no shell sees it.
    #[schemars(length(min = 1), extend("examples" = [["pg_isready", "-q"]]))]
    exec: Vec<String>,
    /// The status codes of `http` that are fine.
    #[schemars(extend("default" = "200-299"))]
    status: StatusShape,
    /// From the end of one probe to the start of the next.
    #[schemars(extend("default" = "10s"))]
    interval: DurationShape,
    /// How long a probe may take.
    #[schemars(extend("default" = "3s"))]
    timeout: DurationShape,
    /// How many probes may fail in a row before it is stopped, which counts as a failure.
    #[schemars(range(min = 1, max = FAILURES_MAX), extend("default" = 3))]
    failures: u32,
}

/// What is probed, and how often; `None` inside if nothing is.
pub(super) fn read(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
) -> Option<Option<(Check, Probing)>> {
    let Some(value) = value else {
        return Some(None);
    };
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write health = { http = \"http://127.0.0.1:8080/health\" }; tcp and exec can \
                    stand there, too";
        reader.error(value.wrong_type("a table", help));
        return None;
    };
    let form = check::form(reader, &mut table, &FORMS);
    let read = check::read(reader, &mut table, form, PROBING);
    // Otherwise an unknown key is probably why.
    if matches!(form, Form::Missing) && table.left().next().is_none() {
        let message = "`health` does not say what to probe";
        let help = "write one of tcp = \"127.0.0.1:8080\", http = \"http://…\" and exec = \
                    [\"program\"] in it";
        reader.error(Problem::new(value.span, message, help));
    }
    table.close(reader);
    read.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{problems, refuses_service, service};

    #[test]
    fn good_health() {
        let read = |lines: &str| {
            let service = service(lines);
            let probing = service
                .policy
                .health
                .map(|it| (it.interval.as_millis(), it.timeout.as_millis(), it.failures));
            (service.health, probing)
        };
        assert_eq!(read(""), (None, None));
        let (check, probing) = read("health = { tcp = \"${HOST}:5432\" }");
        let Some(Check::Tcp(address)) = check else { panic!("{check:?}") };
        assert_eq!(address.to_string(), "db1:5432");
        assert_eq!(probing, Some((10_000, 3_000, Some(3))));
        let (check, probing) = read(
            "[service.web.health]\nexec = [\"pg_isready\", \"-h\", \"${HOST}\"]\n\
             interval = \"10ms\"\ntimeout = \"1h\"\nfailures = 1_000",
        );
        let words = ["pg_isready", "-h", "db1"].map(str::to_owned).to_vec();
        assert_eq!(check, Some(Check::Exec(words)));
        assert_eq!(probing, Some((10, 3_600_000, Some(1_000))));
        let (check, _) = read("health.http = \"http://[::1]/x\"\nhealth.status = \"200-399\"");
        let Some(Check::Http(http)) = check else { panic!("{check:?}") };
        assert_eq!((http.path.as_str(), http.status), ("/x", 200..=399));
    }

    #[test]
    fn bad_health() {
        let table = [
            ("health = {}", ["3:10", "{}", "does not say what to probe", "tcp ="]),
            ("health = \"tcp\"", ["3:10", "\"tcp\"", "a table, not a string", "http ="]),
            (
                "health.failures = \"unlimited\"\nhealth.tcp = \"x:1\"",
                ["3:19", "\"unlimited\"", "nothing would follow", "or remove `health`"],
            ),
            (
                "health.failures = 0\nhealth.tcp = \"x:1\"",
                ["3:19", "0", "from 1 to 1000, not `0`", "from 1 to 1000"],
            ),
            (
                "health = { tcp = \"x:1\", interval = \"1ms\" }",
                ["3:36", "\"1ms\"", "`interval` must be from \"10ms\"", "\"1d\""],
            ),
            (
                "health = { tcp = \"x:1\", timeout = \"never\" }",
                ["3:35", "\"never\"", "no duration", "has no \"never\""],
            ),
            (
                "health = { log = \"x\" }",
                ["3:12", "log", "unknown key `log` in `health`", "belongs in"],
            ),
            (
                "health = { tcp = \"x:1\", retries = 3 }",
                ["3:25", "retries", "unknown key", "hearken calls it `failures`"],
            ),
            (
                "health = { exec = \"curl -f x\" }",
                [
                    "3:19",
                    "\"curl -f x\"",
                    "an array of strings",
                    "exec = [\"curl\", \"-f\", \"x\"]",
                ],
            ),
            ("health = { exec = [] }", ["3:19", "[]", "`exec` names no program", "exec = ["]),
            (
                "health = { tcp = \"${NOPE}:80\" }",
                ["3:19", "${NOPE}", "NOPE is not set", "${NOPE:-…}"],
            ),
            (
                "health = { tcp = \"${EMPTY}:80\" }",
                ["3:19", "${EMPTY}", "EMPTY is empty", "${EMPTY:-…}"],
            ),
            ("healthcheck = {}", ["3:1", "healthcheck", "unknown key", "calls it `health`"]),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn what_a_variable_stands_for_is_not_shown() {
        let text = "[service.a]\ncommand = [\"x\"]\nhealth = { http = \"${HOST}\" }\n";
        let shown = problems(text)[0].render(false);
        assert!(shown.contains("does not start with http://"), "{shown}");
        assert!(!shown.contains("db1"), "{shown}");
    }
}
