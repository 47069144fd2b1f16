//! Everything that is ever logged.
//!
//! Each fact is a type: its stable `event` name, its level, its fields and its sentence stand in
//! one place, and the code that noticed it is one line: `Started { … }.emit()`. The names and
//! fields are an interface: people filter and alert on them. They may be added to, not changed.

#[cfg(test)]
mod catalogue;
mod child;
mod control;
mod daemon;
mod ledger;
mod lifecycle;
mod notify;
mod probe;
mod task;
mod together;

pub use child::*;
pub use control::*;
pub use daemon::*;
pub use ledger::*;
pub use lifecycle::*;
pub use notify::*;
pub use probe::*;
pub use task::*;
pub use together::*;

/// Defines events. `level "name" Type { fields } => "sentence";`
///
/// The sentence is a `format!` text over `e`, the event itself. Events behind `target: NAME;` can be
/// wanted, or not, apart from all others.
macro_rules! events {
    (target: $target:expr; $($events:tt)*) => {
        events! { @ $target; $($events)* }
    };
    (@ $target:expr; $(
        $(#[$about:meta])*
        $level:ident $name:literal $type:ident $(<$life:lifetime>)? {
            $( $(#[$field_about:meta])* $field:ident : $of:ty ),* $(,)?
        } => |$e:ident| $sentence:expr;
    )*) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone)]
            pub struct $type $(<$life>)? {
                $( $(#[$field_about])* pub $field: $of ),*
            }

            impl $(<$life>)? $type $(<$life>)? {
                /// The name by which people filter and alert.
                pub const NAME: &'static str = $name;

                /// Logs it.
                pub fn emit(&self) {
                    let $e = self;
                    tracing::event!(
                        target: $target,
                        tracing::Level::$level,
                        event = $name,
                        $( $field = self.$field, )*
                        "{}",
                        $sentence
                    );
                }
            }
        )*

        /// Logs each of these once, with a sample in every field.
        #[cfg(test)]
        pub(super) fn emit_samples() {
            use super::catalogue::Sample;
            $( $type { $( $field: Sample::sample() ),* }.emit(); )*
        }
    };
    ($($events:tt)*) => {
        events! { @ "hearken"; $($events)* }
    };
}
pub(crate) use events;

/// A duration as whole milliseconds, the unit of every `_ms` field.
#[must_use]
pub fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds, as people say them: `85 ms`, `1.5 s`, `3 min`, `2 h 5 min`.
#[must_use]
pub fn spoken(ms: u64) -> String {
    let (seconds, minutes) = (ms / 1_000, ms / 60_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms.is_multiple_of(1_000) => format!("{seconds} s"),
        1_000..60_000 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60_000..3_600_000 if seconds.is_multiple_of(60) => format!("{minutes} min"),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        _ if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// `", because …"` and the like: nothing when there is nothing.
fn after(prefix: &str, text: Option<&str>) -> String {
    text.map(|text| format!("{prefix}{text}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn durations_are_spoken_as_people_do() {
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (1_550, "1.5 s"),
            (60_000, "1 min"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h"),
            (7_500_000, "2 h 5 min"),
        ];
        for (ms, text) in table {
            assert_eq!(spoken(ms), text);
        }
    }
}
