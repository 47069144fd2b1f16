//! One suite for every store: what holds for one holds for all. Then what only a store on disk can do
//! wrong: damage, a full disk, a kill at any moment.
#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one thing among many")]

mod batches;
mod claims;
mod damage;
mod enqueue;
mod files;
mod finish;
mod laws;
mod lists;
mod purge;
mod results;
mod subject;
mod thread;

/// Runs each of these for a strict, a relaxed and a memory store.
macro_rules! for_every_store {
    ($($name:ident)*) => {
        mod strict {
            $(#[test]
            fn $name() {
                super::$name($crate::subject::Subject::new($crate::subject::Kind::Strict));
            })*
        }
        mod relaxed {
            $(#[test]
            fn $name() {
                super::$name($crate::subject::Subject::new($crate::subject::Kind::Relaxed));
            })*
        }
        mod memory {
            $(#[test]
            fn $name() {
                super::$name($crate::subject::Subject::new($crate::subject::Kind::Memory));
            })*
        }
    };
}
pub(crate) use for_every_store;
