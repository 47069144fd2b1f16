use super::super::record::{Fact, Record};
use super::super::testing;
use super::*;
use hearken_core::evidence::{Intent, Scope, StopCause};
use hearken_core::kind::Kind;
use proptest::prelude::*;
use std::sync::Arc;

fn rules() -> Arc<[Rule]> {
    let rule = |n: u32| Rule {
        label: format!("rule {n} of api (hearken.toml:{})", 10 + n).into(),
        matches: hearken_core::rule::Match::default(),
        task: None,
        instance: None,
        unit: None,
        pace: None,
    };
    (1..=3).map(rule).collect()
}

fn backoff() -> impl Strategy<Value = Backoff> {
    (0..3_600_000_000_000_u64, 0..3_600_000_000_000_u64).prop_map(|(delay, more)| {
        let (delay, more) = (Duration::from_nanos(delay), Duration::from_nanos(more));
        Backoff::new(delay, delay + more).unwrap()
    })
}

fn pace() -> impl Strategy<Value = Pace> {
    prop_oneof![
        Just(Pace::AtOnce),
        any::<u64>().prop_map(|ns| Pace::After(Duration::from_nanos(ns))),
        backoff().prop_map(Pace::Backoff),
        (any::<u64>(), backoff())
            .prop_map(|(asked, within)| Pace::Asked(Duration::from_millis(asked), within)),
    ]
}

fn judgement() -> impl Strategy<Value = Judgement> {
    let next = prop_oneof![
        (pace(), any::<bool>()).prop_map(|(pace, counted)| Next::Restart { pace, counted }),
        prop::sample::select(vec![Next::Held, Next::Stopped, Next::Finished, Next::Failed]),
    ];
    let beyond = prop::sample::select(vec![
        Beyond::Nothing,
        Beyond::Pause,
        Beyond::FailUnit,
        Beyond::ShutDown,
    ]);
    let decided_by = prop_oneof![
        (0..9_u32).prop_map(DecidedBy::Rule),
        prop::sample::select(vec![
            DecidedBy::Operator,
            DecidedBy::Shutdown,
            DecidedBy::Supervisor,
            DecidedBy::Group,
            DecidedBy::Dependency,
            DecidedBy::Unit,
            DecidedBy::Intent,
            DecidedBy::Hint,
            DecidedBy::Error,
            DecidedBy::Exit,
            DecidedBy::Policy,
            DecidedBy::Budget,
        ]),
    ];
    (next, beyond, decided_by).prop_map(|(next, beyond, decided_by)| Judgement {
        next,
        beyond,
        decided_by,
    })
}

fn error() -> impl Strategy<Value = TypedError> {
    (
        prop::sample::select(Kind::ALL.to_vec()),
        ".{0,40}",
        ".{0,200}",
        any::<Option<bool>>(),
        any::<Option<u64>>(),
        prop::option::of(prop::sample::select(Scope::ALL.to_vec())),
    )
        .prop_map(|(kind, code, message, retryable, retry_after, scope)| TypedError {
            kind,
            code,
            message,
            retryable,
            retry_after: retry_after.map(Duration::from_millis),
            scope,
        })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        any::<i32>().prop_map(|code| End::Process(Ending::Exited(code))),
        (1..65, any::<bool>())
            .prop_map(|(signal, core_dumped)| End::Process(Ending::Killed { signal, core_dumped })),
        (prop::sample::select(STAGES.to_vec()), any::<i32>(), any::<bool>()).prop_map(
            |(stage, errno, permanent)| End::SpawnFailed(SpawnFailure { stage, errno, permanent })
        ),
    ]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let intents = vec![Intent::Done, Intent::Retry, Intent::RestartNow, Intent::StayDown];
    (
        end(),
        prop::option::of(prop::sample::select(StopCause::ALL.to_vec())),
        prop::option::of(error()),
        prop::option::of(prop::sample::select(intents)),
        any::<u64>(),
        any::<Option<u64>>(),
        any::<u32>(),
        prop::option::of(judgement()),
    )
        .prop_map(|(end, stopped_by, error, intent, uptime, ready, failures, sentence)| {
            Evidence {
                end,
                stopped_by,
                error,
                intent,
                uptime: Duration::from_nanos(uptime),
                ready_uptime: ready.map(Duration::from_nanos),
                failures,
                sentence,
            }
        })
}

