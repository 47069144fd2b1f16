//! One lease at a time.

use crate::for_every_store;
use crate::subject::{AGAIN, DEAD, Subject, at, finish, id, task};
use bytes::Bytes;
use hearken_core::pool::{TaskDecidedBy, TaskNext};
use hearken_core::task::{Counters, Lease, TaskState};
use hearken_store::{Command, Fenced, Finish, MAX_CHECKPOINT, Refusal, Reply};

for_every_store! {
    a_claim_gives_all_a_worker_needs_and_counts_it
    what_is_claimed_is_not_given_twice
    what_does_not_wait_is_not_given
    a_lease_is_given_once_and_only_of_this_epoch
    a_lease_holds_until_its_try_ends
    a_running_task_is_not_taken_back
    a_waiting_task_is_taken_back
    a_checkpoint_is_handed_to_the_next_try
    a_checkpoint_of_a_stale_lease_is_dropped
    a_restart_ends_every_lease_and_nothing_else
    no_epoch_comes_twice
}

fn a_claim_gives_all_a_worker_needs_and_counts_it(mut subject: Subject) {
    let new = crate::subject::full_task(1);
    subject.add([new.clone()]);
    let (lease, claimed) = subject.claim(id(1));
    assert_eq!(claimed.input, new.input);
    assert_eq!((claimed.checkpoint, claimed.last_error), (None, None));
    let record = claimed.record;
    assert_eq!(record.state, TaskState::Running);
    assert_eq!(record.counters, Counters { leases: 1, ..Counters::default() });
    let holder = record.holder.clone().unwrap();
    assert_eq!((holder.lease, &*holder.worker, holder.since), (lease, "w#1", at(10)));
    assert_eq!(record.first_try, Some(at(10)));
    assert_eq!(subject.show(id(1)).record, record, "it is kept");
    assert_eq!(subject.count(TaskState::Running), 1);
}

fn what_is_claimed_is_not_given_twice(mut subject: Subject) {
    let one = subject.one();
    let (first, _) = subject.claim(one);
    let (second, reply) = subject.try_claim(one);
    assert_eq!(reply, Reply::Unchanged(Some(TaskState::Running)));
    assert_eq!(subject.end(finish(one, second, TaskNext::Succeeded)), Fenced::Stale);
    assert_eq!(subject.show(one).record.counters.leases, 1);
    assert_eq!(subject.end(finish(one, first, TaskNext::Succeeded)), Fenced::Kept);
}

fn what_does_not_wait_is_not_given(mut subject: Subject) {
    let unknown = subject.try_claim(id(99)).1;
    assert_eq!(unknown, Reply::Unchanged(None));
    subject.add([1, 2, 3].map(task));
    subject.run(id(1), TaskNext::Succeeded);
    subject.run(id(2), DEAD);
    subject.apply(Command::Expire { id: id(3), at: at(1) });
    for (number, state) in
        [TaskState::Succeeded, TaskState::Dead, TaskState::Expired].into_iter().enumerate()
    {
        let reply = subject.try_claim(id(number as u64 + 1)).1;
        assert_eq!(reply, Reply::Unchanged(Some(state)));
    }
}

fn a_lease_is_given_once_and_only_of_this_epoch(mut subject: Subject) {
    let one = subject.one();
    let epoch = subject.store().epoch();
    let claim = |lease| Command::Claim { id: one, lease, worker: "w#1".into(), at: at(1) };
    for wrong in [epoch - 1, epoch + 1] {
        let lease = Lease { epoch: wrong, number: 7 };
        assert_eq!(subject.refusal(claim(lease)), Refusal::LeaseUnfit { lease, epoch });
    }
    let lease = Lease { epoch, number: 7 };
    assert!(matches!(subject.apply(claim(lease)), Reply::Claimed(_)));
    subject.end(finish(one, lease, AGAIN));
    assert_eq!(subject.refusal(claim(lease)), Refusal::LeaseUnfit { lease, epoch });
    let older = Lease { epoch, number: 6 };
    assert_eq!(subject.refusal(claim(older)), Refusal::LeaseUnfit { lease: older, epoch });
    assert_eq!(subject.state(one), Some(TaskState::Waiting));
}

fn a_lease_holds_until_its_try_ends(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let extend = Command::Extend { id: one, lease };
    assert_eq!(subject.apply(extend.clone()), Reply::Fenced(Fenced::Kept));
    let other = Command::Extend { id: one, lease: Lease { number: 99, ..lease } };
    assert_eq!(subject.apply(other), Reply::Fenced(Fenced::Stale));
    subject.end(finish(one, lease, AGAIN));
    assert_eq!(subject.apply(extend), Reply::Fenced(Fenced::Stale));
}

