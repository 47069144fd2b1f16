//! Runs, event by event.

use super::*;
use crate::map::Halt;
use hearken_core::pool::Ceiling;
use hearken_core::task::Counters;
use hearken_store::TaskResult;

/// A run with a pool that does what the test says.
struct Run {
    course: Course,
    submitted: Vec<TaskSpec>,
    actions: Vec<Action>,
}

impl Run {
    fn with(change: impl FnOnce(&mut Terms)) -> Self {
        let mut terms = Terms {
            halt: Halt::Never,
            ordered: false,
            inputs: false,
            task_type: None,
            programs: false,
            seed: 7,
        };
        change(&mut terms);
        Self { course: Course::new(terms), submitted: Vec::new(), actions: Vec::new() }
    }

    /// One that has taken so many inputs and has not heard of their end.
    fn of(inputs: u64) -> Self {
        let mut run = Self::with(|_| {});
        run.take(1..=inputs);
        run
    }

    fn handle(&mut self, event: Event) {
        self.course.handle(SystemTime::UNIX_EPOCH + Duration::from_secs(60), event);
        self.actions.extend(std::iter::from_fn(|| self.course.poll_action()));
        self.submitted.extend(self.course.submission(1000));
    }

    fn take(&mut self, indexes: impl IntoIterator<Item = u64>) {
        for index in indexes {
            let payload = Ok(Raw::string(&index.to_string()));
            self.handle(Event::Fed(Fed::Input(Taken {
                index,
                payload,
                key: None,
                again: false,
                cost: 1,
            })));
        }
    }

    /// The task of this input.
    fn task(&self, index: u64) -> TaskId {
        let payload = Raw::string(&index.to_string());
        let spec = self.submitted.iter().find(|spec| spec.payload == payload).unwrap();
        spec.id.unwrap()
    }

    fn start(&mut self, index: u64) {
        let task = self.task(index);
        self.handle(Event::Told(Told::Started { task, attempt: 1 }));
    }

    fn end(&mut self, index: u64, next: TaskNext) {
        let ended = self.ended(index, next);
        self.handle(Event::Told(Told::Ended(Arc::new(ended))));
    }

    fn ended(&self, index: u64, next: TaskNext) -> Ended {
        let error = r#"{"kind":"bug","code":"x","message":"no"}"#;
        let body = ResultBody::Inline(Raw::string("out").into_msgpack());
        let ok = next == TaskNext::Succeeded;
        Ended {
            task: self.task(index),
            next,
            counters: Counters { leases: 1, ..Counters::default() },
            decided_by: "worker",
            error: (!ok).then(|| error.into()),
            result: ok.then_some(TaskResult { body, content_type: None, summary: None }),
            took: Duration::from_secs(1),
            worker: "map#1".into(),
        }
    }

    fn read_all(&mut self) {
        self.handle(Event::Fed(Fed::End));
    }

    /// Which inputs were written, and how they ended.
    fn written(&self) -> Vec<(u64, Status)> {
        self.results().map(|finished| (finished.index, finished.status)).collect()
    }

    fn results(&self) -> impl Iterator<Item = &Finished> {
        self.actions.iter().filter_map(|action| {
            if let Action::Write(finished) = action { Some(&**finished) } else { None }
        })
    }

    /// Of which inputs the tasks were taken back.
    fn cancelled(&self) -> Vec<u64> {
        let mut cancelled: Vec<_> = self
            .submitted
            .iter()
            .filter(|spec| self.actions.contains(&Action::Cancel(spec.id.unwrap())))
            .map(|spec| spec.payload.decode::<String>().unwrap().parse().unwrap())
            .collect();
        cancelled.sort_unstable();
        cancelled
    }

    fn does(&self, action: &Action) -> bool {
        self.actions.contains(action)
    }
}

const OK: TaskNext = TaskNext::Succeeded;
const DEAD: TaskNext = TaskNext::Dead(DeadBy::Verdict);
use Status::{Cancelled, Failed, Ok as Done};

