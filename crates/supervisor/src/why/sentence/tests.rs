//! A table of histories, and what is said of them.

use super::*;
use crate::ledger::testing::{at, crash, own, record, supervisor};
use crate::ledger::{
    Fact, Group, KeptBeyond, KeptEnd, KeptError, KeptLimit, KeptNext, KeptPace, KeptRule, Record,
};
use hearken_core::evidence::Intent;
use hearken_core::kind::Kind;
use jiff::tz::TimeZone;

const NS: u64 = 1_000_000_000;

/// What is said of `api#1` at 10:01:00 after these records, while hearken runs.
fn said(records: Vec<Record>) -> String {
    told(records, Alive::Yes)
}

fn told(records: Vec<Record>, alive: Alive) -> String {
    let units = [("api", 1), ("db", 1), ("disk", 1)];
    let mut all = Standings::default();
    let begun = own(0, Fact::SupervisorStarted(Box::new(supervisor(&units))));
    for record in std::iter::once(begun).chain(records) {
        all.apply(&Arc::new(record));
    }
    let now = Now { at: at(60_000), zone: TimeZone::UTC };
    sentence("api", 1, all.get(&"api".into(), 1).unwrap(), &all, alive, &now)
}

fn api(ms: i64, fact: Fact) -> Record {
    record(ms, "api", 1, fact)
}

fn started(ms: i64) -> Record {
    api(ms, Fact::Started { pid: 7, incarnation: 1 })
}

/// An end at 10:00:40 that stays down, decided by `voice`.
fn down(next: KeptNext, decided_by: Voice, change: impl FnOnce(&mut Ended)) -> Record {
    let mut ended = crash(1);
    ended.restart_in_ns = None;
    ended.judgement.next = next;
    ended.judgement.pace = None;
    ended.judgement.decided_by = decided_by;
    change(&mut ended);
    api(40_000, Fact::Ended(Box::new(ended)))
}

/// An end at 10:00:40 that is followed by a start 24.2 s later, decided by `voice`.
fn restart(decided_by: Voice, change: impl FnOnce(&mut Ended)) -> Record {
    down(KeptNext::Restart, decided_by, |ended| {
        ended.restart_in_ns = Some(24_200_000_000);
        change(ended);
    })
}

fn exit(exit_code: i32, kind: Option<Kind>) -> impl FnOnce(&mut Ended) {
    move |ended| {
        ended.evidence.end = KeptEnd::Exited { exit_code };
        ended.evidence.kind = kind;
    }
}

fn stopped_by(cause: StopCause) -> impl FnOnce(&mut Ended) {
    move |ended| {
        ended.evidence.end = KeptEnd::Killed { signal: 15, core_dumped: false };
        ended.evidence.stopped_by = Some(cause);
        ended.evidence.kind = cause.fault();
    }
}

fn error(ended: &mut Ended) {
    ended.evidence.end = KeptEnd::Exited { exit_code: 75 };
    ended.evidence.kind = Some(Kind::RateLimited);
    ended.evidence.error = Some(Box::new(KeptError {
        kind: Kind::RateLimited,
        code: "api.limit".into(),
        message: "slow down".into(),
        retryable: None,
        retry_after_ms: Some(30_000),
        scope: None,
    }));
}

fn group(units: &[&str]) -> Box<Group> {
    let units = units.iter().map(|unit| (*unit).into()).collect();
    Box::new(Group { group: "web".into(), because: "db".into(), because_instance: 1, units })
}

