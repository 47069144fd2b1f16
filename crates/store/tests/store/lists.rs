//! Lists and pages.

use crate::for_every_store;
use crate::subject::{DEAD, Subject, batch_id, id, new_batch, task};
use hearken_core::task::{TaskId, TaskState};
use hearken_store::{Command, Filter, NewTask};

for_every_store! {
    a_filter_shows_what_fits_it
    pages_join_to_the_whole_list_in_both_directions
    what_waits_is_shown_in_pages
    counts_are_by_pool_and_state
}

fn ids(subject: &mut Subject, filter: &Filter) -> Vec<TaskId> {
    let page = subject.store().query(filter).unwrap();
    assert_eq!(page.next, None);
    page.tasks.iter().map(|task| task.record.id).collect()
}

fn some_tasks(subject: &mut Subject) {
    let mails = |number| NewTask { pool: "mails".into(), ..task(number) };
    let resize = |number| NewTask { kind: Some("resize".into()), ..task(number) };
    let member = |number| NewTask { batch: Some(batch_id(1)), ..resize(number) };
    let tasks = vec![task(1), mails(2), resize(3), member(4), member(5), task(6)];
    subject.apply(Command::Enqueue { tasks, batch: Some(new_batch(1)) });
    subject.run(id(1), DEAD);
    subject.run(id(5), DEAD);
}

fn a_filter_shows_what_fits_it(mut subject: Subject) {
    some_tasks(&mut subject);
    let all = Filter::all;
    let pool = Some("images".into());
    let kind = Some("resize".into());
    let (dead, batch) = (Some(TaskState::Dead), Some(batch_id(1)));
    let table = [
        (all(), vec![1, 2, 3, 4, 5, 6]),
        (Filter { pool: pool.clone(), ..all() }, vec![1, 3, 4, 5, 6]),
        (Filter { kind: kind.clone(), ..all() }, vec![3, 4, 5]),
        (Filter { state: dead, ..all() }, vec![1, 5]),
        (Filter { batch, ..all() }, vec![4, 5]),
        (Filter { batch, state: dead, pool, kind, ..all() }, vec![5]),
        (Filter { pool: Some("nobody".into()), ..all() }, vec![]),
        (Filter { batch: Some(batch_id(9)), ..all() }, vec![]),
        (Filter { newest_first: true, state: dead, ..all() }, vec![5, 1]),
        (Filter { newest_first: true, batch, ..all() }, vec![5, 4]),
        (Filter { after: Some(id(4)), ..all() }, vec![5, 6]),
        (Filter { after: Some(id(4)), batch, ..all() }, vec![5]),
        (Filter { after: Some(id(4)), newest_first: true, ..all() }, vec![3, 2, 1]),
        (Filter { after: Some(id(5)), newest_first: true, batch, ..all() }, vec![4]),
    ];
    for (filter, expected) in table {
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        assert_eq!(ids(&mut subject, &filter), expected, "{filter:?}");
    }
}

fn pages_join_to_the_whole_list_in_both_directions(mut subject: Subject) {
    subject.apply(Command::Enqueue {
        tasks: (1..=23)
            .map(|number| NewTask { batch: Some(batch_id(1)), ..task(number) })
            .collect(),
        batch: Some(new_batch(1)),
    });
    for number in [2, 3, 11, 23] {
        subject.run(id(number), DEAD);
    }
    for limit in [1, 2, 5, 22, 23, 24, 0, usize::MAX] {
        for newest_first in [false, true] {
            for batch in [None, Some(batch_id(1))] {
                for state in [None, Some(TaskState::Dead)] {
                    let mut filter = Filter { limit, newest_first, batch, state, ..Filter::all() };
                    let mut seen = Vec::new();
                    loop {
                        let page = subject.store().query(&filter).unwrap();
                        assert!(page.tasks.len() <= limit.max(1));
                        seen.extend(page.tasks.iter().map(|task| task.record.id));
                        filter.after = page.next;
                        if page.next.is_none() {
                            break;
                        }
                    }
                    let mut expected: Vec<_> = match state {
                        None => (1..=23).map(id).collect(),
                        Some(_) => [2, 3, 11, 23].map(id).into(),
                    };
                    if newest_first {
                        expected.reverse();
                    }
                    assert_eq!(seen, expected, "{filter:?}");
                }
            }
        }
    }
}

fn what_waits_is_shown_in_pages(mut subject: Subject) {
    subject.add((1..=9).map(task));
    subject.run(id(4), DEAD);
    subject.claim(id(9));
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = subject.store().waiting(after, 3).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = Some(last.id);
        seen.extend(page.iter().map(|pending| pending.id));
    }
    assert_eq!(seen, [1, 2, 3, 5, 6, 7, 8].map(id));
    assert_eq!(subject.store().waiting(None, 0).unwrap(), []);
}

fn counts_are_by_pool_and_state(mut subject: Subject) {
    some_tasks(&mut subject);
    for _ in 0..2 {
        let counts = subject.store().counts().unwrap();
        let counts: Vec<_> =
            counts.iter().map(|it| (&*it.pool, it.state.as_str(), it.tasks)).collect();
        let expected = [("images", "waiting", 3), ("images", "dead", 2), ("mails", "waiting", 1)];
        assert_eq!(counts, expected);
        subject.reopen();
    }
}
