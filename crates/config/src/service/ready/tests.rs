use super::*;
use crate::service::check::address::Address;
use crate::testing::{problems, refuses_service, service};

#[test]
fn good_words() {
    let seconds = |s| Some(Duration::from_secs(s));
    let packed = LineMode::MessagePack;
    let newline = |descriptor| Readiness::Newline { descriptor };
    let table = [
        ("", Readiness::Started, packed, seconds(30)),
        ("ready = \"started\"", Readiness::Started, packed, seconds(30)),
        ("ready = \"message\"", Readiness::Message, packed, seconds(30)),
        ("ready = \"notify\"\nline = \"none\"", Readiness::Notify, LineMode::None, seconds(30)),
        ("ready = \"newline\"", newline(3), packed, seconds(30)),
        ("ready = { newline = 4 }", newline(4), packed, seconds(30)),
        ("[service.web.ready]\nnewline = 9", newline(9), packed, seconds(30)),
        ("line = \"none\"", Readiness::Started, LineMode::None, seconds(30)),
        ("ready = \"message\"\nline = \"json\"", Readiness::Message, LineMode::Json, seconds(30)),
        ("start_timeout = \"2m\"", Readiness::Started, packed, seconds(120)),
        ("start_timeout = \"never\"", Readiness::Started, packed, None),
    ];
    for (lines, readiness, line, timeout) in table {
        let service = service(lines);
        let started = readiness == Readiness::Started;
        let ready = if started { Ready::Started } else { Ready::Said };
        assert_eq!(service.policy.ready, ready, "{lines}");
        let read = (service.readiness, service.line, service.policy.start_timeout);
        assert_eq!(read, (readiness, line, timeout), "{lines}");
    }
}

