//! Tasks that belong together.

use crate::for_every_store;
use crate::subject::{AGAIN, DEAD, Subject, at, batch_id, id, new_batch, task, with_key};
use hearken_core::pool::TaskNext;
use hearken_core::task::{BatchCounts, BatchEnd, BatchPolicy, Share, TaskState};
use hearken_store::{Command, Enqueued, Filter, NewBatch, NewTask, Refusal, Reply};

for_every_store! {
    a_batch_counts_how_its_tasks_end
    a_batch_counts_no_duplicate
    its_end_lets_the_completion_task_go_once
    a_completion_task_that_was_cancelled_stays_so
    open_batches_are_shown_in_pages
    a_task_that_is_requeued_counts_as_open_again
    every_policy_is_kept
}

fn member(number: u64) -> NewTask {
    NewTask { batch: Some(batch_id(1)), ..task(number) }
}

fn counts(subject: &mut Subject) -> BatchCounts {
    subject.store().batch(batch_id(1)).unwrap().unwrap().counts
}

fn a_batch_counts_how_its_tasks_end(mut subject: Subject) {
    let tasks = (1..=7).map(member).collect();
    subject.apply(Command::Enqueue { tasks, batch: Some(new_batch(1)) });
    let ends = [
        TaskNext::Succeeded,
        DEAD,
        TaskNext::Expired,
        TaskNext::Cancelled,
        TaskNext::Discarded,
        AGAIN,
    ];
    for (number, next) in (1..).zip(ends) {
        subject.run(id(number), next);
    }
    let expected = BatchCounts { total: 7, succeeded: 1, failed: 2, cancelled: 2 };
    assert_eq!(counts(&mut subject), expected);
    subject.reopen();
    assert_eq!(counts(&mut subject), expected);
    let shown = subject.show(id(1));
    assert_eq!(shown.batch.unwrap().counts, expected);
    let of_batch = Filter { batch: Some(batch_id(1)), ..Filter::all() };
    let page = subject.store().query(&of_batch).unwrap();
    let listed: Vec<_> = page.tasks.iter().map(|task| task.record.id).collect();
    assert_eq!(listed, [1, 2, 3, 4, 6, 7].map(id), "all but the forgotten one");
}

fn a_batch_counts_no_duplicate(mut subject: Subject) {
    subject.add([with_key(1, "a")]);
    let double = NewTask { batch: Some(batch_id(1)), ..with_key(2, "a") };
    let command = Command::Enqueue { tasks: vec![double, member(3)], batch: Some(new_batch(1)) };
    let expected = vec![Enqueued::Duplicate(id(1)), Enqueued::Inserted(id(3))];
    assert_eq!(subject.apply(command), Reply::Enqueued(expected));
    assert_eq!(counts(&mut subject).total, 1);
}

fn with_completion(subject: &mut Subject) {
    let held = NewTask { held: true, ..task(9) };
    let batch = NewBatch { completion: Some(id(9)), ..new_batch(1) };
    subject.apply(Command::Enqueue { tasks: vec![member(1), held], batch: Some(batch) });
}

fn end_batch(subject: &mut Subject) -> Reply {
    subject.apply(Command::EndBatch { id: batch_id(1), end: BatchEnd::Succeeded, at: at(40) })
}

fn its_end_lets_the_completion_task_go_once(mut subject: Subject) {
    with_completion(&mut subject);
    assert_eq!(subject.state(id(9)), Some(TaskState::Held));
    assert_eq!(counts(&mut subject).total, 1, "it is none of the batch");
    let claimed = subject.try_claim(id(9)).1;
    assert_eq!(claimed, Reply::Unchanged(Some(TaskState::Held)));
    subject.reopen();
    assert_eq!(subject.state(id(9)), Some(TaskState::Held));
    let Reply::BatchEnded(Some(pending)) = end_batch(&mut subject) else {
        panic!("it was held");
    };
    assert_eq!(pending.id, id(9));
    assert_eq!(end_batch(&mut subject), Reply::BatchEnded(None), "only once");
    let batch = subject.store().batch(batch_id(1)).unwrap().unwrap();
    assert_eq!(batch.ended, Some((BatchEnd::Succeeded, at(40))));
    assert_eq!(subject.store().open_batches(None, 10).unwrap(), []);
    subject.claim(id(9));
    let unknown = Command::EndBatch { id: batch_id(2), end: BatchEnd::Failed, at: at(1) };
    assert_eq!(subject.refusal(unknown), Refusal::NoBatch(batch_id(2)));
}

fn a_completion_task_that_was_cancelled_stays_so(mut subject: Subject) {
    with_completion(&mut subject);
    let decided_by = hearken_core::pool::TaskDecidedBy::Operator;
    let cancel = Command::Cancel { id: id(9), at: at(1), decided_by };
    assert_eq!(subject.apply(cancel), Reply::Dropped);
    assert_eq!(end_batch(&mut subject), Reply::BatchEnded(None));
    assert_eq!(subject.state(id(9)), Some(TaskState::Cancelled));
}

fn open_batches_are_shown_in_pages(mut subject: Subject) {
    for number in 1..=5 {
        let of = NewTask { batch: Some(batch_id(number)), ..task(number) };
        subject.apply(Command::Enqueue { tasks: vec![of], batch: Some(new_batch(number)) });
    }
    subject.apply(Command::EndBatch { id: batch_id(3), end: BatchEnd::Failed, at: at(1) });
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = subject.store().open_batches(after, 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|batch| batch.id));
    }
    assert_eq!(seen, [1, 2, 4, 5].map(batch_id));
}

fn a_task_that_is_requeued_counts_as_open_again(mut subject: Subject) {
    let tasks = vec![member(1), member(2)];
    subject.apply(Command::Enqueue { tasks, batch: Some(new_batch(1)) });
    subject.run(id(1), DEAD);
    assert_eq!(counts(&mut subject).failed, 1);
    subject.apply(Command::Requeue { id: id(1), at: at(1), expires: None });
    assert_eq!(counts(&mut subject), BatchCounts { total: 2, ..BatchCounts::default() });
}

fn every_policy_is_kept(mut subject: Subject) {
    let policies = [
        BatchPolicy::All,
        BatchPolicy::Any,
        BatchPolicy::Quorum(u64::MAX),
        BatchPolicy::HaltOn(Share::percent(33).unwrap()),
    ];
    for (number, policy) in (1..).zip(policies) {
        let batch = NewBatch { policy, ..new_batch(number) };
        subject.apply(Command::Enqueue { tasks: Vec::new(), batch: Some(batch) });
    }
    subject.reopen();
    let kept = subject.store().open_batches(None, 10).unwrap();
    assert_eq!(kept.iter().map(|batch| batch.policy).collect::<Vec<_>>(), policies);
}
