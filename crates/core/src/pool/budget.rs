//! How many retries all tasks of a pool may have together.

use super::RetryBudget;
use crate::moment::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Into how many pieces a window is cut: it slides by one of them.
const PIECES: u32 = 10;

/// The tries of the last window.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// When a piece began, its first tries and its retries; oldest first.
    pieces: VecDeque<(Moment, u64, u64)>,
}

impl Tries {
    /// Counts a first try.
    pub(super) fn first(&mut self, budget: &RetryBudget, now: Moment) {
        if let Some((_, first, _)) = self.piece(budget, now) {
            *first += 1;
        }
    }

    /// Counts a retry, if there is room for it.
    ///
    /// # Errors
    /// When to ask again.
    pub(super) fn retry(&mut self, budget: &RetryBudget, now: Moment) -> Result<(), Moment> {
        self.piece(budget, now);
        let (first, retries) =
            self.pieces.iter().fold((0, 0), |sum, (_, a, b)| (sum.0 + a, sum.1 + b));
        let within_share = !budget.share.is_exceeded(retries + 1, first);
        if !within_share && retries >= u64::from(budget.floor.max(1)) {
            return Err(now + step(budget));
        }
        if let Some((_, _, retries)) = self.pieces.back_mut() {
            *retries += 1;
        }
        Ok(())
    }

    /// The piece that `now` falls in.
    fn piece(&mut self, budget: &RetryBudget, now: Moment) -> Option<&mut (Moment, u64, u64)> {
        while self.pieces.front().is_some_and(|(begun, ..)| *begun + budget.window <= now) {
            self.pieces.pop_front();
        }
        if self.pieces.back().is_none_or(|(begun, ..)| *begun + step(budget) <= now) {
            self.pieces.push_back((now, 0, 0));
        }
        self.pieces.back_mut()
    }
}

fn step(budget: &RetryBudget) -> Duration {
    (budget.window / PIECES).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Share;

    fn budget(floor: u32) -> RetryBudget {
        let share = Share::percent(20).unwrap();
        RetryBudget { share, window: Duration::from_secs(10), floor }
    }

    fn granted(tries: &mut Tries, budget: &RetryBudget, now: Moment) -> usize {
        (0..1000).take_while(|_| tries.retry(budget, now).is_ok()).count()
    }

    #[test]
    fn retries_are_a_share_of_the_first_tries() {
        let (mut tries, budget, now) = (Tries::default(), budget(0), Moment::START);
        assert_eq!(granted(&mut tries, &budget, now), 1, "one even where nothing is new");
        for _ in 0..100 {
            tries.first(&budget, now);
        }
        assert_eq!(granted(&mut tries, &budget, now), 19);
        assert_eq!(tries.retry(&budget, now), Err(now + Duration::from_secs(1)));
    }

    #[test]
    fn the_window_slides() {
        let (mut tries, budget) = (Tries::default(), budget(0));
        for _ in 0..100 {
            tries.first(&budget, Moment::START);
        }
        let later = Moment::START + Duration::from_secs(9);
        assert_eq!(granted(&mut tries, &budget, later), 20);
        let past = granted(&mut tries, &budget, later + Duration::from_secs(1));
        assert_eq!(past, 0, "all first tries are past");
        for _ in 0..200 {
            tries.first(&budget, later + Duration::from_secs(1));
        }
        let room = granted(&mut tries, &budget, later + Duration::from_secs(1));
        assert_eq!(room, 20, "the retries of the last second still count");
    }

    #[test]
    fn a_window_always_holds_the_floor() {
        let (mut tries, budget) = (Tries::default(), budget(3));
        assert_eq!(granted(&mut tries, &budget, Moment::START), 3);
        assert_eq!(granted(&mut tries, &budget, Moment::START + Duration::from_secs(10)), 3);
    }
}
