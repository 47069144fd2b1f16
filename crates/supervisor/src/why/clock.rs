//! Moments and stretches of time, as people say them.

use crate::events::spoken;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What time it is, and where.
#[derive(Debug, Clone)]
pub struct Now {
    /// When.
    pub at: Timestamp,
    /// In which time zone moments are said.
    pub zone: TimeZone,
}

impl Now {
    /// Now, in the time zone of this machine.
    #[must_use]
    pub fn here() -> Self {
        Self { at: Timestamp::now(), zone: TimeZone::system() }
    }

    /// `10:03:11`, with the date if that is another day.
    #[must_use]
    pub fn clock(&self, moment: Timestamp) -> String {
        let (moment, now) =
            (moment.to_zoned(self.zone.clone()), self.at.to_zoned(self.zone.clone()));
        if moment.date() == now.date() {
            moment.strftime("%H:%M:%S").to_string()
        } else {
            moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
        }
    }

    /// How long ago that was: `26 s`. Nothing is in the future here, whatever the clock did.
    pub(super) fn ago(&self, moment: Timestamp) -> String {
        spoken_ms(self.at.as_millisecond().saturating_sub(moment.as_millisecond()))
    }

    /// `10:02:40, 26 s ago`.
    #[must_use]
    pub fn past(&self, moment: Timestamp) -> String {
        format!("{}, {} ago", self.clock(moment), self.ago(moment))
    }

    /// How long until then: `4.2 s`; `None` when it is over.
    #[must_use]
    pub fn until(&self, moment: Timestamp) -> Option<String> {
        let left = moment.as_millisecond().saturating_sub(self.at.as_millisecond());
        (left > 0).then(|| spoken_ms(left))
    }
}

fn spoken_ms(ms: i64) -> String {
    const DAY: u64 = 86_400_000;

    match u64::try_from(ms).unwrap_or_default() {
        ms @ ..DAY => spoken(ms),
        ms => {
            let (days, hours) = (ms / DAY, ms % DAY / 3_600_000);
            let plural = if days == 1 { "" } else { "s" };
            let hours = if hours == 0 { String::new() } else { format!(" {hours} h") };
            format!("{days} day{plural}{hours}")
        }
    }
}

/// A duration in nanoseconds.
pub(super) fn spoken_ns(ns: u64) -> String {
    if ns < 1_000_000 { "less than 1 ms".into() } else { spoken_ms(ns_to_ms(ns)) }
}

fn ns_to_ms(ns: u64) -> i64 {
    i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Now {
        Now { at: "2026-11-22T10:03:06.800Z".parse().unwrap(), zone: TimeZone::UTC }
    }

    #[test]
    fn moments_are_said_as_people_do() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        assert_eq!(now().past(at("2026-11-22T10:02:40.000Z")), "10:02:40, 26.8 s ago");
        assert_eq!(
            now().past(at("2026-11-20T08:03:06.000Z")),
            "2026-11-20 08:03:06, 2 days 2 h ago"
        );
        assert_eq!(now().until(at("2026-11-22T10:03:11.000Z")).as_deref(), Some("4.2 s"));
        assert_eq!(now().until(at("2026-11-22T10:03:06.000Z")), None);
        assert_eq!(now().ago(at("2026-11-22T11:00:00.000Z")), "0 ms", "a clock that was set back");
        assert_eq!(spoken_ns(400_000), "less than 1 ms");
    }
}
