//! Whole simulations: what they print, and what every one of them obeys.

use super::scenario::{Deed, Fate, Fault, Scenario, Who};
use super::world::{Cut, Entry, What, World};
use super::{Given, Quick, Simulate, SimulateError, json, with_config, written};
use crate::convert;
use hearken_config::{Config, LoadOptions};
use hearken_core::action::Report;
use hearken_core::evidence::Ending;
use hearken_core::identity::UnitIndex;
use hearken_core::judge::{DecidedBy, Next};
use proptest::prelude::*;
use std::time::Duration;

const API: &str = r#"
[service.db]
command = ["db"]
[service.api]
command = ["api"]
after = ["db"]
ready = "message"
restart = { limit = 3, window = "1m" }
[[service.api.rule]]
match = { code = "db.auth.*" }
unit = "fail"
[service.web]
command = ["web"]
after = ["api"]
on_dependency_restart = "restart"
"#;

fn config(text: &str) -> Config {
    let loaded = Config::parse("api.toml", text, &LoadOptions::default());
    loaded.map_err(|errors| errors.render(false)).expect("a good config").config
}

fn options(given: Given) -> Simulate {
    Simulate {
        config: "api.toml".into(),
        insecure: false,
        given,
        length: None,
        seed: None,
        json: false,
        colour: false,
    }
}

fn quick(text: &str, quick: Quick) -> Result<String, SimulateError> {
    let given = Given::Quick(Box::new(Quick { repeat: quick.repeat.max(1), ..quick }));
    with_config(&options(given), &config(text)).map(|simulated| simulated.text)
}

fn scenario(config: &Config, text: &str) -> Result<String, String> {
    let written = written::parse("friday.toml", text, config, None, None)?;
    let mut world =
        World::new(convert::plan(config.clone(), written.scenario.seed), written.scenario);
    let cut = world.run();
    let scenario = world.scenario.clone();
    Ok(super::table::render("friday.toml", &world.core, &scenario, &world.story, cut, false))
}

/// The output is an interface: who changes it sees here what a stranger will read.
#[test]
fn a_crash_loop_is_told_from_its_first_start_to_the_budget() {
    let shown = quick(
        API,
        Quick {
            service: Some("api".into()),
            error: Some("db.timeout".into()),
            repeat: 10,
            ..Quick::default()
        },
    );
    let expected = "\
api says transient db.timeout, exits with code 1: 10 times, then it works.
2 other services of the config: undisturbed.
Nothing is started: clock and processes are made up. Jitter: seed 1.

    when  who    what happens → what follows, counted, by whom
+0.000 s  web    waits for api
          api#1  starts, says transient db.timeout, exits with code 1
          → again in 200 ms  1 of 3 in 1 m      the table: transient
+0.200 s  api#1  starts (no. 2), says transient db.timeout, exits with code 1
          → again in 344 ms  2 of 3 in 1 m      the table: transient
+0.544 s  api#1  starts (no. 3), says transient db.timeout, exits with code 1
          → again in 673 ms  3 of 3 in 1 m      the table: transient
+1.218 s  api#1  starts (no. 4), says transient db.timeout, exits with code 1
          → failed           all 3 in 1 m used  restart.limit
          web    waits for api

api#1 failed at +1.218 s: 3 restarts in 1 m; down until an operator starts it
web#1 was never started: it waits for api
1 other instance is up, undisturbed
";
    assert_eq!(shown.expect("it can be simulated"), expected);
}

#[test]
fn a_rule_takes_down_a_service_that_runs_and_its_dependent_waits() {
    let shown = quick(
        API,
        Quick {
            service: Some("api".into()),
            error: Some("denied:db.auth.expired".into()),
            runs: Some(Duration::from_secs(2)),
            ..Quick::default()
        },
    );
    let expected = "\
api says denied db.auth.expired, exits with code 1 after 2 s: once, then it works.
2 other services of the config: undisturbed.
Nothing is started: clock and processes are made up. Jitter: seed 1.

    when  who    what happens → what follows, counted, by whom
+0.000 s  api#1  starts, is ready
+2.000 s  api#1  says denied db.auth.expired
          → is stopped, unit fails  not counted  rule 1 of api (api.toml:9)
          api#1  is stopped for that, dies by SIGTERM
          → failed                               rule 1 of api (api.toml:9)
          web#1  is stopped: what it comes after restarts, dies by SIGTERM
          → waits for others                     what it comes after
          web    waits for api

api#1 failed at +2.000 s: denied db.auth.expired, by rule 1 of api (api.toml:9); down until an operator starts it
web#1 is down since +2.000 s: it waits for api
1 other instance is up, undisturbed
";
    assert_eq!(shown.expect("it can be simulated"), expected);
}

