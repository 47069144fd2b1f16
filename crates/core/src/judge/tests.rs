use super::*;
use crate::evidence::{Ending, SpawnFailure};
use crate::policy::OnLimit;
use crate::rule::Match;
use RestartWhen::{Always, Never, OnFailure};

const BY_HAND: Next = Next::Restart { pace: Pace::AtOnce, counted: false };
const MINUTE: Duration = Duration::from_secs(60);

fn backoff() -> Backoff {
    Backoff::new(Duration::ZERO, MINUTE).unwrap()
}

fn again(counted: bool) -> Next {
    Next::Restart { pace: Pace::Backoff(backoff()), counted }
}

/// An exit with this code and nothing else to say.
fn exit(code: i32) -> Evidence {
    Evidence {
        end: End::Process(Ending::Exited(code)),
        stopped_by: None,
        error: None,
        intent: None,
        uptime: Duration::ZERO,
        ready_uptime: None,
        failures: 0,
        sentence: None,
    }
}

fn stopped(cause: StopCause) -> Evidence {
    Evidence {
        end: End::Process(Ending::Killed { signal: 15, core_dumped: false }),
        stopped_by: Some(cause),
        ..said(Kind::Config)
    }
}

fn said(kind: Kind) -> Evidence {
    let (code, message) = (String::new(), String::new());
    let error = TypedError { kind, code, message, retryable: None, retry_after: None, scope: None };
    Evidence { error: Some(error), ..exit(1) }
}

fn hinted(kind: Kind, retryable: Option<bool>, retry_after: Option<Duration>) -> Evidence {
    let mut evidence = said(kind);
    let error = evidence.error.take().map(|it| TypedError { retryable, retry_after, ..it });
    Evidence { error, ..evidence }
}

fn announced(intent: Intent, evidence: Evidence) -> Evidence {
    Evidence { intent: Some(intent), ..evidence }
}

fn not_spawned(permanent: bool) -> Evidence {
    let failure = SpawnFailure { stage: "exec", errno: 2, permanent };
    Evidence { end: End::SpawnFailed(failure), ..exit(0) }
}

fn policy(when: RestartWhen) -> RestartPolicy {
    RestartPolicy { when, backoff: backoff(), settle: MINUTE, limit: None, on_limit: OnLimit::Fail }
}