proptest! {
    /// What the core knew of an end is what the replay gets, through a line of the file.
    #[test]
    fn an_end_comes_back_as_it_was(
        evidence in evidence(),
        judgement in judgement(),
        restart_in in any::<Option<u64>>(),
        stderr in prop::collection::vec(".{1,60}", 0..8),
    ) {
        let restart_in = restart_in.map(Duration::from_nanos);
        let mut ended = Ended::of(Some(7), 3, &evidence, &judgement, restart_in, &rules());
        ended.evidence.stderr = stderr.iter().map(|line| line.as_str().into()).collect();
        let record = testing::record(5, "api", 2, Fact::Ended(Box::new(ended.clone())));
        let line = serde_json::to_string(&record).unwrap();
        prop_assert!(!line.contains('\n'));
        let back: Record = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&back, &record);
        let back = back.ended().unwrap();
        prop_assert_eq!(back.evidence.to_core().unwrap(), evidence);
        prop_assert_eq!(back.judgement.to_core().unwrap(), judgement);
        prop_assert_eq!(back.restart_in_ns.map(Duration::from_nanos), restart_in);
    }

    /// Whatever stands in a file, reading it is no end of anything.
    #[test]
    fn any_bytes_are_a_record_or_a_flaw(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in 0..400_usize,
    ) {
        let mut line = serde_json::to_vec(&*testing::ended("api", 1, 1)).unwrap();
        let at = at.min(line.len());
        line.splice(at.., bytes);
        let _either = serde_json::from_slice::<Record>(&line);
    }
}

#[test]
fn a_rule_is_kept_with_its_label() {
    let (voice, rule) = voice(DecidedBy::Rule(1), &rules());
    assert_eq!(voice, Voice::Rule);
    let rule = rule.unwrap();
    assert_eq!((rule.place, &*rule.label), (1, "rule 2 of api (hearken.toml:12)"));
    let unknown = super::voice(DecidedBy::Rule(8), &rules()).1.unwrap();
    assert_eq!(&*unknown.label, "rule 9");
}

#[test]
fn a_long_message_is_cut_between_two_characters() {
    assert_eq!(&*cut("short", 10), "short");
    assert_eq!(&*cut("ééééé", 8), "éé…");
    assert_eq!(cut(&"é".repeat(4_000), MESSAGE_MAX).len(), 1023);
}

#[test]
fn what_a_newer_version_writes_is_skipped_or_unknown() {
    let line =
        r#"{"time":"2026-11-22T10:00:00.000Z","at_ns":1,"life":"07","record":"dreamt","of":3}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!(record.fact, Fact::Unknown);
    let line = r#"{"time":"2026-11-22T10:00:00.000Z","at_ns":1,"life":"07","unit":"a","instance":1,"record":"ready","after_ns":3,"mood":"good"}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!(record.fact, Fact::Ready { after_ns: 3 });
    let mut evidence = testing::crash(1).evidence;
    evidence.end =
        KeptEnd::StartFailed { stage: "warp".into(), errno: 1, permanent: true, subject: None };
    let error = evidence.to_core().unwrap_err();
    assert!(error.to_string().contains("\"warp\""), "{error}");
}

/// The format is an interface: this is what it looks like.
#[test]
fn a_line_of_the_ledger() {
    let line = serde_json::to_string(&*testing::ended("api", 1, 3)).unwrap();
    let expected = concat!(
        r#"{"time":"2026-11-22T10:00:00.000Z","at_ns":0,"life":"0000000000000007","unit":"api","#,
        r#""instance":1,"record":"ended","pid":4711,"incarnation":3,"evidence":{"end":{"how":"#,
        r#""exited","exit_code":1},"kind":"crashed","uptime_ns":2000000000,"failures":0},"#,
        r#""judgement":{"next":"restart","pace":{"how":"backoff","delay_ns":200000000,"#,
        r#""max_delay_ns":60000000000},"counted":true,"beyond":"nothing","decided_by":"#,
        r#""exit_status"},"restart_in_ns":200000000}"#,
    );
    assert_eq!(line, expected);
}