#[test]
fn every_state() {
    let ready = || vec![started(10_000), api(12_000, Fact::Ready { after_ns: NS })];
    let with = |more: Vec<Record>| ready().into_iter().chain(more).collect::<Vec<_>>();
    let table: Vec<(Vec<Record>, &str)> = vec![
        (vec![], "api#1 has not been started yet."),
        (
            vec![started(10_000)],
            "api#1 is starting since 10:00:10 (50 s), as pid 7, and not ready yet.",
        ),
        (ready(), "api#1 is ready since 10:00:12 (48 s), as pid 7."),
        (
            with(vec![api(20_000, Fact::Suspended { signal: 19 })]),
            "api#1 is ready since 10:00:12 (48 s), as pid 7, but its process is suspended by SIGSTOP; `kill -CONT 7` wakes it.",
        ),
        (
            with(vec![api(20_000, Fact::Suspended { signal: 19 }), api(21_000, Fact::Resumed)]),
            "api#1 is ready since 10:00:12 (48 s), as pid 7.",
        ),
        (
            with(vec![api(20_000, Fact::Reloading)]),
            "api#1 is ready since 10:00:12 (48 s), as pid 7, and reads its configuration again.",
        ),
        (
            with(vec![api(
                57_000,
                Fact::Stopping { cause: StopCause::Shutdown, signal: 15, grace_ns: 10 * NS },
            )]),
            "api#1 is being stopped since 10:00:57 (3 s), as pid 7: for the shutdown; its tree is killed at 10:01:07 if it still runs.",
        ),
        (
            with(vec![
                api(
                    45_000,
                    Fact::Stopping { cause: StopCause::Watchdog, signal: 15, grace_ns: 10 * NS },
                ),
                api(55_000, Fact::Killing { cause: StopCause::Watchdog, after_ns: 10 * NS }),
            ]),
            "api#1 is being stopped since 10:00:45 (15 s), as pid 7: because it gave no sign of life in time (watchdog); it had its time, and was killed.",
        ),
        (
            with(vec![api(50_000, Fact::Abandoned { pid: Some(7) })]),
            "api#1 is abandoned since 10:00:50 (10 s): pid 7 does not die, even of SIGKILL (it hangs in the kernel, most likely); its slot stays taken until that process is gone.",
        ),
        (
            vec![down(KeptNext::Finished, Voice::Policy, exit(0, None))],
            "api#1 finished at 10:00:40, 20 s ago: it exited with code 0 after 2 s; restart.policy decided; it stays down, for it did what it was there for.",
        ),
        (
            vec![
                restart(Voice::Exit, |_| {}),
                started(56_000),
                api(58_000, Fact::Ready { after_ns: NS }),
            ],
            "api#1 is ready since 10:00:58 (2 s), as pid 7. Its last end was at 10:00:40, 20 s ago: it exited with code 1 (crashed) after 2 s; the default for exit code 1 decided.",
        ),
    ];
    for (records, expected) in table {
        assert_eq!(said(records), expected);
    }
}

