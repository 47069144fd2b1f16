//! Histories that a simulation wrote, judged again.
//!
//! A simulated history is turned into records as the daemon writes them; so there are histories of
//! every shape without a daemon.

use super::{Replayed, walk};
use crate::convert;
use crate::ledger::{
    Ended, Fact, Life, Reaction, Reading, Record, Stands, State, Supervisor, Voice,
};
use crate::simulate::scenario::{Act, Command, Deed, Fate, Fault, Scenario, Step, Who};
use crate::simulate::world::{What, World};
use hearken_config::{Config, LoadOptions};
use hearken_core::action::Report;
use hearken_core::evidence::{Ending, TypedError};
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn config(text: &str) -> Config {
    let loaded = Config::parse("hearken.toml", text, &LoadOptions::default());
    loaded.map_err(|errors| errors.render(false)).expect("a good config").config
}

fn service(restart: &str, more: &str) -> Config {
    config(&format!("[service.api]\ncommand = [\"x\"]\nrestart = {{ {restart} }}\n{more}"))
}

fn exits(code: i32) -> Deed {
    Deed { end: Some(Ending::Exited(code)), ..Deed::default() }
}

fn says(kind: Kind, code: &str, end: Option<Ending>) -> Deed {
    let error = TypedError {
        kind,
        code: code.into(),
        message: String::new(),
        retryable: None,
        retry_after: None,
        scope: None,
    };
    Deed { error: Some(error), end, ..Deed::default() }
}

/// What the daemon would have written, had this happened.
#[expect(clippy::wildcard_enum_match_arm, reason = "a replay reads only some of the records")]
fn history(
    config: &Config,
    deed: Deed,
    runs: u64,
    times: u32,
    seed: u64,
    steps: &[(u64, bool)],
) -> Reading {
    let who = Who { unit: UnitIndex(0), slot: None };
    let fate = Fate::Does { after: Duration::from_millis(runs), deed };
    let command = |up: bool| if up { Command::Start(who.unit) } else { Command::Stop(who.unit) };
    let mut steps: Vec<Step> = steps
        .iter()
        .map(|(at, up)| Step { at: Duration::from_millis(*at), act: Act::Operator(command(*up)) })
        .collect();
    steps.sort_by_key(|step| step.at);
    let scenario = Scenario {
        faults: vec![Fault { who, times, fate }],
        steps,
        ready_after: vec![Duration::ZERO; config.services.len()],
        length: Duration::from_secs(48 * 3600),
        seed,
        about: None,
    };
    let mut world = World::new(convert::plan(config.clone(), seed), scenario);
    world.run();
    let mut records =
        vec![record(Moment::START, None, None, Fact::SupervisorStarted(Box::new(supervisor())))];
    let mut waiting = BTreeSet::new();
    for entry in &world.story {
        let What::Told(report, _) = &entry.what else {
            // A restart that is called off has no end of its own.
            if let What::Commanded(Command::Stop(_)) = entry.what {
                for slot in std::mem::take(&mut waiting) {
                    let mut stands = Stands::new(Timestamp::UNIX_EPOCH);
                    stands.state = State::Stopped;
                    let fact = Fact::Stands(Box::new(stands));
                    records.push(record(entry.at, Some("api".into()), Some(slot), fact));
                }
            }
            continue;
        };
        match report {
            Report::Ended { id, restart_in: Some(_), .. } => waiting.insert(id.slot),
            Report::Started { id, .. } => waiting.remove(&id.slot),
            _ => false,
        };
        let of = |id: &InstanceId| {
            let policy = world.core.policy(id.unit).expect("a unit of the plan");
            (Some(Arc::from(policy.name.as_str())), Some(id.slot), Arc::clone(&policy.rules))
        };
        let (unit, slot, fact) = match report {
            Report::Started { id, pid, incarnation } => {
                let (unit, slot, _) = of(id);
                (unit, slot, Fact::Started { pid: *pid, incarnation: *incarnation })
            }
            Report::Reacted { id, verdict } => {
                let (unit, slot, _) = of(id);
                let reaction = Reaction {
                    process: verdict.instance,
                    verdict: verdict.unit,
                    decided_by: Voice::Rule,
                    rule: None,
                };
                (unit, slot, Fact::Reacted(Box::new(reaction)))
            }
            Report::Ended { id, pid, incarnation, evidence, judgement, restart_in } => {
                let (unit, slot, rules) = of(id);
                let ended = Ended::of(*pid, *incarnation, evidence, judgement, *restart_in, &rules);
                (unit, slot, Fact::Ended(Box::new(ended)))
            }
            Report::Paused { unit, length } => {
                let name = world.core.policy(*unit).map(|policy| Arc::from(policy.name.as_str()));
                let length_ns = u64::try_from(length.as_nanos()).expect("short");
                (name, None, Fact::Paused { length_ns })
            }
            _ => continue,
        };
        records.push(record(entry.at, unit, slot, fact));
    }
    Reading { records, flaws: Vec::new() }
}

