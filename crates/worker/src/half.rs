//! A frame that has begun, and the time it has to become whole.

use std::time::{Duration, Instant};

use hearken_proto::FRAME_COMPLETION;

/// Who notices so much later that the time is over was not there to look: the rest of the frame may lie unread. The
/// kernel ends a read of five seconds up to half a second late.
const LATE: Duration = Duration::from_secs(1);

/// Since when a frame is half there, if one is.
#[derive(Debug, Default)]
pub(crate) struct Half {
    since: Option<Instant>,
}

impl Half {
    /// Notes what a read has left: part of a frame or nothing. It is another frame than before if one `was_whole`.
    pub(crate) fn note(&mut self, is_half: bool, was_whole: bool, now: Instant) {
        let same = self.since.filter(|_| !was_whole);
        self.since = is_half.then(|| same.unwrap_or(now));
    }

    /// How long the rest may still take; nothing if no frame is half there.
    pub(crate) fn time_left(&self, now: Instant) -> Option<Duration> {
        Some((self.since? + FRAME_COMPLETION).saturating_duration_since(now))
    }

    /// Whether the time for the rest is over. Where that is noticed later by [`LATE`], the time begins anew.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let Some(deadline) = self.since.map(|since| since + FRAME_COMPLETION) else {
            return false;
        };
        if deadline + LATE < now {
            self.since = Some(now);
            return false;
        }
        deadline <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_five_seconds_from_its_first_byte_however_it_drips() {
        let (mut half, begun) = (Half::default(), Instant::now());
        let second = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(half.time_left(begun), None);
        half.note(true, false, begun);
        half.note(true, false, second(3));
        assert_eq!(half.time_left(second(3)), Some(Duration::from_secs(2)));
        assert!(!half.is_over(second(5) - Duration::from_nanos(1)));
        assert!(half.is_over(second(5)));
    }

    #[test]
    fn the_frame_behind_a_whole_one_has_a_time_of_its_own() {
        let (mut half, begun) = (Half::default(), Instant::now());
        half.note(true, false, begun);
        half.note(true, true, begun + Duration::from_secs(4));
        assert!(!half.is_over(begun + Duration::from_secs(5)));
        half.note(false, true, begun + Duration::from_secs(6));
        assert!(!half.is_over(begun + Duration::from_secs(9)));
        assert_eq!(half.time_left(begun), None);
    }

    #[test]
    fn a_program_that_did_not_look_gives_the_time_again() {
        let (mut half, begun) = (Half::default(), Instant::now());
        half.note(true, false, begun);
        let awake = begun + Duration::from_secs(60);
        assert!(!half.is_over(awake));
        assert_eq!(half.time_left(awake), Some(FRAME_COMPLETION));
        assert!(half.is_over(awake + FRAME_COMPLETION));
    }
}