#[test]
fn each_voice_in_its_turn() {
    let after = |wait, counted| Next::Restart { pace: Pace::Asked(wait, backoff()), counted };
    let at_once = Next::Restart { pace: Pace::AtOnce, counted: true };
    let table = [
        // 1. People.
        (stopped(StopCause::Operator), Always, Next::Stopped, DecidedBy::Operator),
        (stopped(StopCause::Scale), Always, Next::Stopped, DecidedBy::Operator),
        (stopped(StopCause::Shutdown), Always, Next::Stopped, DecidedBy::Shutdown),
        (stopped(StopCause::Restart), Never, BY_HAND, DecidedBy::Operator),
        // For the sake of others.
        (stopped(StopCause::GroupRestart), Never, Next::Held, DecidedBy::Group),
        (stopped(StopCause::DependencyRestart), Always, Next::Held, DecidedBy::Dependency),
        (stopped(StopCause::DependencyStop), Always, Next::Stopped, DecidedBy::Dependency),
        (stopped(StopCause::UnitFailed), Always, Next::Failed, DecidedBy::Unit),
        (
            announced(Intent::StayDown, stopped(StopCause::Restart)),
            OnFailure,
            BY_HAND,
            DecidedBy::Operator,
        ),
        // 2. The supervisor itself; the config error the child also sent has no say.
        (stopped(StopCause::StartTimeout), OnFailure, again(true), DecidedBy::Supervisor),
        (stopped(StopCause::Violation), OnFailure, again(true), DecidedBy::Supervisor),
        (stopped(StopCause::LineLost), Always, again(true), DecidedBy::Supervisor),
        (stopped(StopCause::LineLost), Never, Next::Failed, DecidedBy::Supervisor),
        (stopped(StopCause::Watchdog), OnFailure, again(true), DecidedBy::Supervisor),
        (stopped(StopCause::ProgressTimeout), OnFailure, again(true), DecidedBy::Supervisor),
        (stopped(StopCause::Health), OnFailure, again(true), DecidedBy::Supervisor),
        (stopped(StopCause::Unready), OnFailure, again(true), DecidedBy::Supervisor),
        // It announced what shall follow, and was only late to go.
        (
            announced(Intent::Done, stopped(StopCause::Overdue)),
            Always,
            Next::Finished,
            DecidedBy::Intent,
        ),
        (stopped(StopCause::Overdue), OnFailure, again(true), DecidedBy::Supervisor),
        // 3. A oneshot.
        (exit(0), Never, Next::Finished, DecidedBy::Policy),
        (exit(75), Never, Next::Failed, DecidedBy::Policy),
        (announced(Intent::Retry, exit(1)), Never, Next::Failed, DecidedBy::Policy),
        (announced(Intent::Retry, exit(0)), Never, Next::Finished, DecidedBy::Policy),
        (announced(Intent::Done, exit(1)), Never, Next::Finished, DecidedBy::Policy),
        (said(Kind::Transient), Never, Next::Failed, DecidedBy::Policy),
        (not_spawned(true), Never, Next::Failed, DecidedBy::Policy),
        (not_spawned(false), Never, again(true), DecidedBy::Exit),
        // 4. What the child announced.
        (announced(Intent::Done, said(Kind::Bug)), Always, Next::Finished, DecidedBy::Intent),
        (announced(Intent::StayDown, exit(0)), Always, Next::Finished, DecidedBy::Intent),
        (announced(Intent::StayDown, exit(1)), Always, Next::Failed, DecidedBy::Intent),
        (announced(Intent::Retry, exit(0)), OnFailure, again(true), DecidedBy::Intent),
        (
            announced(Intent::Retry, hinted(Kind::Config, Some(false), Some(MINUTE))),
            OnFailure,
            after(MINUTE, true),
            DecidedBy::Intent,
        ),
        (announced(Intent::Retry, said(Kind::Resource)), Always, again(false), DecidedBy::Intent),
        (announced(Intent::RestartNow, exit(0)), OnFailure, at_once, DecidedBy::Intent),
        // 5. What the child hinted.
        (hinted(Kind::Transient, Some(false), None), Always, Next::Failed, DecidedBy::Hint),
        (hinted(Kind::Config, Some(true), None), OnFailure, again(true), DecidedBy::Hint),
        (
            hinted(Kind::RateLimited, Some(true), Some(MINUTE)),
            OnFailure,
            after(MINUTE, false),
            DecidedBy::Hint,
        ),
        // 6. The table of kinds: by the child's error, then by how it exited.
        (
            hinted(Kind::Timeout, None, Some(MINUTE)),
            OnFailure,
            after(MINUTE, true),
            DecidedBy::Error,
        ),
        (said(Kind::RateLimited), OnFailure, again(false), DecidedBy::Error),
        (said(Kind::Denied), Always, Next::Failed, DecidedBy::Error),
        (exit(78), Always, Next::Failed, DecidedBy::Exit),
        (exit(1), OnFailure, again(true), DecidedBy::Exit),
        (not_spawned(false), OnFailure, again(true), DecidedBy::Exit),
        (not_spawned(true), Always, Next::Failed, DecidedBy::Exit),
        // 7. The policy.
        (exit(0), Always, again(true), DecidedBy::Policy),
        (exit(0), OnFailure, Next::Finished, DecidedBy::Policy),
        (said(Kind::Cancelled), OnFailure, again(true), DecidedBy::Policy),
        (said(Kind::Cancelled), Never, Next::Failed, DecidedBy::Policy),
        (
            Evidence { end: exit(0).end, ..said(Kind::Cancelled) },
            Never,
            Next::Finished,
            DecidedBy::Policy,
        ),
    ];
    for (evidence, when, next, decided_by) in table {
        let judgement = judge(&evidence, &[], &policy(when));
        assert_eq!(judgement, Judgement::new(decided_by, next), "{when:?}: {evidence:#?}");
    }
}