#[test]
fn a_run_is_over_when_all_inputs_were_read_and_have_ended() {
    let mut run = Run::of(2);
    run.end(1, OK);
    run.read_all();
    assert!(!run.course.is_over());
    run.end(2, DEAD);
    assert!(run.course.is_over() && run.does(&Action::ShutDown));
    assert_eq!(run.written(), [(1, Done), (2, Failed)]);
    let (by, tally) = run.course.finish();
    assert_eq!((by, tally.ok, tally.failed), (EndedBy::Inputs, 1, 1));
}

#[test]
fn no_inputs_are_a_run_that_is_over() {
    let mut run = Run::of(0);
    run.read_all();
    assert!(run.course.is_over() && run.does(&Action::ShutDown));
}

#[test]
fn a_result_is_what_came_out_with_its_time_and_its_worker() {
    let mut run = Run::with(|terms| terms.inputs = true);
    run.take([1]);
    run.end(1, OK);
    let task = run.task(1);
    let finished = run.results().next().unwrap();
    assert_eq!(finished.outcome, Outcome::Value(Raw::string("out")));
    assert_eq!(finished.input, Some(Raw::string("1")));
    assert_eq!(finished.started, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(59)));
    assert_eq!((&*finished.worker, finished.attempts), ("map#1", 1));
    assert!(run.does(&Action::Forget(task)) && run.does(&Action::Hold(4)));
}

#[test]
fn the_try_after_which_there_is_no_other_counts_among_the_attempts() {
    let attempts = |next, counters| {
        let mut run = Run::of(1);
        let ended = Ended { counters, ..run.ended(1, next) };
        run.handle(Event::Told(Told::Ended(Arc::new(ended))));
        run.results().next().unwrap().attempts
    };
    let told = |attempts, leases| Counters { attempts, leases, ..Counters::default() };
    let worn_out = TaskNext::Dead(DeadBy::Ceiling(Ceiling::Attempts));
    assert_eq!(attempts(OK, told(2, 3)), 3);
    assert_eq!(attempts(DEAD, told(0, 1)), 1);
    assert_eq!(attempts(DEAD, told(2, 3)), 3);
    assert_eq!(attempts(worn_out, told(3, 3)), 3, "it is counted already");
    assert_eq!(attempts(DEAD, told(0, 0)), 0, "no worker had it");
    assert_eq!(attempts(TaskNext::Cancelled, told(1, 2)), 1);
}

#[test]
fn a_large_result_is_fetched_before_its_input_is_over() {
    let mut run = Run::of(1);
    let mut ended = run.ended(1, OK);
    let body = ResultBody::Spooled { pieces: 2, length: 4 };
    let content_type = Some("image/png".into());
    ended.result = Some(TaskResult { body, content_type, summary: None });
    let task = ended.task;
    run.handle(Event::Told(Told::Ended(Arc::new(ended))));
    run.read_all();
    assert!(run.does(&Action::Fetch(task)) && run.written().is_empty());
    assert!(!run.does(&Action::Forget(task)) && !run.course.is_over());
    run.handle(Event::Fetched(task, Some(Bytes::from_static(b"\x89PNG"))));
    let written = run.results().next().map(|finished| finished.outcome.clone());
    assert_eq!(written, Some(Outcome::Bytes(Bytes::from_static(b"\x89PNG"))));
    assert!(run.course.is_over());
}

#[test]
fn ordered_results_wait_for_those_before_them() {
    let mut run = Run::with(|terms| terms.ordered = true);
    run.take([1, 2, 4]);
    run.end(4, OK);
    run.end(2, DEAD);
    assert_eq!(run.written(), []);
    run.end(1, OK);
    assert_eq!(run.written(), [(1, Done), (2, Failed), (4, Done)]);
}

#[test]
fn an_input_nobody_can_be_given_fails_in_its_place() {
    let mut run = Run::with(|terms| terms.ordered = true);
    run.take([1]);
    let payload = Err(crate::map::input::Unfit::TooLong { limit: 5 });
    let taken = Taken { index: 2, payload, key: None, again: false, cost: 0 };
    run.handle(Event::Fed(Fed::Input(taken)));
    assert_eq!(run.written(), []);
    run.end(1, OK);
    assert_eq!(run.written(), [(1, Done), (2, Failed)]);
    assert_eq!(run.submitted.len(), 1);
}

