//! Removing what ended long ago.

use crate::for_every_store;
use crate::subject::{DEAD, Subject, at, batch_id, finish, id, new_batch, task, with_key};
use hearken_core::pool::TaskNext;
use hearken_core::task::{BatchEnd, TaskState};
use hearken_store::{Command, Enqueued, Finish, NewTask, PURGE_SCAN, Purge, Purged, Reply, UnixMs};

for_every_store! {
    only_what_ended_before_is_removed
    it_removes_only_of_its_pool
    a_large_store_is_purged_in_steps
    a_batch_goes_when_it_is_over_and_empty
    what_is_named_is_forgotten_once_it_has_ended
}

fn purge(subject: &mut Subject, purge: Purge) -> Purged {
    match subject.apply(Command::Purge(purge)) {
        Reply::Purged(purged) => purged,
        other => panic!("{other:?}"),
    }
}

fn all(before: UnixMs) -> Purge {
    let before = Some(before);
    Purge {
        succeeded: before,
        dead: before,
        cancelled: before,
        expired: before,
        ..Purge::default()
    }
}

fn only_what_ended_before_is_removed(mut subject: Subject) {
    subject.add((1..=6).map(task));
    subject.add([with_key(7, "a")]);
    for (number, next, ended) in [
        (1, TaskNext::Succeeded, 20),
        (2, TaskNext::Succeeded, 21),
        (3, DEAD, 20),
        (4, TaskNext::Cancelled, 20),
        (7, TaskNext::Succeeded, 20),
    ] {
        let (lease, _) = subject.claim(id(number));
        subject.end(Finish { at: at(ended), ..finish(id(number), lease, next) });
    }
    subject.claim(id(5));
    let before = Purge { succeeded: Some(at(21)), cancelled: Some(at(21)), ..Purge::default() };
    let purged = purge(&mut subject, before);
    assert_eq!(purged, Purged { tasks: 3, batches: 0, next: None });
    let left = [2, 3, 5, 6];
    for number in 1..=7 {
        assert_eq!(subject.state(id(number)).is_some(), left.contains(&number), "{number}");
    }
    let fresh = Reply::Enqueued(vec![Enqueued::Inserted(id(8))]);
    assert_eq!(subject.add([with_key(8, "a")]), fresh, "its key is free");
    subject.reopen();
    assert_eq!(purge(&mut subject, all(at(99))).tasks, 2);
    let left: u64 = subject.store().counts().unwrap().iter().map(|count| count.tasks).sum();
    assert_eq!(left, 3, "what has not ended is not removed");
}

fn it_removes_only_of_its_pool(mut subject: Subject) {
    subject.add([task(1), NewTask { pool: "mails".into(), ..task(2) }]);
    subject.run(id(1), DEAD);
    subject.run(id(2), DEAD);
    let mails = Purge { pool: Some("mails".into()), ..all(at(99)) };
    assert_eq!(purge(&mut subject, mails).tasks, 1);
    assert_eq!(subject.state(id(1)), Some(TaskState::Dead));
    assert_eq!(subject.state(id(2)), None);
}

fn a_large_store_is_purged_in_steps(mut subject: Subject) {
    let many = PURGE_SCAN as u64 + 10;
    subject.add((1..=many).map(task));
    let cancels = (1..=many).map(|number| {
        let decided_by = hearken_core::pool::TaskDecidedBy::Operator;
        Command::Cancel { id: id(number), at: at(1), decided_by }
    });
    subject.store().apply(cancels.collect()).unwrap();
    let first = purge(&mut subject, all(at(2)));
    let scanned = PURGE_SCAN as u64;
    assert_eq!(first, Purged { tasks: scanned, batches: 0, next: Some(id(scanned)) });
    let second = purge(&mut subject, Purge { after: first.next, ..all(at(2)) });
    assert_eq!(second, Purged { tasks: 10, batches: 0, next: None });
    assert_eq!(subject.store().counts().unwrap(), []);
}

fn a_batch_goes_when_it_is_over_and_empty(mut subject: Subject) {
    let member = |number| NewTask { batch: Some(batch_id(1)), ..task(number) };
    let tasks = vec![member(1), member(2), member(3)];
    subject.apply(Command::Enqueue { tasks, batch: Some(new_batch(1)) });
    subject.run(id(1), TaskNext::Succeeded);
    subject.run(id(3), TaskNext::Discarded);
    let purged = purge(&mut subject, all(at(99)));
    assert_eq!((purged.tasks, purged.batches), (1, 0));
    let batch = subject.store().batch(batch_id(1)).unwrap().unwrap();
    assert_eq!((batch.counts.total, batch.counts.succeeded, batch.removed), (3, 1, 2));
    subject.run(id(2), TaskNext::Succeeded);
    assert_eq!(purge(&mut subject, all(at(99))).batches, 0, "nobody said that it is over");
    subject.apply(Command::EndBatch { id: batch_id(1), end: BatchEnd::Succeeded, at: at(1) });
    assert_eq!(purge(&mut subject, all(at(99))).batches, 1);
    assert_eq!(subject.store().batch(batch_id(1)).unwrap(), None);
    subject.reopen();
}

fn what_is_named_is_forgotten_once_it_has_ended(mut subject: Subject) {
    subject.add((1..=4).map(task));
    subject.run(id(1), TaskNext::Succeeded);
    subject.run(id(2), DEAD);
    subject.claim(id(3));
    let named = Command::Forget((1..=9).map(id).collect());
    let purged = Purged { tasks: 2, ..Purged::default() };
    assert_eq!(subject.apply(named), Reply::Purged(purged));
    for number in 1..=4 {
        assert_eq!(subject.state(id(number)).is_some(), number > 2, "{number}");
    }
    subject.reopen();
    assert_eq!(subject.state(id(1)), None);
}