#[test]
fn what_is_held_against_a_program() {
    let table = [
        (exit(0), false),
        (exit(1), true),
        (exit(78), true),
        (said(Kind::RateLimited), true),
        (said(Kind::Cancelled), false),
        (not_spawned(false), true),
        (stopped(StopCause::Operator), false),
        (stopped(StopCause::Restart), false),
        (stopped(StopCause::Shutdown), false),
        (stopped(StopCause::Scale), false),
        (stopped(StopCause::StartTimeout), true),
        (stopped(StopCause::Violation), true),
        (stopped(StopCause::LineLost), true),
    ];
    for (evidence, failure) in table {
        assert_eq!(is_failure(&evidence), failure, "{evidence:#?}");
    }
}

fn rule(matches: Match, change: impl FnOnce(&mut Rule)) -> Rule {
    let label = "a rule".into();
    let mut rule = Rule { label, matches, task: None, instance: None, unit: None, pace: None };
    change(&mut rule);
    rule
}

fn of_kind(kind: Kind) -> Match {
    Match { kind: vec![kind], ..Match::default() }
}

fn of_exit(code: i32) -> Match {
    Match { exit_code: vec![code], ..Match::default() }
}

#[test]
fn a_rule_decides_on_the_axes_it_names() {
    let kept = |it: &mut Rule| it.instance = Some(InstanceVerdict::Keep);
    let unit = |unit| move |it: &mut Rule| it.unit = Some(unit);
    let second = Duration::from_secs(1);
    let own = Backoff::new(second, second).unwrap();
    let restart = |pace, counted| Next::Restart { pace, counted };
    let paced = |pace| move |it: &mut Rule| it.pace = Some(pace);
    let after = Pace::After(second);
    let table = [
        // The unit.
        (of_kind(Kind::Bug), rule(of_kind(Kind::Bug), unit(UnitVerdict::None)), again(false)),
        (of_kind(Kind::Bug), rule(of_kind(Kind::Bug), unit(UnitVerdict::Fail)), Next::Failed),
        // What the table would leave down goes on if a rule lifts one of `stop` and `fail`.
        (of_kind(Kind::Config), rule(of_kind(Kind::Config), unit(UnitVerdict::Count)), again(true)),
        (of_kind(Kind::Config), rule(of_kind(Kind::Config), kept), again(true)),
        (of_kind(Kind::Denied), rule(of_kind(Kind::Denied), unit(UnitVerdict::None)), again(false)),
        // The process.
        (
            of_kind(Kind::Bug),
            rule(of_kind(Kind::Bug), |it| it.instance = Some(InstanceVerdict::Stop)),
            Next::Stopped,
        ),
        // The pace.
        (
            of_kind(Kind::Bug),
            rule(of_kind(Kind::Bug), paced(RulePace::Delay(second))),
            restart(after, true),
        ),
        (
            of_kind(Kind::Bug),
            rule(of_kind(Kind::Bug), paced(RulePace::Backoff(own))),
            restart(Pace::Backoff(own), true),
        ),
    ];
    for (about, rule, next) in table {
        let evidence = said(about.kind[0]);
        let judgement = judge(&evidence, std::slice::from_ref(&rule), &policy(OnFailure));
        assert_eq!(judgement.next, next, "{rule:#?}");
        assert_eq!(judgement.decided_by, DecidedBy::Rule(0));
    }
}

#[test]
fn what_the_child_asks_for_is_bound_by_the_rule() {
    let second = Duration::from_secs(1);
    let own = Backoff::new(second, second).unwrap();
    let asks = hinted(Kind::Transient, None, Some(MINUTE));
    let pace = |pace| {
        let rule = rule(of_kind(Kind::Transient), |it| it.pace = Some(pace));
        judge(&asks, &[rule], &policy(OnFailure)).next
    };
    let next = |pace| Next::Restart { pace, counted: true };
    assert_eq!(pace(RulePace::Delay(second)), next(Pace::After(second)));
    assert_eq!(pace(RulePace::Backoff(own)), next(Pace::Asked(MINUTE, own)));
}

#[test]
fn a_rule_has_its_place_among_the_voices() {
    let stops = rule(of_kind(Kind::Bug), |it| it.instance = Some(InstanceVerdict::Stop));
    let decided = |evidence: &Evidence, when| {
        judge(evidence, std::slice::from_ref(&stops), &policy(when)).decided_by
    };
    let by_operator = Evidence { stopped_by: Some(StopCause::Operator), ..said(Kind::Bug) };
    assert_eq!(decided(&by_operator, Always), DecidedBy::Operator);
    assert_eq!(decided(&announced(Intent::Retry, said(Kind::Bug)), Always), DecidedBy::Intent);
    assert_eq!(decided(&hinted(Kind::Bug, Some(true), None), Always), DecidedBy::Rule(0));
    assert_eq!(decided(&said(Kind::Bug), Always), DecidedBy::Rule(0));
    assert_eq!(decided(&said(Kind::Transient), Always), DecidedBy::Error);
}