fn a_running_task_is_not_taken_back(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let cancel = Command::Cancel { id: one, at: at(1), decided_by: TaskDecidedBy::Operator };
    let requeue = Command::Requeue { id: one, at: at(1), expires: None };
    for command in [cancel, Command::Expire { id: one, at: at(1) }, requeue] {
        let reply = subject.apply(command);
        assert_eq!(reply, Reply::Unchanged(Some(TaskState::Running)));
    }
    assert_eq!(subject.end(finish(one, lease, TaskNext::Cancelled)), Fenced::Kept);
    assert_eq!(subject.state(one), Some(TaskState::Cancelled));
}

fn a_waiting_task_is_taken_back(mut subject: Subject) {
    subject.add([1, 2].map(task));
    let cancel = Command::Cancel { id: id(1), at: at(5), decided_by: TaskDecidedBy::Batch };
    assert_eq!(subject.apply(cancel.clone()), Reply::Dropped);
    let shown = subject.show(id(1));
    assert_eq!(shown.record.state, TaskState::Cancelled);
    assert_eq!(shown.record.ended, Some(at(5)));
    assert_eq!(shown.record.ended_by.as_deref(), Some("batch"));
    assert_eq!(subject.apply(cancel), Reply::Unchanged(Some(TaskState::Cancelled)));
    assert_eq!(subject.apply(Command::Expire { id: id(2), at: at(6) }), Reply::Dropped);
    assert_eq!(subject.state(id(2)), Some(TaskState::Expired));
    let unknown = Command::Expire { id: id(3), at: at(6) };
    assert_eq!(subject.apply(unknown), Reply::Unchanged(None));
}

fn checkpoint(lease: Lease, sequence: u32, data: &'static str) -> Command {
    Command::Checkpoint { id: id(1), lease, sequence, data: Bytes::from_static(data.as_bytes()) }
}

fn a_checkpoint_is_handed_to_the_next_try(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    for (sequence, data) in [(1, "a"), (5, "b")] {
        let kept = subject.apply(checkpoint(lease, sequence, data));
        assert_eq!(kept, Reply::Fenced(Fenced::Kept));
    }
    let late = subject.apply(checkpoint(lease, 5, "late"));
    assert_eq!(late, Reply::Fenced(Fenced::Stale), "its number is not above the last");
    subject.end(finish(one, lease, AGAIN));
    let (lease, claimed) = subject.claim(one);
    assert_eq!(claimed.checkpoint.as_deref(), Some(&b"b"[..]));
    let anew = subject.apply(checkpoint(lease, 0, "c"));
    assert_eq!(anew, Reply::Fenced(Fenced::Kept), "each try counts from the start");
    subject.reopen();
    assert_eq!(subject.show(one).checkpoint.as_deref(), Some(&b"c"[..]));
    let long = Command::Checkpoint {
        id: one,
        lease,
        sequence: 9,
        data: Bytes::from(vec![0; MAX_CHECKPOINT + 1]),
    };
    assert!(matches!(subject.refusal(long), Refusal::TooLong { .. }));
}

fn a_checkpoint_of_a_stale_lease_is_dropped(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    subject.end(finish(one, lease, AGAIN));
    let stale = Reply::Fenced(Fenced::Stale);
    assert_eq!(subject.apply(checkpoint(lease, 1, "a")), stale, "its try is over");
    let (second, _) = subject.claim(one);
    assert_eq!(subject.apply(checkpoint(lease, 1, "a")), stale, "another try is under way");
    subject.apply(checkpoint(second, 1, "b"));
    subject.end(finish(one, second, TaskNext::Succeeded));
    assert_eq!(subject.apply(checkpoint(second, 2, "c")), stale, "the task is over");
    assert_eq!(subject.show(one).checkpoint, None, "who has succeeded goes on from nowhere");
}

fn a_restart_ends_every_lease_and_nothing_else(mut subject: Subject) {
    subject.add([1, 2].map(task));
    let (first, _) = subject.claim(id(1));
    let counters = Counters { attempts: 2, crashes: 1, snoozes: 3, leases: 0 };
    subject.end(Finish { counters, ..finish(id(1), first, AGAIN) });
    let (lease, _) = subject.claim(id(1));
    if !subject.reopen() {
        return;
    }
    assert_eq!(subject.end(finish(id(1), lease, TaskNext::Succeeded)), Fenced::Stale);
    let shown = subject.show(id(1));
    assert_eq!(shown.record.state, TaskState::Waiting);
    assert_eq!(shown.record.counters, Counters { leases: 2, ..counters });
    let last = shown.attempts.last().unwrap();
    assert_eq!((last.number, last.lease, last.ended), (2, lease, None));
    assert_eq!(&*last.outcome, "released");
    assert_eq!(subject.state(id(2)), Some(TaskState::Waiting));
    let (again, claimed) = subject.claim(id(1));
    assert_eq!(claimed.record.counters.leases, 3);
    assert!(again > lease, "a later epoch");
}

fn no_epoch_comes_twice(mut subject: Subject) {
    let mut last = subject.store().epoch();
    for _ in 0..3 {
        if !subject.reopen() {
            return;
        }
        let epoch = subject.store().epoch();
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
    }
}