#[test]
fn a_group_restarts_together_and_fails_together() {
    let text = "[service.a]\ncommand = [\"x\"]\n[service.b]\ncommand = [\"x\"]\n\
                [group.both]\nunits = [\"a\", \"b\"]\nstrategy = \"one_for_all\"\nlimit = 1\nwindow = \"1m\"\n";
    let shown = quick(
        text,
        Quick { service: Some("b".into()), signal: Some(11), repeat: 2, ..Quick::default() },
    )
    .expect("it can be simulated");
    for line in [
        "both     restarts a, b, because of b#1",
        "a#1      is stopped with its group, dies by SIGTERM",
        "both     fails as a group: all 1 restarts in 1 m used, the last by b#1",
        "b#1 failed at +0.200 s: its unit, or its group, failed",
    ] {
        assert!(shown.contains(line), "no {line:?} in\n{shown}");
    }
}

#[test]
fn a_written_scenario_is_played_in_time_order() {
    let shown = scenario(
        &config(API),
        r#"
[[step]]
at = "1m"
operator = "stop"
service = "web"
[[step]]
at = "2s"
service = "db"
exit = 1
[[step]]
at = "10s"
service = "api"
error = { kind = "timeout", code = "db.timeout", retry_after = "30s" }
exit = 1
[[step]]
at = "2m"
operator = "shutdown"
"#,
    );
    let expected = "\
friday.toml

         when  who       what happens → what follows, counted, by whom
     +0.000 s  db#1      starts, is ready
               api#1     starts, is ready
               web#1     starts, is ready
     +2.000 s  db#1      exits with code 1
               → again in 200 ms   1 of 5 in 1 m  the table: crashed
     +2.200 s  db#1      starts (no. 2), is ready
    +10.000 s  api#1     says timeout db.timeout, retry after 30 s, exits with code 1
               → again in 30 s     1 of 3 in 1 m  the table: timeout
               web#1     is stopped: what it comes after restarts, dies by SIGTERM
               → waits for others                 what it comes after
               web       waits for api
    +40.000 s  api#1     starts (no. 2), is ready
               web#1     starts (no. 2), is ready
+1 m 00.000 s  operator  stops web
               web#1     is stopped (operator), dies by SIGTERM
               → stays down                       the operator
+2 m 00.000 s  operator  shuts down
               hearken   shuts down
               api#1     is stopped (shutdown), dies by SIGTERM
               → stays down                       the shutdown
               db#1      is stopped (shutdown), dies by SIGTERM
               → stays down                       the shutdown
               hearken   ends: everything is down; exit code 0

db#1 was stopped at +2 m 00.000 s, and stays down
api#1 was stopped at +2 m 00.000 s, and stays down
web#1 was stopped at +1 m 00.000 s, and stays down
";
    let shown = shown.expect("a good scenario");
    let limit = "1 of 5 in 1 m";
    assert!(shown.contains(limit), "the default limit has changed: {shown}");
    assert_eq!(shown, expected);
}