#[test]
fn a_rule_can_start_a_oneshot_again_and_a_child_cannot() {
    let again_on = |change: fn(&mut Rule)| rule(of_kind(Kind::Transient), change);
    let named = again_on(|it| it.instance = Some(InstanceVerdict::Keep));
    let judged = |rule: Rule, evidence: &Evidence| judge(evidence, &[rule], &policy(Never));
    assert_eq!(judged(named.clone(), &said(Kind::Transient)).next, again(true));
    let done = announced(Intent::Done, said(Kind::Transient));
    assert_eq!(judged(named, &done).next, Next::Finished);
    let paced = again_on(|it| it.pace = Some(RulePace::Delay(MINUTE)));
    assert_eq!(judged(paced, &said(Kind::Transient)).next, Next::Failed);
}

#[test]
fn a_rule_may_speak_of_success() {
    let stays = rule(of_exit(0), |it| it.instance = Some(InstanceVerdict::Stop));
    assert_eq!(judge(&exit(0), &[stays], &policy(Always)).next, Next::Stopped);
    let slower = rule(of_exit(0), |it| it.pace = Some(RulePace::Delay(MINUTE)));
    let judged = |when| judge(&exit(0), std::slice::from_ref(&slower), &policy(when));
    let next = Next::Restart { pace: Pace::After(MINUTE), counted: true };
    assert_eq!(judged(Always).next, next);
    assert_eq!(judged(OnFailure).decided_by, DecidedBy::Policy);
}

#[test]
fn faults_the_supervisor_finds_go_through_the_rules_by_their_code() {
    let quiet =
        Match { code: vec![crate::glob::Glob::new("watchdog").unwrap()], ..Match::default() };
    let rules = [rule(quiet, |it| it.unit = Some(UnitVerdict::ShutDown))];
    let judged = |cause| judge(&stopped(cause), &rules, &policy(Always));
    assert_eq!(judged(StopCause::Watchdog).beyond, Beyond::ShutDown);
    assert_eq!(judged(StopCause::Health).decided_by, DecidedBy::Supervisor);
}

#[test]
fn how_far_a_verdict_reaches() {
    let reach = |unit| {
        let rule = rule(of_kind(Kind::Bug), |it| it.unit = Some(unit));
        judge(&said(Kind::Bug), &[rule], &policy(OnFailure)).beyond
    };
    assert_eq!(reach(UnitVerdict::None), Beyond::Nothing);
    assert_eq!(reach(UnitVerdict::Count), Beyond::Nothing);
    assert_eq!(reach(UnitVerdict::Pause), Beyond::Pause);
    assert_eq!(reach(UnitVerdict::Fail), Beyond::FailUnit);
    assert_eq!(reach(UnitVerdict::ShutDown), Beyond::ShutDown);
    let by_table = judge(&said(Kind::Config), &[], &policy(OnFailure));
    assert_eq!(by_table.beyond, Beyond::Nothing, "the healthy instances of the unit stay");
}

#[test]
fn what_an_error_means_while_the_child_runs_on() {
    let react_to = |kind, scope| {
        let error = said(kind).error.map(|error| TypedError { scope, ..error }).unwrap();
        let verdict = react(&error, MINUTE, 0, &[], &policy(OnFailure));
        (verdict.instance, verdict.unit, verdict.at_end().next)
    };
    let keeps = (InstanceVerdict::Keep, UnitVerdict::None, again(false));
    assert_eq!(react_to(Kind::Transient, None), keeps);
    let recycles = (InstanceVerdict::Recycle, UnitVerdict::None, again(false));
    assert_eq!(react_to(Kind::Resource, Some(Scope::Worker)), recycles);
    assert_eq!(react_to(Kind::Resource, Some(Scope::Task)), keeps, "it is the task's trouble");
    assert_eq!(react_to(Kind::Config, Some(Scope::Dependency)), keeps);
    let stops = (InstanceVerdict::Stop, UnitVerdict::Fail, Next::Failed);
    assert_eq!(react_to(Kind::Config, Some(Scope::Service)), stops);
}