fn record(at: Moment, unit: Option<Arc<str>>, instance: Option<u32>, fact: Fact) -> Arc<Record> {
    let at_ns = u64::try_from(at.since_start().as_nanos()).expect("within 584 years");
    Arc::new(Record { time: Timestamp::UNIX_EPOCH, at_ns, life: Life(7), unit, instance, fact })
}

fn supervisor() -> Supervisor {
    Supervisor {
        version: "0".into(),
        pid: 1,
        config: "hearken.toml".into(),
        started: Timestamp::UNIX_EPOCH,
        units: Vec::new(),
    }
}

fn replay(reading: &Reading, config: &Config) -> Replayed {
    let policies: Vec<_> = config.services.iter().map(|service| &service.policy).collect();
    // Another seed than any history was written with.
    walk(reading, &policies, 0xDEAD_BEEF)
}

#[track_caller]
fn same(reading: &Reading, config: &Config) -> u64 {
    let replayed = replay(reading, config);
    let first = replayed.differences.first();
    assert!(first.is_none(), "{first:#?}");
    assert_eq!(replayed.unreached, 0);
    replayed.ends
}

#[test]
fn the_config_that_wrote_a_history_decides_it_again() {
    let config = service("limit = 5, window = \"1m\"", "");
    assert_eq!(same(&history(&config, exits(1), 0, 10, 1, &[]), &config), 6);
    assert_eq!(same(&history(&config, exits(0), 0, 1, 1, &[]), &config), 1);
    let waiting = service("limit = 2, window = \"1m\", on_limit = \"wait\"", "");
    assert_eq!(same(&history(&waiting, exits(1), 100, 12, 1, &[]), &waiting), 12);
}

#[test]
fn a_start_by_hand_forgives_in_the_replay_as_well() {
    // Another one keeps hearken up.
    let config = service("limit = 3, window = \"1m\"", "[service.other]\ncommand = [\"x\"]\n");
    // It fails for good, is started by hand, and fails again; then once more, during a backoff.
    let steps = [(20_000, true), (20_250, true), (40_000, false), (40_500, true)];
    let reading = history(&config, exits(1), 100, 40, 1, &steps);
    assert_eq!(same(&reading, &config), 4 + 1 + 4 + 4);
}

#[test]
fn a_smaller_limit_fails_earlier_and_what_came_after_would_not_have_happened() {
    let before = service("limit = 5, window = \"1m\"", "");
    let after = service("limit = 2, window = \"1m\"", "");
    let replayed = replay(&history(&before, exits(1), 0, 10, 1, &[]), &after);
    assert_eq!((replayed.ends, replayed.differences.len(), replayed.unreached), (6, 1, 3));
    let it = &replayed.differences[0];
    let now = it.now.expect("it ends").judgement;
    assert_eq!((now.next, now.decided_by, it.unreached), (Next::Failed, DecidedBy::Budget, 3));
}