#[test]
fn a_bad_scenario_is_shown_with_its_line_and_what_was_meant() {
    let config = config(API);
    let table = [
        ("[[step]]\nat = \"2s\"\nservice = \"db\"\nexti = 1\n", ["4:1", "did you mean `exit`?"]),
        ("[[step]]\nat = \"2x\"\nservice = \"db\"\nexit = 1\n", ["2:6", "no unit of time"]),
        ("[[step]]\nat = \"2s\"\nservice = \"dbb\"\nexit = 1\n", ["3:11", "did you mean db?"]),
        ("[[step]]\nat = \"2s\"\nservice = \"db#2\"\nexit = 1\n", ["3:11", "only db#1"]),
        ("[[step]]\nat = \"2s\"\nservice = \"db\"\n", ["1:1", "nothing happens"]),
        ("[[step]]\nat = \"2s\"\nexit = 1\n", ["1:1", "names no service"]),
        ("[[step]]\nat = \"2s\"\nservice = \"db\"\nexit = 256\n", ["4:8", "256"]),
        ("[[step]]\nat = \"2s\"\noperator = \"stpo\"\n", ["3:12", "did you mean stop?"]),
        ("[[step]]\nat = \"2s\"\noperator = \"stop\"\n", ["3:12", "of which service?"]),
        (
            "[[step]]\nat = \"2s\"\nservice = \"db\"\nerror = { kind = \"crashed\", code = \"x\" }\n",
            ["4:18", "no kind is called crashed"],
        ),
        ("seed = 1\n", ["1:1", "no [[step]]"]),
        ("[[step]\n", ["1:", "error"]),
    ];
    for (text, says) in table {
        let refused = scenario(&config, text).expect_err(text);
        for part in says {
            assert!(refused.contains(part), "no {part:?} for {text}\n{refused}");
        }
        assert!(refused.contains("--> friday.toml:"), "{refused}");
    }
    let two = "[[step]]\nat = \"2x\"\nservice = \"dbb\"\nexit = 1\n";
    let refused = scenario(&config, two).expect_err("two problems");
    assert_eq!(refused.matches("error: ").count(), 2, "all problems at once: {refused}");
}

#[test]
fn a_service_that_is_not_there_is_named_with_the_one_that_was_meant() {
    let table = [
        (Some("appi"), "did you mean api?"),
        (Some("api#2"), "api has only api#1"),
        (Some("api#x"), "api has only api#1"),
        (None, "say which with --service: db, api, web"),
    ];
    for (service, says) in table {
        let service = service.map(str::to_owned);
        let refused = quick(API, Quick { service, ..Quick::default() }).expect_err(says);
        assert!(refused.to_string().contains(says), "{refused}");
    }
}

#[test]
fn an_error_has_the_kind_that_was_given_with_it_or_transient() {
    let table = [
        ("db.timeout", "says transient db.timeout"),
        ("unavailable:db.down", "says unavailable db.down"),
        ("rate_limited", "says rate_limited"),
    ];
    for (error, says) in table {
        let given = Quick { error: Some(error.into()), ..Quick::default() };
        let shown = quick("[service.one]\ncommand = [\"x\"]\n", given).expect("the only service");
        assert!(shown.contains(says), "{shown}");
    }
    for (error, says) in [("tranisent:x", "did you mean transient?"), ("transient:", "KIND:CODE")] {
        let given = Quick { error: Some(error.into()), ..Quick::default() };
        let refused = quick("[service.one]\ncommand = [\"x\"]\n", given).expect_err(error);
        assert!(refused.to_string().contains(says), "{refused}");
    }
}

#[test]
fn what_others_wait_to_succeed_succeeds() {
    let text = "[service.migrate]\ncommand = [\"x\"]\nrestart = \"never\"\n\
                [service.api]\ncommand = [\"x\"]\n\
                after = [{ name = \"migrate\", until = \"succeeded\" }]\n";
    let shown = quick(text, Quick { service: Some("api".into()), ..Quick::default() });
    let shown = shown.expect("it can be simulated");
    assert!(shown.contains("api#1 is up since +0.200 s, after one restart"), "{shown}");
}

#[test]
fn signs_of_life_keep_a_healthy_process_up_and_a_quiet_world_ends() {
    let text = "[service.api]\ncommand = [\"x\"]\nready = \"message\"\nwatchdog = \"1s\"\n";
    let shown = quick(
        text,
        Quick {
            ready_after: Some(Duration::from_secs(5)),
            runs: Some(Duration::from_secs(60)),
            ..Quick::default()
        },
    );
    let shown = shown.expect("it can be simulated");
    assert!(shown.contains("+1 m 00.000 s  api#1  exits with code 1"), "{shown}");
    assert!(shown.contains("api#1 is up since +1 m 05.200 s"), "{shown}");
}

#[test]
fn a_process_that_is_never_ready_in_time_is_stopped_for_it() {
    let text = "[service.api]\ncommand = [\"x\"]\nready = \"message\"\nstart_timeout = \"2s\"\n\
                restart = { limit = 1 }\n";
    let given = Quick {
        ready_after: Some(Duration::from_secs(9)),
        runs: Some(Duration::from_secs(99)),
        ..Quick::default()
    };
    let shown = quick(text, given).expect("it can be simulated");
    assert!(shown.contains("is stopped: not ready within start_timeout"), "{shown}");
    assert!(shown.contains("the table: timeout"), "{shown}");
}

