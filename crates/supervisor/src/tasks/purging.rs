//! The removing of tasks that nobody will ask for again, a page at a time.

use super::when::When;
use hearken_config::Forget;
use hearken_core::task::TaskId;
use hearken_store::{Purge, Purged, UnixMs};
use std::sync::Arc;
use std::time::Duration;

/// How many pages a store in memory removes at once: some milliseconds of work for the loop.
pub(super) const PAGES: u32 = 10;

/// Where the removing of the old tasks of a pool is.
///
/// A sweep begins it, and it goes on by itself while it finds something: so it keeps up with however
/// many tasks are done, and a store of many young ones is not read again and again.
#[derive(Debug, Default)]
pub(super) struct Purging {
    after: Option<TaskId>,
    goes_on: bool,
}

impl Purging {
    /// The next page.
    pub(super) fn page(&mut self, pool: &Arc<str>, forget: Forget, when: When) -> Purge {
        self.goes_on = false;
        let before = |age: Option<Duration>| {
            let ago = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            ago.map(|ago| UnixMs::new(when.wall.get().saturating_sub(ago)))
        };
        Purge {
            pool: Some(Arc::clone(pool)),
            succeeded: before(forget.succeeded),
            dead: before(forget.dead),
            cancelled: before(forget.cancelled),
            expired: before(forget.expired),
            after: self.after,
        }
    }

    /// A page was looked at.
    pub(super) fn done(&mut self, purged: &Purged) {
        self.after = purged.next;
        self.goes_on = purged.next.is_some() && purged.tasks > 0;
    }

    /// Whether the next page is not to wait for a sweep.
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_core::moment::Moment;

    #[test]
    fn it_goes_on_where_it_was_while_there_is_something_to_remove() {
        let (mut purging, last) = (Purging::default(), TaskId::from_u128(7));
        let when = When { now: Moment::START, wall: UnixMs::new(10_000) };
        let forget = Forget {
            succeeded: Some(Duration::from_secs(1)),
            dead: None,
            cancelled: None,
            expired: None,
        };
        let page = |purging: &mut Purging| purging.page(&"p".into(), forget, when);
        assert_eq!(page(&mut purging).succeeded, Some(UnixMs::new(9_000)));
        for (tasks, next, goes_on) in
            [(3, Some(last), true), (0, Some(last), false), (3, None, false), (0, None, false)]
        {
            purging.done(&Purged { tasks, next, ..Purged::default() });
            assert_eq!(purging.goes_on(), goes_on, "{tasks} {next:?}");
            assert_eq!(page(&mut purging).after, next);
            assert!(!purging.goes_on(), "it is asked for once");
        }
    }
}
