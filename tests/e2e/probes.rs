//! Probes find out when a service is ready; and however they behave themselves, they harm nobody.

use crate::harness::{
    Hearken, PATIENCE, Process, Setup, Web, alone, event, hearken, is_root, port, skip, until,
};
use crate::programs::is_here;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The processes of probes that live, by number.
fn probing(hearken: &Hearken) -> Vec<i32> {
    let is_probe = |pid: i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one.starts_with(b"HEARKEN_PROBE="))
    };
    hearken.tree().iter().map(|it| it.pid).filter(|pid| is_probe(*pid)).collect()
}

#[track_caller]
fn no_probe_is_left(hearken: &Hearken) {
    until("no process of a probe", PATIENCE, || probing(hearken).is_empty().then_some(()));
    until("no zombie", PATIENCE, || hearken.zombies().is_empty().then_some(()));
}

#[test]
fn a_slow_server_is_ready_when_it_takes_a_connection_and_its_dependent_starts_then() {
    let port = port();
    let mut hearken = hearken(
        &format!(
            r#"
[service.web]
shell = "sleep 0.6; exec /usr/bin/python3 -m http.server {port} --bind 127.0.0.1"
ready = {{ tcp = "127.0.0.1:{port}", interval = "50ms" }}
[service.page]
shell = "sleep 0.6; exec /usr/bin/python3 -m http.server {{port2}} --bind 127.0.0.1"
ready = {{ http = "http://localhost:{{port2}}/", interval = "50ms", timeout = "5s" }}
[service.client]
command = ["{{fixture}}", "run"]
after = ["web", "page"]
"#
        )
        .replace("{port2}", &self::port().to_string()),
    );
    let web = hearken.wait(&event("ready").unit("web"));
    assert!(web.number("after_ms") >= 550, "{web}");
    let page = hearken.wait(&event("ready").unit("page"));
    let client = hearken.wait(&event("started").unit("client"));
    assert!(client.index > web.index && client.index > page.index, "{}", hearken.dump());
    // It was refused many times, and said so once.
    for unit in ["web", "page"] {
        let failed = hearken.all(&event("probe_failed").unit(unit));
        assert_eq!(failed.len(), 1, "{}", hearken.dump());
        assert_eq!(failed[0].text("purpose"), "readiness");
        assert!(failed[0].text("reason").contains("ECONNREFUSED"), "{}", failed[0]);
    }
    hearken.shut_down_well();
}

#[test]
fn nginx_and_redis_are_ready_when_they_answer() {
    if !is_here("nginx") || !is_here("redis-server") {
        return skip("no nginx or no redis-server here");
    }
    let (nginx, redis) = (port(), port());
    let setup = Setup::new(&format!(
        r#"
[service.nginx]
command = ["nginx", "-c", "{{folder}}/nginx.conf", "-p", "{{folder}}", "-e", "stderr"]
stop = "QUIT"
ready = {{ http = "http://127.0.0.1:{nginx}/up", status = 204, interval = "50ms", timeout = "5s" }}
[service.nginx.health]
http = "http://127.0.0.1:{nginx}/down"
status = "500-503"
interval = "100ms"
[service.redis]
shell = "sleep 0.3; exec redis-server --port {redis} --bind 127.0.0.1 --save '' --dir {{folder}}"
ready = {{ exec = ["redis-cli", "-p", "{redis}", "ping"], interval = "50ms", timeout = "5s" }}
health = {{ tcp = "localhost:{redis}", interval = "100ms" }}
"#
    ));
    let config = format!(
        "daemon off; pid nginx.pid; worker_processes 1; error_log stderr;\n\
         events {{ worker_connections 16; }}\n\
         http {{ access_log access.log; client_body_temp_path t1; proxy_temp_path t2;\n\
         fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n\
         server {{ listen 127.0.0.1:{nginx}; location /up {{ return 204; }}\n\
         location /down {{ return 503; }} }} }}\n"
    );
    setup.file("nginx.conf", config.as_bytes(), 0o644);
    let mut hearken = setup.start();
    hearken.wait(&event("ready").unit("nginx"));
    let ready = hearken.wait(&event("ready").unit("redis"));
    assert!(ready.number("after_ms") >= 250, "{ready}");
    let log = hearken.folder().join("access.log");
    let asked = until("a few health probes", PATIENCE, || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log.matches("GET /down").count() > 3).then_some(log)
    });
    assert!(asked.contains("hearken/"), "it says who asks: {asked}");
    hearken.shut_down_well();
    let health = event("probe_failed").is("purpose", "health");
    assert!(hearken.all(&health).is_empty(), "{}", hearken.dump());
}