#[test]
fn everybody_who_can_decide() {
    let rule = |ended: &mut Ended| {
        let label = "rule 2 of api (hearken.toml:14)".into();
        ended.judgement.rule = Some(KeptRule { place: 1, label });
    };
    let budget = |ended: &mut Ended| {
        ended.budget = Some(KeptLimit { limit: 5, window_ns: 60 * NS });
    };
    let stays = "it stays down until an operator starts it.";
    let again = "it starts again in 4.2 s, at 10:01:04.";
    let failed = "api#1 has failed and is down since 10:00:40 (20 s): ";
    let stopped = "api#1 is stopped since 10:00:40 (20 s): ";
    let is_down = "api#1 is down since 10:00:40 (20 s): ";
    let crashed = "it exited with code 1 (crashed) after 2 s; ";
    let table: Vec<(Record, String)> = vec![
        (
            down(KeptNext::Stopped, Voice::Operator, stopped_by(StopCause::Operator)),
            format!(
                "{stopped}it was stopped by an operator; it was killed by SIGTERM after 2 s; {stays}"
            ),
        ),
        (
            down(KeptNext::Stopped, Voice::Shutdown, stopped_by(StopCause::Shutdown)),
            format!(
                "{stopped}it was stopped for the shutdown; it was killed by SIGTERM after 2 s; {stays}"
            ),
        ),
        (
            restart(Voice::Supervisor, stopped_by(StopCause::Watchdog)),
            format!(
                "{is_down}it was stopped because it gave no sign of life in time (watchdog); it was killed by SIGTERM after 2 s; the default for a child that is lost decided; {again}"
            ),
        ),
        (
            down(KeptNext::Stopped, Voice::Dependency, stopped_by(StopCause::DependencyStop)),
            format!(
                "{stopped}it was stopped because something it comes after is gone; it was killed by SIGTERM after 2 s; {stays}"
            ),
        ),
        (
            down(KeptNext::Failed, Voice::Unit, stopped_by(StopCause::UnitFailed)),
            format!(
                "{failed}it was stopped because its unit, or its group, failed; it was killed by SIGTERM after 2 s; {stays}"
            ),
        ),
        (
            down(KeptNext::Failed, Voice::Intent, |ended| {
                ended.evidence.intent = Some(Intent::StayDown)
            }),
            format!(
                "{failed}it exited with code 1 (crashed) after 2 s, having announced \"stay_down\"; its announcement \"stay_down\" decided; {stays}"
            ),
        ),
        (
            down(KeptNext::Failed, Voice::Rule, rule),
            format!("{failed}{crashed}rule 2 of api (hearken.toml:14) decided; {stays}"),
        ),
        (
            down(KeptNext::Failed, Voice::Rule, |ended| {
                rule(ended);
                ended.judgement.beyond = KeptBeyond::FailUnit;
            }),
            format!(
                "{failed}{crashed}rule 2 of api (hearken.toml:14) decided; its whole unit failed with it; {stays}"
            ),
        ),
        (
            down(KeptNext::Failed, Voice::Hint, |ended| {
                error(ended);
                ended.evidence.error.as_mut().unwrap().retryable = Some(false);
            }),
            format!(
                "{failed}it exited with code 75 after 2 s, having said rate_limited api.limit: \"slow down\"; its hint \"retryable\": false decided; {stays}"
            ),
        ),
        (
            restart(Voice::Error, |ended| {
                error(ended);
                ended.restart_in_ns = Some(30 * NS);
                let (delay_ns, max_delay_ns) = (NS, 60 * NS);
                ended.judgement.pace =
                    Some(KeptPace::Asked { asked_ms: 30_000, delay_ns, max_delay_ns });
            }),
            format!(
                "{is_down}it exited with code 75 after 2 s, having said rate_limited api.limit: \"slow down\"; the default for rate_limited errors decided; it starts again in 10 s, at 10:01:10 (it asked for 30 s)."
            ),
        ),
        (
            restart(Voice::Error, |ended| {
                error(ended);
                let (delay_ns, max_delay_ns) = (NS, 24_200_000_000);
                ended.judgement.pace =
                    Some(KeptPace::Asked { asked_ms: 30_000, delay_ns, max_delay_ns });
            }),
            format!(
                "{is_down}it exited with code 75 after 2 s, having said rate_limited api.limit: \"slow down\"; the default for rate_limited errors decided; it starts again in 4.2 s, at 10:01:04 (it asked for 30 s, kept within the bounds of its backoff)."
            ),
        ),
        (
            down(KeptNext::Failed, Voice::Exit, exit(78, Some(Kind::Config))),
            format!(
                "{failed}it exited with code 78 (config) after 2 s; the default for exit code 78 decided; {stays}"
            ),
        ),
        (
            restart(Voice::Policy, exit(0, None)),
            format!("{is_down}it exited with code 0 after 2 s; restart.policy decided; {again}"),
        ),
        (
            down(KeptNext::Failed, Voice::Budget, budget),
            format!(
                "{failed}{crashed}its restart budget decided: 5 automatic restarts within 1 min are used up (restart.limit, restart.window); {stays}"
            ),
        ),
        (
            restart(Voice::Budget, budget),
            format!(
                "{is_down}{crashed}its restart budget decided: 5 automatic restarts within 1 min are used up (restart.limit, restart.window); {again}"
            ),
        ),
    ];
    for (record, expected) in table {
        assert_eq!(said(vec![started(10_000), record]), expected);
    }
}

#[test]
fn every_kind_of_end() {
    let table: Vec<(KeptEnd, &str)> = vec![
        (
            KeptEnd::Killed { signal: 9, core_dumped: false },
            "it was killed by SIGKILL (crashed) after 2 s; the default for a death by signal decided",
        ),
        (
            KeptEnd::Killed { signal: 11, core_dumped: true },
            "it was killed by SIGSEGV (core dumped) (crashed) after 2 s",
        ),
        (
            KeptEnd::StartFailed {
                stage: "exec".into(),
                errno: 2,
                permanent: true,
                subject: Some("/opt/api".into()),
            },
            "it could not be started: /opt/api: ENOENT (No such file or directory) (check the path",
        ),
        (
            KeptEnd::StartFailed {
                stage: "fork".into(),
                errno: 11,
                permanent: false,
                subject: None,
            },
            "it could not be started: fork: EAGAIN (Resource temporarily unavailable); the default for a failed start decided",
        ),
        (
            KeptEnd::StartFailed {
                stage: "fork_server".into(),
                errno: 0,
                permanent: false,
                subject: None,
            },
            "it could not be started: the fork server was lost;",
        ),
        (
            KeptEnd::StartFailed {
                stage: "cancelled".into(),
                errno: 0,
                permanent: false,
                subject: None,
            },
            "it was about to be started, and that was called off;",
        ),
    ];
    for (end, expected) in table {
        let text = said(vec![restart(Voice::Exit, |ended| ended.evidence.end = end)]);
        assert!(text.contains(expected), "{text}\nlacks\n{expected}");
    }
    for cause in StopCause::ALL {
        let text = said(vec![restart(Voice::Supervisor, stopped_by(cause))]);
        assert!(text.contains("was stopped "), "{text}");
    }
    let text = said(vec![restart(Voice::Exit, |ended| {
        ended.evidence.stderr = ["first", "no route to db"].map(Into::into).into();
    })]);
    assert!(
        text.contains("after 2 s, its last line on standard error: \"no route to db\";"),
        "{text}"
    );
    let text = said(vec![restart(Voice::Supervisor, |ended| {
        stopped_by(StopCause::Health)(ended);
        ended.evidence.probe = Some("connection refused".into());
    })]);
    assert!(text.contains("its last probe: \"connection refused\""), "{text}");
}

