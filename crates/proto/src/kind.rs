//! The numbers and names of all messages, in one table.

use std::fmt;

/// Which way a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Said by the child.
    ToSupervisor,
    /// Said by the supervisor.
    ToChild,
}

macro_rules! kinds {
    ($( $variant:ident = $number:literal, $name:literal, $direction:ident; )*) => {
        /// What a message is: the first element of every frame, and `"kind"` in JSON mode.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $( #[doc = concat!("`", $name, "`, number ", $number, ".")] $variant = $number, )*
        }

        impl Kind {
            /// Every kind this crate knows, by number.
            pub const ALL: &'static [Kind] = &[$( Kind::$variant, )*];

            /// The kind of that number, if this version of the protocol has one.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Kind> {
                match number {
                    $( $number => Some(Kind::$variant), )*
                    _ => None,
                }
            }

            /// The kind of that name, if this version of the protocol has one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Kind> {
                match name {
                    $( $name => Some(Kind::$variant), )*
                    _ => None,
                }
            }

            /// The name, as it stands in JSON mode, in log fields and in rules.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Kind::$variant => $name, )*
                }
            }

            /// Who may say it.
            #[must_use]
            pub const fn direction(self) -> Direction {
                match self {
                    $( Kind::$variant => Direction::$direction, )*
                }
            }
        }
    };
}

kinds! {
    Hello = 1, "hello", ToSupervisor;
    Ready = 2, "ready", ToSupervisor;
    Accepted = 3, "accepted", ToSupervisor;
    Progress = 4, "progress", ToSupervisor;
    Log = 5, "log", ToSupervisor;
    Chunk = 6, "chunk", ToSupervisor;
    Result = 7, "result", ToSupervisor;
    Error = 8, "error", ToSupervisor;
    Heartbeat = 9, "heartbeat", ToSupervisor;
    Checkpoint = 10, "checkpoint", ToSupervisor;
    Snooze = 11, "snooze", ToSupervisor;
    Draining = 12, "draining", ToSupervisor;
    Exiting = 13, "exiting", ToSupervisor;
    Status = 14, "status", ToSupervisor;
    Welcome = 32, "welcome", ToChild;
    Reject = 33, "reject", ToChild;
    Task = 34, "task", ToChild;
    Cancel = 35, "cancel", ToChild;
    Drain = 36, "drain", ToChild;
    Ping = 38, "ping", ToChild;
    Ack = 39, "ack", ToChild;
    Metric = 64, "metric", ToSupervisor;
    Event = 65, "event", ToSupervisor;
}

/// The first number of the ancillary kinds: unknown ones from here to [`LAST_KIND`] are dropped, unknown ones
/// below end the line.
pub(crate) const FIRST_ANCILLARY: u8 = 64;

/// The last number a kind may have.
pub(crate) const LAST_KIND: u8 = 127;

impl Kind {
    /// The number, as it stands in a frame.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_number_and_by_its_name() {
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(kind));
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_number(0), None);
        assert_eq!(Kind::from_number(37), None);
        assert_eq!(Kind::from_name("Hello"), None);
    }
}