#[test]
fn a_longer_delay_differs_and_jitter_does_not() {
    let before = service("delay = \"200ms\"", "");
    let reading = history(&before, exits(1), 0, 4, 1, &[]);
    let replayed = replay(&reading, &service("delay = \"400ms\"", ""));
    assert_eq!(replayed.differences.len() as u64, replayed.ends, "200 ms is never 400 ms");
    assert_eq!(replayed.unreached, 0, "later is not never");
}

#[test]
fn a_rule_that_is_new_decides_just_the_ends_it_is_about() {
    let before = service("limit = 5", "");
    let rule = "[[service.api.rule]]\nmatch = { code = \"db.*\", attempt = 3 }\nunit = \"fail\"\n";
    let after = service("limit = 5", rule);
    let deed = says(Kind::Transient, "db.timeout", Some(Ending::Exited(1)));
    let replayed = replay(&history(&before, deed, 0, 10, 1, &[]), &after);
    assert_eq!((replayed.differences.len(), replayed.unreached), (1, 3));
    let it = &replayed.differences[0];
    let Fact::Ended(ended) = &it.record.fact else { panic!("an end") };
    assert_eq!(ended.incarnation, 3);
    assert_eq!(it.now.expect("it ends").judgement.decided_by, DecidedBy::Rule(0));
}

#[test]
fn a_verdict_that_was_given_while_it_ran_is_given_again() {
    let recycle =
        "[[service.api.rule]]\nmatch = { code = \"cache.full\" }\ninstance = \"recycle\"\n";
    let before = service("limit = 5", recycle);
    let reading = history(&before, says(Kind::Transient, "cache.full", None), 500, 2, 1, &[]);
    assert_eq!(same(&reading, &before), 2);
    let without = replay(&reading, &service("limit = 5", ""));
    assert_eq!(without.differences.len(), 2);
    assert!(without.differences.iter().all(|it| it.now.is_none()), "it would have run on");
    let fails = "[[service.api.rule]]\nmatch = { code = \"cache.*\" }\nunit = \"fail\"\n";
    let failing = replay(&reading, &service("limit = 5", fails));
    assert_eq!((failing.differences.len(), failing.unreached), (1, 1));
}

#[test]
fn errors_of_a_running_child_are_charged_once() {
    let count = "[[service.api.rule]]\nmatch = { code = \"db.*\" }\nunit = \"count\"\n";
    let config = service("limit = 3, window = \"1m\"", count);
    let reading = history(&config, says(Kind::Transient, "db.slow", None), 500, 9, 1, &[]);
    assert_eq!(same(&reading, &config), 1, "the fourth error finds no room");
    let larger = replay(&reading, &service("limit = 30, window = \"1m\"", count));
    assert!(larger.differences.iter().all(|it| it.now.is_none()), "there it would have run on");
}

#[test]
fn a_pause_holds_in_the_replay() {
    let pause =
        "[[service.api.rule]]\nmatch = { code = \"quota\" }\nunit = \"pause\"\ndelay = \"20s\"\n";
    let config = config(&format!(
        "[service.api]\ncommand = [\"x\"]\ninstances = 2\nrestart = {{ limit = 9 }}\n{pause}"
    ));
    let deed = says(Kind::RateLimited, "quota", Some(Ending::Exited(1)));
    assert_eq!(same(&history(&config, deed, 500, 3, 1, &[]), &config), 6);
}

#[test]
fn units_that_come_and_go_are_named() {
    let before = service("limit = 5", "[service.old]\ncommand = [\"x\"]\n");
    let after = config("[service.new]\ncommand = [\"x\"]\n");
    let replayed = replay(&history(&before, exits(1), 0, 2, 1, &[]), &after);
    let gone: Vec<_> = replayed.gone.iter().map(|(name, ends)| (&**name, *ends)).collect();
    assert_eq!(gone, [("api", 2), ("old", 0)]);
    assert_eq!((replayed.ends, replayed.ends_of.as_slice()), (0, [0].as_slice()));
}