#[test]
fn who_waits_says_for_whom_and_why_that_does_not_come() {
    let waiting = |unit: &str, on: &str| Record {
        instance: None,
        ..record(1_000, unit, 1, Fact::Waiting { on: vec![on.into()] })
    };
    let failed = Record {
        unit: Some("disk".into()),
        ..down(KeptNext::Failed, Voice::Exit, exit(78, Some(Kind::Config)))
    };
    assert_eq!(
        said(vec![waiting("api", "db"), waiting("db", "disk"), failed]),
        "api#1 waits since 10:00:01 (59 s) for db, which waits for disk, which failed at 10:00:40 (it exited with code 78 (config) after 2 s); it starts by itself once that has come as far as `after` asks."
    );
    let starting = record(2_000, "db", 1, Fact::Started { pid: 8, incarnation: 1 });
    assert_eq!(
        said(vec![waiting("api", "db"), starting]),
        "api#1 waits since 10:00:01 (59 s) for db, which is starting since 10:00:02 and not ready yet; it starts by itself once that has come as far as `after` asks."
    );
    let again = Record { unit: Some("db".into()), ..restart(Voice::Exit, |_| {}) };
    let text = said(vec![waiting("api", "db"), again]);
    assert!(text.contains("for db, which is down (it exited with code 1 (crashed) after 2 s; it starts again in 4.2 s, at 10:01:04); it"), "{text}");
    // A circle is refused by the config; a file can hold anything.
    let text = said(vec![waiting("api", "db"), waiting("db", "api")]);
    assert!(text.contains("for db, which waits for api; it starts"), "{text}");
}

#[test]
fn groups_and_pauses() {
    let restarting = own(39_000, Fact::GroupRestarting(group(&["db", "api"])));
    let held = down(KeptNext::Held, Voice::Group, stopped_by(StopCause::GroupRestart));
    assert_eq!(
        said(vec![started(10_000), restarting, held]),
        "api#1 is down since 10:00:40 (20 s): it was stopped because its group starts again together; it was killed by SIGTERM after 2 s; it starts again with its group web, which restarts because of db#1."
    );
    let failed = own(41_000, Fact::GroupFailed(group(&["db", "api"])));
    let mut stands = Stands::new(at(41_000));
    (stands.state, stands.cause) = (State::Failed, Some(StopCause::UnitFailed));
    stands.group = Some(group(&[]));
    let stands = api(41_000, Fact::Stands(Box::new(stands)));
    assert_eq!(
        said(vec![started(10_000), restart(Voice::Exit, |_| {}), failed, stands]),
        "api#1 has failed and is down since 10:00:41 (19 s): its group web failed, last because of db#1; before that, at 10:00:40, it exited with code 1 (crashed) after 2 s; it stays down until an operator starts it."
    );
    let paused = Record { instance: None, ..api(40_000, Fact::Paused { length_ns: 90 * NS }) };
    let text = said(vec![restart(Voice::Rule, |_| {}), paused]);
    assert!(
        text.ends_with(
            "it starts again in 1 min 10 s, at 10:02:10 (its unit is paused until then)."
        ),
        "{text}"
    );
    let held = down(KeptNext::Held, Voice::Dependency, stopped_by(StopCause::DependencyRestart));
    let on = vec!["db".into()];
    let waiting = Record { instance: None, ..api(39_000, Fact::Waiting { on }) };
    let text = said(vec![started(10_000), waiting, held]);
    assert!(
        text.ends_with("it starts again by itself after db, which was not started yet."),
        "{text}"
    );
}