#[test]
fn who_answers_wrongly_or_never_is_not_ready_and_start_timeout_bites() {
    let (wrong, never, moved) = (Web::answering(500), Web::answering(0), Web::answering(302));
    let unit = |name: &str, port: u16| {
        format!(
            "[service.{name}]\ncommand = [\"{{fixture}}\", \"run\"]\nstart_timeout = \"900ms\"\n\
             ready = {{ http = \"http://127.0.0.1:{port}/up\", interval = \"50ms\", timeout = \"200ms\" }}\n\
             restart = {{ delay = \"1h\", max_delay = \"1h\" }}\n"
        )
    };
    let config =
        unit("wrong", wrong.port) + &unit("never", never.port) + &unit("moved", moved.port);
    let mut hearken = hearken(&config);
    for (name, reason) in [
        ("wrong", "answered 500, not 200-299"),
        ("never", "late: no answer from http://127.0.0.1"),
        ("moved", "answered 302, not 200-299"),
    ] {
        hearken.wait(&event("stopping").unit(name).is("cause", "start_timeout"));
        let failed = hearken.all(&event("probe_failed").unit(name));
        assert_eq!(failed.len(), 1, "said once: {}", hearken.dump());
        assert!(failed[0].text("reason").contains(reason), "{}", failed[0]);
        hearken.wait(&event("restarting").unit(name).is("kind", "timeout"));
    }
    assert!(hearken.all(&event("ready")).is_empty(), "{}", hearken.dump());
    assert!(wrong.asked() > 3 && never.asked() > 1, "{wrong:?} {never:?}");
    hearken.shut_down_well();
}

#[test]
fn a_program_probes_as_the_service_runs() {
    let setup = Setup::new(
        r#"
[service.web]
command = ["{fixture}", "run"]
directory = "{folder}"
environment = { COLOUR = "green" }
ready = { exec = ["sh", "-c", "env > probe.env; ls -l /proc/self/fd > probe.fd; test -e go"], interval = "50ms", timeout = "5s" }
"#,
    );
    let mut hearken = setup.clone().start();
    let failed = hearken.wait(&event("probe_failed").unit("web"));
    assert_eq!(failed.text("reason"), "sh exited with code 1");
    let started = hearken.wait(&event("started").unit("web"));
    setup.file("go", b"", 0o644);
    hearken.wait(&event("ready").unit("web"));
    let environment = std::fs::read_to_string(setup.folder().join("probe.env")).unwrap();
    let pid = format!("HEARKEN_PID={}", started.pid());
    for line in [
        "HEARKEN_UNIT=web",
        "HEARKEN_INSTANCE=1",
        "HEARKEN_INCARNATION=1",
        "HEARKEN_PROBE=readiness",
        "COLOUR=green",
        &pid,
    ] {
        assert!(environment.lines().any(|one| one == line), "{line} is not in\n{environment}");
    }
    assert!(!environment.contains("HEARKEN_FD"), "{environment}");
    let descriptors = std::fs::read_to_string(setup.folder().join("probe.fd")).unwrap();
    assert!(!descriptors.contains("socket:"), "{descriptors}");
    assert_eq!(hearken.all(&event("probe_failed")).len(), 1, "{}", hearken.dump());
    hearken.shut_down_well();
}