#[test]
fn the_first_signal_finishes_what_runs_and_takes_back_what_waits() {
    let mut run = Run::of(3);
    run.start(2);
    run.handle(Event::Asked);
    assert_eq!(run.cancelled(), [1, 3]);
    assert!(run.does(&Action::StopReading) && !run.course.is_over());
    run.take([4]);
    run.end(1, TaskNext::Cancelled);
    run.end(3, TaskNext::Cancelled);
    assert!(!run.course.is_over());
    run.end(2, OK);
    assert!(run.course.is_over());
    assert_eq!(run.written(), [(1, Cancelled), (3, Cancelled), (2, Done)]);
    assert_eq!(run.course.finish().0, EndedBy::Interrupted);
}

#[test]
fn a_try_that_fails_while_the_run_ends_is_the_last() {
    let mut run = Run::of(1);
    run.start(1);
    run.handle(Event::Asked);
    let (task, counters) = (run.task(1), Counters::default());
    let error = Some(r#"{"kind":"bug","code":"x","message":"no\u001b[2J"}"#.into());
    let delay = Duration::from_secs(9);
    run.handle(Event::Told(Told::Retrying { task, counters, error, delay }));
    assert_eq!(run.cancelled(), [1]);
    assert!(run.does(&Action::Say("input 1 is tried again in 9 s: x: no [2J".into())));
    assert_eq!(run.course.standing().retried, 1);
}

#[test]
fn what_is_put_off_has_not_been_retried() {
    let mut run = Run::of(1);
    run.start(1);
    let (task, delay) = (run.task(1), Duration::from_secs(30));
    let error: Option<Arc<str>> =
        Some(r#"{"kind":"rate_limited","code":"api.quota","message":"a rest"}"#.into());
    for (attempts, snoozes, becomes) in
        [(0, 1, "put off for"), (0, 2, "put off for"), (1, 2, "tried again in")]
    {
        let counters = Counters { attempts, snoozes, ..Counters::default() };
        let error = error.clone();
        run.handle(Event::Told(Told::Retrying { task, counters, error, delay }));
        let said = format!("input 1 is {becomes} 30 s: api.quota: a rest");
        assert!(run.does(&Action::Say(said)), "{:?}", run.actions);
    }
    assert_eq!(run.course.standing().retried, 1);
}

#[test]
fn the_second_signal_takes_back_what_runs_and_the_third_kills() {
    let mut run = Run::of(2);
    run.start(1);
    run.start(2);
    run.handle(Event::Asked);
    assert_eq!(run.cancelled(), [0; 0]);
    run.handle(Event::Asked);
    assert_eq!(run.cancelled(), [1, 2]);
    run.end(1, TaskNext::Cancelled);
    run.handle(Event::Asked);
    assert!(run.course.is_over() && run.does(&Action::Kill));
    assert_eq!(run.written(), [(1, Cancelled), (2, Cancelled)]);
}

#[test]
fn a_program_that_never_gets_ready_is_spoken_of_unless_any_program_will_do() {
    let says = |run: &mut Run| {
        run.handle(Event::Waited);
        run.actions.iter().any(|it| matches!(it, Action::Say(text) if text.contains("--exec")))
    };
    assert!(says(&mut Run::of(1)));
    assert!(!says(&mut Run::of(0)), "nobody waits for it");
    let mut at_work = Run::of(2);
    at_work.start(1);
    assert!(!says(&mut at_work));
    let mut programs = Run::with(|terms| terms.programs = true);
    programs.take([1]);
    assert!(!says(&mut programs));
}

#[test]
fn a_run_halts_soon_or_now() {
    for (halt, cancelled) in [("soon,fail=1", vec![4]), ("now,fail=1", vec![3, 4])] {
        let mut run = Run::with(|terms| terms.halt = halt.parse().unwrap());
        run.take(1..=4);
        run.start(2);
        run.start(3);
        run.end(1, OK);
        assert_eq!(run.cancelled(), [0; 0]);
        run.end(2, DEAD);
        assert_eq!(run.cancelled(), cancelled, "{halt}");
        run.end(3, OK);
        run.end(4, TaskNext::Cancelled);
        assert!(run.course.is_over());
        assert_eq!(run.course.finish().0, EndedBy::Halted { wanted: false });
    }
}

#[test]
fn what_is_not_handed_over_yet_is_written_as_cancelled() {
    let mut run = Run::with(|terms| terms.halt = "now,fail=1".parse().unwrap());
    run.take([1]);
    // Two more come while nothing is handed over.
    for index in [2, 3] {
        let payload = Ok(Raw::nil());
        let taken = Taken { index, payload, key: None, again: false, cost: 0 };
        run.course.handle(SystemTime::UNIX_EPOCH, Event::Fed(Fed::Input(taken)));
    }
    run.end(1, DEAD);
    assert_eq!(run.written(), [(1, Failed), (2, Cancelled), (3, Cancelled)]);
    assert!(run.course.is_over());
}

#[test]
fn nobody_who_reads_ends_the_run_at_once() {
    let mut run = Run::of(2);
    run.handle(Event::Lost(Loss::Closed));
    assert!(run.course.is_over() && run.does(&Action::ShutDown));
    assert_eq!(run.course.finish().0, EndedBy::Lost(Loss::Closed));
}

#[test]
fn a_program_that_cannot_run_takes_everything_back() {
    let mut run = Run::of(2);
    run.handle(Event::Told(Told::PoolFailed("no such file".into())));
    assert_eq!(run.cancelled(), [1, 2]);
    run.end(1, TaskNext::Cancelled);
    run.end(2, TaskNext::Cancelled);
    assert!(run.course.is_over());
    assert_eq!(run.course.finish().0, EndedBy::PoolFailed("no such file".into()));
}

#[test]
fn a_program_that_cannot_run_matters_with_the_first_input() {
    let lost = || Event::Told(Told::PoolFailed("gone".into()));
    let mut empty = Run::of(0);
    empty.handle(lost());
    assert!(!empty.course.is_over(), "there may be inputs yet");
    empty.read_all();
    assert!(empty.course.is_over());
    assert_eq!(empty.course.finish().0, EndedBy::Inputs);
    let mut late = Run::of(0);
    late.handle(lost());
    late.take([1]);
    assert_eq!(late.written(), [(1, Cancelled)]);
    assert_eq!(late.course.finish().0, EndedBy::PoolFailed("gone".into()));
}

#[test]
fn inputs_that_break_off_end_the_run_after_those_before() {
    let mut run = Run::of(1);
    run.handle(Event::Fed(Fed::Failed(CutError::NoJson(9))));
    assert!(!run.course.is_over());
    run.end(1, OK);
    assert!(run.course.is_over());
    assert_eq!(run.written(), [(1, Done)]);
    assert!(matches!(run.course.finish().0, EndedBy::InputFailed(_)));
}

#[test]
fn a_supervisor_that_is_gone_leaves_no_input_without_an_end() {
    let mut run = Run::with(|terms| terms.ordered = true);
    run.take(1..=3);
    run.end(2, OK);
    run.handle(Event::Gone);
    assert!(run.course.is_over());
    assert_eq!(run.written(), [(1, Cancelled), (2, Done), (3, Cancelled)]);
}

#[test]
fn ids_differ_from_run_to_run() {
    let (one, other) = (Run::of(2), Run::with(|terms| terms.seed = 8));
    assert_ne!(one.task(1), one.task(2));
    assert_ne!(
        one.course.id(SystemTime::UNIX_EPOCH, 1).to_u128() & !(u128::MAX << 64),
        other.course.id(SystemTime::UNIX_EPOCH, 1).to_u128() & !(u128::MAX << 64)
    );
}