#[test]
fn a_process_of_one_task_is_judged_for_nothing_but_itself() {
    use RestartWhen::OnTask;
    let table = [
        (exit(0), Next::Finished, DecidedBy::Task),
        (exit(1), Next::Finished, DecidedBy::Task),
        (exit(75), Next::Finished, DecidedBy::Task),
        (exit(78), Next::Finished, DecidedBy::Task),
        (said(Kind::Config), Next::Finished, DecidedBy::Task),
        (hinted(Kind::Bug, Some(false), None), Next::Finished, DecidedBy::Task),
        (announced(Intent::RestartNow, exit(1)), Next::Finished, DecidedBy::Task),
        (announced(Intent::StayDown, exit(1)), Next::Finished, DecidedBy::Task),
        (not_spawned(false), Next::Finished, DecidedBy::Task),
        (not_spawned(true), Next::Failed, DecidedBy::Exit),
        (stopped(StopCause::TaskTimeout), Next::Finished, DecidedBy::Task),
        (stopped(StopCause::TaskCancelled), Next::Finished, DecidedBy::Task),
        (stopped(StopCause::Watchdog), Next::Finished, DecidedBy::Task),
        (stopped(StopCause::Operator), Next::Stopped, DecidedBy::Operator),
        (stopped(StopCause::Shutdown), Next::Stopped, DecidedBy::Shutdown),
        (stopped(StopCause::UnitFailed), Next::Failed, DecidedBy::Unit),
        // Without a task there is nothing to come back for.
        (stopped(StopCause::Restart), Next::Finished, DecidedBy::Operator),
        (stopped(StopCause::GroupRestart), Next::Finished, DecidedBy::Group),
        (stopped(StopCause::DependencyRestart), Next::Finished, DecidedBy::Dependency),
    ];
    for (evidence, next, decided_by) in table {
        let judged = judge(&evidence, &[], &policy(OnTask));
        assert_eq!((judged.next, judged.decided_by), (next, decided_by), "{evidence:?}");
        assert_eq!(judged.beyond, Beyond::Nothing, "{evidence:?}");
    }
}

#[test]
fn a_rule_may_take_the_unit_down_for_the_end_of_one_task() {
    let matches = Match { exit_code: vec![9], ..Match::default() };
    for (unit, next, beyond) in [
        (None, Next::Finished, Beyond::Nothing),
        (Some(UnitVerdict::Count), Next::Finished, Beyond::Nothing),
        (Some(UnitVerdict::Pause), Next::Finished, Beyond::Nothing),
        (Some(UnitVerdict::Fail), Next::Failed, Beyond::FailUnit),
        (Some(UnitVerdict::ShutDown), Next::Failed, Beyond::ShutDown),
    ] {
        let (label, matches) = ("rule".into(), matches.clone());
        let rule = Rule { label, matches, task: None, instance: None, unit, pace: None };
        let judged = judge(&exit(9), &[rule], &policy(RestartWhen::OnTask));
        assert_eq!((judged.next, judged.beyond), (next, beyond), "{unit:?}");
    }
}

#[test]
fn what_a_pool_stops_its_worker_for_says_whether_another_follows() {
    let table = [
        (StopCause::TaskTimeout, Always, BY_HAND, DecidedBy::Task),
        (StopCause::TaskCancelled, OnFailure, BY_HAND, DecidedBy::Task),
        (StopCause::TaskTimeout, Never, Next::Finished, DecidedBy::Task),
        (StopCause::Recycle, Always, Next::Finished, DecidedBy::Supervisor),
        (StopCause::NotAccepted, Always, again(true), DecidedBy::Supervisor),
    ];
    for (cause, when, next, decided_by) in table {
        let judged = judge(&stopped(cause), &[], &policy(when));
        assert_eq!((judged.next, judged.decided_by), (next, decided_by), "{cause:?}");
    }
    assert!(is_failure(&stopped(StopCause::NotAccepted)));
    for cause in [StopCause::TaskTimeout, StopCause::TaskCancelled, StopCause::Recycle] {
        assert!(!is_failure(&stopped(cause)), "{cause:?} is not held against the program");
    }
}