#[test]
fn a_ledger_that_begins_in_the_middle_is_taken_as_it_is() {
    let config = service("limit = 9, window = \"1m\"", "");
    let mut reading = history(&config, exits(1), 0, 8, 1, &[]);
    // The start of the supervisor and two lives of the instance are gone.
    reading.records.drain(..5);
    assert_eq!(same(&reading, &config), 6);
    assert!(replay(&reading, &config).begins_within);
}

/// A busy supervisor writes of an end a while after it was judged, and of the start in time.
#[test]
fn an_end_that_was_written_late_makes_no_start_by_hand() {
    let config = service("limit = 2, window = \"10m\", on_limit = \"wait\"", "");
    let mut reading = history(&config, exits(1), 0, 5, 1, &[]);
    for it in &mut reading.records {
        if let Fact::Ended(_) = it.fact {
            let at_ns = it.at_ns + 20_000_000;
            *it = Arc::new(Record { at_ns, ..Record::clone(it) });
        }
    }
    assert_eq!(same(&reading, &config), 5);
}

#[test]
fn what_a_budget_spent_before_the_ledger_begins_is_no_difference() {
    let config = service("limit = 6, window = \"1h\", delay = \"20ms\"", "");
    let mut reading = history(&config, exits(1), 0, 8, 1, &[]);
    let whole = same(&reading, &config);
    reading.records.drain(..10);
    assert!((2..whole).contains(&same(&reading, &config)));
}

#[test]
fn records_that_are_missing_in_the_middle_are_no_difference() {
    let config = service("limit = 6, window = \"1h\", delay = \"20ms\"", "");
    let mut reading = history(&config, exits(1), 0, 8, 1, &[]);
    let whole = same(&reading, &config);
    let at = reading.records[4].moment();
    let lost = record(at, None, None, Fact::RecordsLost { count: 5 });
    reading.records.splice(4..9, [lost]);
    assert!((2..whole).contains(&same(&reading, &config)));
}

#[test]
fn another_life_begins_with_nothing_held_against_it() {
    let config = service("limit = 3, window = \"1h\"", "");
    let mut reading = history(&config, exits(1), 0, 3, 1, &[]);
    let again = history(&config, exits(1), 0, 3, 2, &[]);
    reading.records.extend(
        again.records.iter().map(|it| Arc::new(Record { life: Life(8), ..Record::clone(it) })),
    );
    assert_eq!(same(&reading, &config), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever was decided with whatever seed: the config that wrote it decides it again.
    #[test]
    fn no_config_differs_from_itself(
        limit in 1_u32..6, window in 100_u64..20_000, delay in 0_u64..2_000, more in 0_u64..5_000,
        runs in 0_u64..3_000, times in 1_u32..25, waits: bool, settle in 1_u64..4_000,
        code in prop::sample::select(vec![0, 1, 69, 71, 75, 78]), seed: u64,
        stops in prop::collection::vec(0_u64..60_000, 0..4),
    ) {
        let on_limit = if waits { "wait" } else { "fail" };
        let config = config(&format!(
            "[service.api]\ncommand = [\"x\"]\ninstances = 2\n\
             restart = {{ policy = \"always\", limit = {limit}, window = \"{window}ms\", \
             delay = \"{delay}ms\", max_delay = \"{}ms\", settle = \"{settle}ms\", \
             on_limit = \"{on_limit}\" }}\n[service.other]\ncommand = [\"x\"]\n", delay + more
        ));
        // An operator stops it, and starts it again a little later.
        let steps: Vec<_> = stops.iter().flat_map(|at| [(*at, false), (at + 100, true)]).collect();
        let reading = history(&config, exits(code), runs, times, seed, &steps);
        let replayed = replay(&reading, &config);
        let first = replayed.differences.first();
        prop_assert!(first.is_none(), "{:#?} of {} ends", first, replayed.ends);
    }
}