#[test]
fn good_probes() {
    let probe = |lines: &str| {
        let service = service(lines);
        let Ready::Probe(probing) = service.policy.ready else {
            panic!("{lines}: {:?}", service.policy.ready);
        };
        let Readiness::Probe(check) = service.readiness else {
            panic!("{lines}: {:?}", service.readiness);
        };
        (check, probing.interval.as_millis(), probing.timeout.as_millis(), probing.failures)
    };
    let address = |host: &str, port| Address { host: host.into(), port };
    let table = [
        (
            "ready = { tcp = \"127.0.0.1:8080\" }",
            (Check::Tcp(address("127.0.0.1", 8080)), 1_000, 1_000, None),
        ),
        (
            "ready = { tcp = \"[::1]:1\", interval = \"200ms\", timeout = \"5s\", failures = 7 }",
            (Check::Tcp(address("::1", 1)), 200, 5_000, Some(7)),
        ),
        (
            "ready.exec = [\"sh\", \"-c\", \"nc ${HOST}\"]\nready.failures = \"unlimited\"",
            (Check::Exec(["sh", "-c", "nc db1"].map(str::to_owned).to_vec()), 1_000, 1_000, None),
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(probe(lines), expected, "{lines}");
    }
    let statuses =
        [("", 200..=299), (", status = 204", 204..=204), (", status = \"200-399\"", 200..=399)];
    for (status, expected) in statuses {
        let (check, ..) =
            probe(&format!("ready = {{ http = \"http://${{HOST}}:81/up\"{status} }}"));
        let Check::Http(http) = check else { panic!("{check:?}") };
        assert_eq!(http.address, address("db1", 81));
        assert_eq!((http.path.as_str(), http.status), ("/up", expected));
    }
}

#[test]
fn a_line_of_the_log() {
    let service = service("ready.log = '^listening on ${HOST}:\\d+'");
    assert_eq!(service.policy.ready, Ready::Said);
    let Readiness::Log(pattern) = service.readiness else { panic!("{:?}", service.readiness) };
    assert_eq!(pattern.as_str(), "^listening on db1:\\d+");
    assert!(pattern.matches(b"listening on db1:80") && !pattern.matches(b"db1"));
}

#[test]
fn bad_readiness() {
    let table = [
        ("ready = \"mesage\"", ["3:9", "\"mesage\"", "`ready` cannot be `mesage`", "\"message\"?"]),
        ("ready = \"notfy\"", ["3:9", "\"notfy\"", "cannot be `notfy`", "\"notify\"?"]),
        ("ready = \"tcp\"", ["3:9", "\"tcp\"", "cannot be `tcp`", "ready = { tcp = "]),
        ("ready = \"forking\"", ["3:9", "\"forking\"", "cannot be", "in the foreground"]),
        ("ready = {}", ["3:9", "{}", "does not say what to look at", "tcp, http, exec, newline"]),
        (
            "ready = { tpc = \"x:1\" }",
            ["3:11", "tpc", "unknown key `tpc` in `ready`", "did you mean `tcp`?"],
        ),
        (
            "ready = true",
            ["3:9", "true", "a word in quotes or a table, not a boolean", "ready = \"started\""],
        ),
        ("ready = { newline = 2 }", ["3:21", "2", "from 3 to 9, not `2`", "from 3 to 9"]),
        ("ready = { newline = 10 }", ["3:21", "10", "from 3 to 9, not `10`", "from 3 to 9"]),
        ("ready = { newline = 5 }", ["3:21", "5", "the number of the line", "newline = 3"]),
        ("ready = { newline = true }", ["3:21", "true", "a whole number", "newline = 3"]),
        (
            "ready = { newline = 3, interval = \"1s\" }",
            ["3:24", "interval", "`interval` has no meaning beside `newline`", "remove it"],
        ),
        (
            "ready = { tcp = \"x:1\", http = \"http://x\" }",
            ["3:24", "http", "`ready` has both `tcp` and `http`", "keep one"],
        ),
        (
            "ready = { log = \"x\", exec = [\"x\"] }",
            ["3:22", "exec", "`ready` has both `log` and `exec`", "keep one"],
        ),
        (
            "ready = { tcp = \"x:1\", status = 200 }",
            ["3:24", "status", "`status` has no meaning beside `tcp`", "only `http`"],
        ),
        ("ready = { tcp = 8080 }", ["3:17", "8080", "an address in quotes", "127.0.0.1:8080"]),
        ("ready = { tcp = \"x\" }", ["3:17", "\"x\"", "it has no port", "127.0.0.1:8080"]),
        ("ready = { tcp = \":80\" }", ["3:17", "\":80\"", "it has no host", "127.0.0.1:8080"]),
        ("ready = { tcp = \"x:0\" }", ["3:17", "\"x:0\"", "from 1 to 65535", "host and port"]),
        ("ready = { tcp = \"::1:80\" }", ["3:17", "\"::1:80\"", "in brackets", "[::1]:8080"]),
        (
            "ready = { tcp = \"http://x\" }",
            ["3:17", "\"http://x\"", "it is a URL", "http = \"http://"],
        ),
        (
            "ready = { http = \"https://x\" }",
            ["3:18", "\"https://x\"", "no TLS", "exec = [\"curl\""],
        ),
        ("ready = { http = \"x:80\" }", ["3:18", "\"x:80\"", "start with http://", "write http ="]),
        (
            "ready = { http = \"http://x/a b\" }",
            ["3:18", "\"http://x/a b\"", "cannot stand in a URL", "%20"],
        ),
        (
            "ready = { http = \"http://x\", status = 99 }",
            ["3:39", "99", "`99` is no status code", "200-299"],
        ),
        (
            "ready = { http = \"http://x\", status = \"2xx\" }",
            ["3:39", "\"2xx\"", "`2xx` is no status code", "200-299"],
        ),
        (
            "ready = { http = \"http://x\", status = \"299-200\" }",
            ["3:39", "\"299-200\"", "ends before it starts", "\"200-299\""],
        ),
        (
            "ready = { http = \"http://x\", status = [200] }",
            ["3:39", "[200]", "a status code or a range", "status = 200"],
        ),
        (
            "ready = { exec = \"pg_isready -q\" }",
            ["3:18", "\"pg_isready -q\"", "array of strings", "exec = [\"pg_isready\", \"-q\"]"],
        ),
        (
            "ready = { exec = \"a | b\" }",
            ["3:18", "\"a | b\"", "array of strings", "[\"sh\", \"-c\", \"…\"]"],
        ),
        ("ready = { log = \"(\" }", ["3:17", "\"(\"", "unclosed group", "backslash"]),
        ("ready = { log = \"\" }", ["3:17", "\"\"", "every line", "what the line holds"]),
        (
            "ready = { log = \"up on ${NOPE}\" }",
            ["3:24", "${NOPE}", "NOPE is not set", "${NOPE:-…}"],
        ),
        ("ready = { tcp = \"${NOPE}\" }", ["3:18", "${NOPE}", "NOPE is not set", "${NOPE:-…}"]),
        (
            "ready = { exec = [\"x\", \"${EMPTY}\"] }",
            ["3:25", "${EMPTY}", "EMPTY is empty", "${EMPTY:-…}"],
        ),
        (
            "ready = { http = \"http://${NOPE}/\" }",
            ["3:26", "${NOPE}", "NOPE is not set", "${NOPE:-…}"],
        ),
        (
            "ready = { tcp = \"x:1\", failures = 0 }",
            ["3:35", "0", "from 1 to 1000, not `0`", "\"unlimited\""],
        ),
        (
            "ready = { tcp = \"x:1\", failures = \"never\" }",
            ["3:35", "\"never\"", "a whole number", "failures = \"unlimited\""],
        ),
        (
            "ready = { tcp = \"x:1\", interval = \"0s\" }",
            ["3:35", "\"0s\"", "from \"10ms\" to \"1d\"", "\"1d\""],
        ),
        (
            "ready = { tcp = \"x:1\", period_seconds = 3 }",
            ["3:24", "period_seconds", "unknown key", "hearken calls it `interval`"],
        ),
        ("tcp = \"x:1\"", ["3:1", "tcp", "unknown key", "`tcp` belongs in ready = { … }"]),
        ("line = \"msgpack\"", ["3:8", "\"msgpack\"", "cannot be `msgpack`", "\"messagepack\"?"]),
        ("start_timeout = 30", ["3:17", "30", "not an integer", "\"30s\" for seconds"]),
        ("start_timeout = 0", ["3:17", "0", "not an integer", "or \"never\""]),
        ("start_timeout = \"0s\"", ["3:17", "\"0s\"", "not \"0s\"", "start_timeout = \"never\""]),
        ("start_timeout = \"forever\"", ["3:17", "\"forever\"", "no duration", "= \"never\""]),
        (
            "start_timeout = \"30sec\"",
            ["3:17", "\"30sec\"", "`sec` is no unit", "ms, s, m, h and d"],
        ),
        (
            "line = \"none\"\nready = \"message\"",
            [
                "4:9",
                "\"message\"",
                "`ready` waits for a message, but `line` is \"none\"",
                "line = \"messagepack\"",
            ],
        ),
    ];
    for (lines, expected) in table {
        refuses_service(lines, expected);
    }
}

#[test]
fn both_keys_are_shown() {
    let table = [
        (
            "line = \"none\"\nready = \"message\"",
            ["------ none can come", "^^^^^^^^^ waits for a message"],
        ),
        ("ready = { tcp = \"x:1\", log = \"x\" }", ["the other\n", "^^^ one too many"]),
        ("ready = { tcp = \"x:1\", status = 200 }", ["no status here\n", "^^^^^^"]),
    ];
    for (lines, expected) in table {
        let text = format!("[service.a]\ncommand = [\"x\"]\n{lines}\n");
        let shown = problems(&text)[0].render(false);
        assert!(expected.iter().all(|part| shown.contains(part)), "{shown}");
    }
}
