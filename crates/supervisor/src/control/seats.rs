//! How many may be in the house at once, and who has to make room.
//!
//! A connection that has not sent anything yet makes room for a newcomer, the oldest first: so a herd
//! of idle ones keeps nobody out. One that has sent something keeps its seat.

use std::collections::HashMap;
use std::hash::Hash;

/// How many connections there are at most.
pub(super) const ALL: usize = 64;
/// How many of them one user has at most.
pub(super) const EACH: usize = 16;

/// Who sits where; `K` names a connection.
#[derive(Debug)]
pub(super) struct Seats<K> {
    taken: HashMap<K, Seat>,
    last: u64,
}

#[derive(Debug)]
struct Seat {
    uid: u32,
    /// The later it came, the larger.
    number: u64,
}

/// What a newcomer is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room<K> {
    /// There is a seat.
    Free,
    /// There is one as soon as this one has gone.
    Of(K),
    /// There is none: so many of their own connections are at work.
    NoneForUser(usize),
    /// There is none: so many of all are at work.
    None(usize),
}

impl<K: Copy + Eq + Hash> Seats<K> {
    pub(super) fn new() -> Self {
        Self { taken: HashMap::new(), last: 0 }
    }

    /// Looks for a seat for somebody of this user. The last seat of all is for root and for whoever
    /// the supervisor runs as: `privileged`. `idle` says of whom nothing has come yet.
    pub(super) fn room(&self, uid: u32, privileged: bool, idle: impl Fn(K) -> bool) -> Room<K> {
        let all = if privileged { ALL } else { ALL - 1 };
        let own = self.taken.values().filter(|seat| seat.uid == uid).count();
        let oldest = |of: &dyn Fn(&Seat) -> bool| {
            let idle = self.taken.iter().filter(|(key, seat)| of(seat) && idle(**key));
            idle.min_by_key(|(_, seat)| seat.number).map(|(key, _)| *key)
        };
        if own >= EACH {
            return oldest(&|seat| seat.uid == uid).map_or(Room::NoneForUser(own), Room::Of);
        }
        if self.taken.len() >= all {
            return oldest(&|_anybody| true).map_or(Room::None(self.taken.len()), Room::Of);
        }
        Room::Free
    }

    /// Somebody sits down.
    pub(super) fn take(&mut self, key: K, uid: u32) {
        self.last += 1;
        self.taken.insert(key, Seat { uid, number: self.last });
    }

    /// Somebody has gone.
    pub(super) fn leave(&mut self, key: K) {
        self.taken.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(of: &[(u32, usize)]) -> Seats<u32> {
        let mut seats = Seats::new();
        let uids = of.iter().flat_map(|(uid, count)| std::iter::repeat_n(*uid, *count));
        for (key, uid) in (0..).zip(uids) {
            seats.take(key, uid);
        }
        seats
    }

    #[test]
    fn one_user_has_sixteen_seats_and_the_next_gets_that_of_the_oldest_idle_one() {
        let mut seats = house(&[(7, EACH), (8, 1)]);
        assert_eq!(seats.room(8, false, |_| false), Room::Free);
        assert_eq!(seats.room(7, false, |_| false), Room::NoneForUser(EACH));
        assert_eq!(seats.room(7, false, |key| key > 3), Room::Of(4));
        assert_eq!(seats.room(7, false, |key| key == 16), Room::NoneForUser(EACH), "not of others");
        seats.leave(0);
        assert_eq!(seats.room(7, false, |_| false), Room::Free);
    }

    #[test]
    fn the_last_seat_is_for_root_and_the_owner() {
        let mut seats = house(&[(1, EACH), (2, EACH), (3, EACH), (4, EACH - 1)]);
        assert_eq!(seats.room(5, false, |_| false), Room::None(ALL - 1));
        assert_eq!(seats.room(5, false, |key| key == 40), Room::Of(40));
        assert_eq!(seats.room(0, true, |_| false), Room::Free);
        seats.take(99, 0);
        assert_eq!(seats.room(0, true, |_| false), Room::None(ALL));
        assert_eq!(seats.room(0, true, |_| true), Room::Of(0));
    }
}