#[test]
fn a_start_that_is_due_waits_for_its_turn() {
    let due = restart(Voice::Exit, |ended| ended.restart_in_ns = Some(15 * NS));
    let text = said(vec![due, record(57_000, "db", 1, Fact::Ready { after_ns: NS })]);
    assert!(
        text.contains("it was to start again at 10:00:55, 5 s ago and waits for its turn"),
        "{text}"
    );
}

#[test]
fn when_hearken_is_gone_all_is_past() {
    let ready = || vec![started(10_000), api(12_000, Fact::Ready { after_ns: NS })];
    assert_eq!(
        told(ready(), Alive::No),
        "api#1 was ready since 10:00:12, as pid 7; its process was killed with hearken."
    );
    let text = told(vec![restart(Voice::Exit, |_| {})], Alive::No);
    assert_eq!(
        text,
        "api#1 was down since 10:00:40, to start again at 10:01:04: it exited with code 1 (crashed) after 2 s; the default for exit code 1 decided."
    );
}

#[test]
fn an_end_of_an_earlier_life_explains_no_state_of_this_one() {
    let ended = Record { life: crate::ledger::Life(6), ..restart(Voice::Exit, |_| {}) };
    let begun = own(50_000, Fact::SupervisorStarted(Box::new(supervisor(&[("api", 1)]))));
    let text = said(vec![ended, begun, started(51_000), api(52_000, Fact::Ready { after_ns: 1 })]);
    assert!(
        text.contains(
            "Its last end was at 10:00:40, 20 s ago under the hearken before this one: it exited"
        ),
        "{text}"
    );
}

#[test]
fn the_words_of_a_child_do_not_reach_the_terminal_as_they_are() {
    let text = said(vec![restart(Voice::Error, |ended| {
        error(ended);
        let said = ended.evidence.error.as_mut().unwrap();
        (said.message, said.code) = ("\x1b[2J\u{9b}31m\nfake line".into(), "a\x07\u{202e}b".into());
    })]);
    assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
}

#[test]
fn who_has_come_is_not_waited_for_any_more() {
    let on = |units: &[&str]| {
        let on = units.iter().map(|unit| (*unit).into()).collect();
        record(1_000, "api", 1, Fact::Waiting { on })
    };
    let up = |unit| record(2_000, unit, 1, Fact::Ready { after_ns: NS });
    let text = said(vec![on(&["db", "disk"]), up("db")]);
    assert_eq!(
        text,
        "api#1 waits since 10:00:01 (59 s) for disk, which was not started yet; it starts by itself once that has come as far as `after` asks."
    );
    let text = told(vec![on(&["db", "disk"]), up("db")], Alive::No);
    assert_eq!(text, "api#1 was waiting for disk since 10:00:01.");
    let to_end = said(vec![on(&["db"]), up("db")]);
    assert!(to_end.contains("for db, which is ready;"), "{to_end}");
}

#[test]
fn a_probe_is_called_by_what_it_was_for() {
    let text = |cause| {
        said(vec![down(KeptNext::Failed, Voice::Supervisor, |ended| {
            stopped_by(cause)(ended);
            ended.evidence.probe = Some("connecting to 127.0.0.1:1: ECONNREFUSED".into());
        })])
    };
    let readiness = "it was stopped because its readiness probe failed too often; it was killed by SIGTERM after 2 s, its last probe: \"connecting to 127.0.0.1:1: ECONNREFUSED\"; ";
    let unready = text(StopCause::Unready);
    assert!(unready.contains(readiness), "{unready}");
    let ill = text(StopCause::Health);
    assert!(ill.contains("its health probe failed too often"), "{ill}");
}

/// On a full disk nobody knows what happened since; the limit of restarts is not to blame.
#[test]
fn a_ledger_that_fell_silent_is_told_of() {
    let due = restart(Voice::Exit, |ended| ended.restart_in_ns = Some(NS));
    let silent = said(vec![due.clone()]);
    assert!(silent.contains("nothing was written to the ledger since"), "{silent}");
    let others = vec![due, record(50_000, "db", 1, Fact::Ready { after_ns: NS })];
    assert!(said(others.clone()).contains("waits for its turn"), "{}", said(others));
}