#[test]
fn nothing_that_was_typed_steers_the_terminal() {
    let given = Quick { error: Some("x\x1b[31m\u{202e}".into()), ..Quick::default() };
    let shown = quick("[service.one]\ncommand = [\"x\"]\n", given).expect("it can be simulated");
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn every_line_of_json_is_an_object() {
    let written = written::parse(
        "x",
        "[[step]]\nat = \"1s\"\nservice = \"api\"\nsignal = \"SEGV\"\n",
        &config(API),
        None,
        None,
    );
    let written = written.expect("a good scenario");
    let mut world = World::new(convert::plan(config(API), 1), written.scenario);
    let cut = world.run();
    let shown = json::render(&world.core, &world.scenario, &world.story, cut);
    let lines: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().all(|line| line["event"].is_string()));
    let ended = lines.iter().find(|line| line["event"] == "ended" && line["unit"] == "api");
    let ended = ended.expect("it ended");
    assert_eq!(
        (ended["at_ms"].as_u64(), ended["restart_in_ms"].as_u64()),
        (Some(1_000), Some(200))
    );
    assert_eq!((ended["restarts_in_window"].as_u64(), ended["limit"].as_u64()), (Some(1), Some(3)));
}

/// A small config with a crash loop in it.
fn looping(limit: u32, window: u64, delay: u64, max: u64, on_limit: &str) -> Config {
    config(&format!(
        "[service.loop]\ncommand = [\"x\"]\ninstances = 2\n\
         restart = {{ limit = {limit}, window = \"{window}ms\", delay = \"{delay}ms\", \
         max_delay = \"{max}ms\", on_limit = \"{on_limit}\" }}\n"
    ))
}

fn run(config: &Config, runs: u64, times: u32, seed: u64) -> (Vec<Entry>, Cut) {
    let deed = Deed { end: Some(Ending::Exited(1)), ..Deed::default() };
    let who = Who { unit: UnitIndex(0), slot: None };
    let fate = Fate::Does { after: Duration::from_millis(runs), deed };
    let scenario = Scenario {
        faults: vec![Fault { who, times, fate }],
        steps: Vec::new(),
        ready_after: vec![Duration::ZERO],
        length: Duration::from_secs(24 * 3600),
        seed,
        about: Some(UnitIndex(0)),
    };
    let mut world = World::new(convert::plan(config.clone(), seed), scenario);
    let cut = world.run();
    world.core.assert_books_are_right();
    (world.story, cut)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[expect(clippy::wildcard_enum_match_arm, reason = "only starts and ends are counted")]
    /// No window holds more restarts than the limit, the numbers shown say so, and the same seed
    /// tells the same story.
    #[test]
    fn every_schedule_obeys_its_limit(
        limit in 1_u32..6, window in 100_u64..20_000, delay in 0_u64..2_000, more in 0_u64..5_000,
        runs in 0_u64..3_000, times in 1_u32..30, waits: bool, seed: u64,
    ) {
        let on_limit = if waits { "wait" } else { "fail" };
        let config = looping(limit, window, delay, delay + more, on_limit);
        let (story, cut) = run(&config, runs, times, seed);
        prop_assert_eq!(cut, Cut::Quiet);
        for slot in [1, 2] {
            let mut starts = Vec::new();
            let mut failed = false;
            for entry in &story {
                match &entry.what {
                    What::Told(Report::Started { id, .. }, _) if id.slot == slot => {
                        prop_assert!(!failed, "started after it had failed");
                        starts.push(entry.at);
                    }
                    What::Told(Report::Ended { id, judgement, .. }, tally) if id.slot == slot => {
                        let spent = tally.map(|tally| tally.spent);
                        prop_assert!(spent.is_some_and(|spent| spent <= limit as usize));
                        failed = judgement.next == Next::Failed;
                        prop_assert!(!failed || judgement.decided_by == DecidedBy::Budget);
                    }
                    _ => {}
                }
            }
            let restarts = starts.get(1..).unwrap_or_default();
            let window = Duration::from_millis(window);
            for from in restarts {
                let held = restarts.iter().filter(|at| *from <= **at && at.since(*from) < window).count();
                prop_assert!(held <= limit as usize, "{held} restarts in a window of {limit}");
            }
            prop_assert!(failed || starts.len() == times as usize + 1, "it works after its failures");
        }
        prop_assert_eq!(run(&config, runs, times, seed).0, story);
    }
}