#[test]
fn a_probe_program_that_does_not_exist_fails_and_says_so() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
ready = { exec = ["/no/such/probe"], interval = "20ms", failures = 3 }
restart = { delay = "1h", max_delay = "1h" }
"#,
    );
    let failed = hearken.wait(&event("probe_failed").unit("web"));
    let reason = failed.text("reason");
    assert!(reason.contains("/no/such/probe") && reason.contains("ENOENT"), "{failed}");
    assert_eq!((failed.number("failures"), failed.number("limit")), (1, 3));
    hearken.wait(&event("stopping").unit("web").is("cause", "readiness"));
    hearken.wait(&event("restarting").unit("web"));
}

/// It ignores TERM, and so does what it started.
#[test]
fn a_probe_that_hangs_is_killed_late_with_all_it_started() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
ready = { exec = ["{fixture}", "ignore-term", "fork-grandchild", "run"], interval = "50ms", timeout = "300ms", failures = 3 }
restart = { delay = "1h", max_delay = "1h" }
"#,
    );
    let mut failed = hearken.wait(&event("probe_failed").unit("web"));
    assert!(failed.text("reason").starts_with("late: "), "{failed}");
    assert!(failed.text("reason").ends_with("did not end within 300 ms"), "{failed}");
    let said = failed.text("said").to_owned();
    let grandchild = said.strip_prefix("grandchild ").and_then(|pid| pid.parse().ok());
    let grandchild = grandchild.unwrap_or_else(|| panic!("{failed}"));
    until("the end of it", PATIENCE, || (!Process::lives(grandchild)).then_some(()));
    failed = hearken.wait(&event("stopping").unit("web").is("cause", "readiness"));
    hearken.wait_after(&failed, &event("restarting").unit("web"));
    no_probe_is_left(&hearken);
    assert!(hearken.all(&event("orphan_reaped")).len() <= 3, "{}", hearken.dump());
    hearken.shut_down_well();
}

#[test]
fn a_probe_does_not_outlive_what_it_probes() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
ready = { exec = ["{fixture}", "ignore-term", "fork-grandchild", "run"], timeout = "1h" }
start_timeout = "never"
restart = { delay = "0s" }
"#,
    );
    let web = hearken.wait(&event("started").unit("web"));
    let two = || (probing(&hearken).len() == 2).then(|| probing(&hearken));
    let first: BTreeSet<i32> =
        until("the probe and its child", PATIENCE, two).into_iter().collect();
    kill(Pid::from_raw(web.pid()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("started").unit("web").incarnation(2));
    until("the probe of the next", PATIENCE, || {
        let now: BTreeSet<i32> = probing(&hearken).into_iter().collect();
        (now.len() == 2 && now.is_disjoint(&first)).then_some(())
    });
    // An orderly shutdown waits for no probe, and leaves none.
    let asked = Instant::now();
    hearken.shut_down_well();
    assert!(asked.elapsed() < Duration::from_secs(5), "{}", hearken.dump());
    assert_eq!(hearken.all(&event("exited")).len(), 2, "a probe is no process of the unit");
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
}

/// And a killed supervisor leaves none either: the fork server is their janitor, too.
#[test]
fn a_killed_supervisor_leaves_no_probe() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
ready = { exec = ["{fixture}", "ignore-term", "fork-grandchild", "run"], timeout = "1h" }
"#,
    );
    until("the probe", PATIENCE, || (probing(&hearken).len() == 2).then_some(()));
    hearken.signal(Signal::SIGKILL);
    hearken.end_within(PATIENCE);
    hearken.tree_is_gone_within(Duration::from_secs(2));
}

#[test]
fn a_probe_that_floods_costs_little_and_is_late() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
ready = { exec = ["{fixture}", "flood-output", "100000"], interval = "50ms", timeout = "500ms", failures = 3 }
restart = { delay = "1h", max_delay = "1h" }
[service.chatty]
command = ["{fixture}", "run"]
ready = { exec = ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo ' bye'"], interval = "50ms", timeout = "5s" }
"#,
    );
    hearken.wait(&event("ready").unit("chatty"));
    let failed = hearken.wait(&event("probe_failed").unit("web"));
    assert!(failed.text("reason").starts_with("late: "), "{failed}");
    let said = failed.text("said");
    assert!(said.contains("xxx") && said.len() < 600, "{said}");
    hearken.wait(&event("stopping").unit("web").is("cause", "readiness"));
    let cpu = Process::cpu_ms(hearken.pid());
    assert!(cpu < 1_000, "{cpu} ms of processor time for three floods");
    assert!(hearken.all(&event("child_output")).is_empty(), "it is no output of the unit");
}

#[test]
fn what_a_failing_probe_said_last_is_told() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
ready = { exec = ["sh", "-c", "echo checking; printf 'no such table: \\033[31musers\\n' >&2; exit 3"], interval = "20ms", timeout = "5s" }
"#,
    );
    let failed = hearken.wait(&event("probe_failed").unit("web"));
    assert_eq!(failed.text("reason"), "sh exited with code 3");
    let said = failed.text("said");
    assert!(said.contains("checking") && said.contains("no such table: [31musers"), "{said}");
}

/// Row 32. What runs already is not touched, and what was asked for is asked for again.
#[test]
fn a_fork_server_lost_amid_probes_costs_no_probe_and_harms_no_unit() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
instances = 20
ready = { exec = ["sleep", "0.3"], timeout = "20s", failures = 1 }
[service.web.health]
exec = ["true"]
interval = "10ms"
timeout = "20s"
failures = 1
"#,
    );
    until("a probe that runs", PATIENCE, || (!probing(&hearken).is_empty()).then_some(()));
    let mut replaced = hearken.wait(&event("supervisor_started"));
    for round in 0..4 {
        // The second falls into the health probes, the others where they fall.
        if round == 1 {
            hearken.wait_for_many(&event("ready").unit("web"), 20);
        }
        kill(Pid::from_raw(hearken.fork_server()), Signal::SIGKILL).unwrap();
        replaced = hearken.wait_after(&replaced, &event("fork_server_replaced"));
        std::thread::sleep(Duration::from_millis(30));
    }
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("stopping")).is_empty(), "{}", hearken.dump());
    assert_eq!(hearken.all(&event("started")).len(), 20);
    hearken.shut_down_well();
    no_probe_is_left(&hearken);
}

/// Row 34, for a probe: it has cloned, the probe runs, and nobody will ever be told. What else is
/// adopted meanwhile carries the same names, and is not meant.
#[test]
fn a_probe_that_the_fork_server_never_told_of_is_found_and_nobody_else() {
    if !is_root() || Command::new("strace").arg("-V").output().is_err() {
        return skip("holding up a system call needs root and strace");
    }
    let mut hearken = Setup::new(
        r#"
[service.web]
command = ["{fixture}", "daemonize", "run"]
[service.web.health]
exec = ["sh", "-c", "[ -e {folder}/again ] || exec sleep 1000"]
interval = "1s"
timeout = "30s"
failures = 1
"#,
    )
    .leaves("containment is the process group, and it made one of its own")
    .start();
    let daemon = hearken.wait(&event("child_output").has("message", "grandchild "));
    let daemon = daemon.text("message").rsplit(' ').next().unwrap().parse().unwrap();
    let server = hearken.fork_server();
    let mut strace = Command::new("strace")
        .args(["-qq", "-e", "trace=sendmsg", "-e", "inject=sendmsg:delay_enter=20s", "-p"])
        .arg(server.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ghost = until("the probe nobody was told of", PATIENCE, || probing(&hearken).pop());
    std::fs::write(hearken.folder().join("again"), b"").unwrap();
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    let lost = hearken.wait(&event("fork_server_lost"));
    strace.wait().unwrap();
    assert_eq!((lost.number("spawns"), lost.number("ghosts")), (1, 1), "{lost}");
    until("its end", PATIENCE, || (!Process::lives(ghost)).then_some(()));
    assert!(Process::lives(daemon), "{}", hearken.dump());
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
    assert_eq!(hearken.shut_down(), 0);
}

/// A fork server that hangs is found out by the probe it does not start.
#[test]
fn a_fork_server_that_hangs_before_a_probe_is_replaced_and_the_probe_runs() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
health = { exec = ["sh", "-c", "echo >> {folder}/probed"], interval = "50ms", timeout = "20s", failures = 1 }
"#,
    );
    let file = hearken.folder().join("probed");
    let probed = || std::fs::read(&file).map_or(0, |lines| lines.len());
    until("a few probes", PATIENCE, || (probed() > 2).then_some(()));
    kill(Pid::from_raw(hearken.fork_server()), Signal::SIGSTOP).unwrap();
    let lost = hearken.wait(&event("fork_server_lost"));
    assert_eq!(lost.number("spawns"), 1, "{lost}");
    let before = probed();
    until("the probe, after all", PATIENCE, || (probed() > before + 2).then_some(()));
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
    hearken.shut_down_well();
}

#[test]
fn a_hundred_probed_ten_times_a_second_leave_nothing_behind() {
    let _alone = alone();
    let web = Web::answering(200);
    let mut config = String::new();
    for number in 0..100 {
        let check = match number % 4 {
            0 => "exec = [\"true\"]".to_owned(),
            1 => "exec = [\"sh\", \"-c\", \"sleep 5 & exit 0\"]".to_owned(),
            2 => format!("tcp = \"127.0.0.1:{}\"", web.port),
            _ => format!("http = \"http://localhost:{}/\"", web.port),
        };
        let _infallible = write!(
            config,
            "[service.s{number}]\ncommand = [\"sleep\", \"infinity\"]\n\
             health = {{ {check}, interval = \"100ms\", timeout = \"10s\" }}\n"
        );
    }
    let mut hearken = Setup::new(&config).start();
    hearken.wait_for_many(&event("started"), 100);
    let most = |what: &dyn Fn() -> usize| -> usize {
        let end = Instant::now() + Duration::from_secs(2);
        let mut most = 0;
        while Instant::now() < end {
            most = most.max(what());
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    };
    let descriptors = || Process::descriptors(hearken.pid());
    let processes = || hearken.tree().len();
    let (early, early_processes) = (most(&descriptors), most(&processes));
    std::thread::sleep(Duration::from_secs(4));
    let (late, late_processes) = (most(&descriptors), most(&processes));
    // A supervisor, a fork server, a hundred services; and what is under way at one moment, which is
    // more on a busy machine. A descriptor that each look left behind would make thousands.
    assert!(late < 64 + 4 * 100 + 150, "descriptors: {early}, {late}");
    assert!(late_processes < 102 + 60, "processes: {early_processes}, {late_processes}");
    assert!(web.asked() > 1_000, "{web:?}");
    hearken.shut_down_well();
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("orphan_reaped")).len() < 3_000);
}

/// More than can be run: who is not looked at is not taken for ill.
#[test]
fn more_probes_than_can_be_started_kill_nobody() {
    let _alone = alone();
    let mut hearken = Setup::new(
        r#"
[service.web]
command = ["sleep", "infinity"]
instances = 600
health = { exec = ["true"], interval = "10ms", timeout = "100ms", failures = 4 }
"#,
    )
    .supervisor("starts = { burst = 10000, per_second = 10000 }")
    .start();
    hearken.wait_for_many(&event("started"), 600);
    hearken.wait(&event("probe_not_run").has("reason", "more probes are due"));
    std::thread::sleep(Duration::from_secs(4));
    let stopped = hearken.all(&event("stopping")).len();
    assert!(stopped == 0, "{stopped} were stopped: {}", hearken.dump());
    hearken.shut_down_well();
}
