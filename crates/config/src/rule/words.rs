//! The words of rules: kinds, scopes and verdicts. They are the core's.

use crate::read::choice::Choice;
use hearken_core::evidence::Scope;
use hearken_core::kind::Kind;
use hearken_core::verdict::{InstanceVerdict, TaskVerdict, UnitVerdict};

const EVERY_FAILURE: &str = "for every failure, write match = { attempt = { at_least = 1 } }";

impl Choice for Kind {
    const NAME: &'static str = "Kind";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("transient", Self::Transient, "try again, it will likely work"),
        ("timeout", Self::Timeout, "something took too long"),
        ("rate_limited", Self::RateLimited, "told to come back later"),
        ("unavailable", Self::Unavailable, "something it needs is not there now"),
        ("conflict", Self::Conflict, "somebody else changed the same thing"),
        ("resource", Self::Resource, "out of memory, disk, descriptors: here, now"),
        ("invalid", Self::Invalid, "the input is wrong"),
        ("not_found", Self::NotFound, "something named does not exist"),
        ("denied", Self::Denied, "not allowed"),
        ("config", Self::Config, "the program is configured wrongly"),
        ("bug", Self::Bug, "the program is wrong"),
        ("cancelled", Self::Cancelled, "it gave up because it was asked to"),
        ("crashed", Self::Crashed, "it died by a signal, or with an exit code that says nothing"),
        ("oom", Self::Oom, "the kernel killed it for its memory"),
        ("lost", Self::Lost, "it gave no sign of life, or its line is gone"),
        ("protocol", Self::Protocol, "it broke the protocol of the line"),
        ("start_failed", Self::StartFailed, "it could not be started"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("*", EVERY_FAILURE),
        ("any", EVERY_FAILURE),
        ("error", EVERY_FAILURE),
        ("crash", "write \"crashed\""),
        ("signal", "write match = { signal = \"SEGV\" }, or kind = \"crashed\" for all of them"),
        ("exit", "write match = { exit_code = 1 }"),
    ];
}

impl Choice for Scope {
    const NAME: &'static str = "Scope";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("task", Self::Task, "the task in hand"),
        ("worker", Self::Worker, "the process itself"),
        ("dependency", Self::Dependency, "something it depends on"),
        ("service", Self::Service, "the service as a whole"),
    ];
}

impl Choice for TaskVerdict {
    const NAME: &'static str = "TaskVerdict";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("retry", Self::Retry, "try it again, after a delay"),
        ("retry_elsewhere", Self::RetryElsewhere, "try it again, on another worker"),
        ("snooze", Self::Snooze, "try it again later, without counting an attempt"),
        ("dead_letter", Self::DeadLetter, "give it up, and keep it with its history for people"),
        ("discard", Self::Discard, "give it up and forget it"),
        ("succeed", Self::Succeed, "take it for done"),
    ];
}

impl Choice for InstanceVerdict {
    const NAME: &'static str = "InstanceVerdict";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("keep", Self::Keep, "it stays; one that has ended is started again"),
        ("recycle", Self::Recycle, "it finishes what it holds, then it is started again"),
        ("replace", Self::Replace, "it is killed, then started again"),
        ("stop", Self::Stop, "it is stopped, and stays down"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("restart", "write \"recycle\" to let it finish what it holds, or \"replace\" at once"),
        ("kill", "write \"replace\" to start it again after that, or \"stop\""),
        ("ignore", "write \"keep\""),
        ("none", "write \"keep\""),
        (
            "fail",
            "a process is stopped, and its unit fails: instance = \"stop\" or unit = \"fail\"",
        ),
        ("shut_down", "that is for the unit: unit = \"shut_down\""),
        ("count", "that is for the unit: unit = \"count\""),
        ("pause", "that is for the unit: unit = \"pause\""),
    ];
}

impl Choice for UnitVerdict {
    const NAME: &'static str = "UnitVerdict";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("none", Self::None, "nothing: it is not held against it"),
        ("count", Self::Count, "it is held against the restart budget"),
        ("pause", Self::Pause, "nothing of it is started again before the delay is over"),
        ("fail", Self::Fail, "it stays down until an operator starts it"),
        ("shut_down", Self::ShutDown, "hearken ends, with a non-zero exit code"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("stop", "write unit = \"fail\" for all of it, or instance = \"stop\" for the one process"),
        ("ignore", "write \"none\""),
        ("keep", "that is for the process: instance = \"keep\""),
        ("restart", "that is for the process: instance = \"recycle\" or \"replace\""),
        ("replace", "that is for the process: instance = \"replace\""),
        ("recycle", "that is for the process: instance = \"recycle\""),
        ("exit", "write \"shut_down\""),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<T: Choice + PartialEq + std::fmt::Debug>(all: &[T], word: impl Fn(T) -> &'static str) {
        let ours: Vec<T> = T::WORDS.iter().map(|(_, it, _)| *it).collect();
        assert_eq!(ours, all, "{}", T::NAME);
        for (written, it, _) in T::WORDS {
            assert_eq!(*written, word(*it), "{}", T::NAME);
        }
    }

    #[test]
    fn the_words_are_those_of_the_core() {
        same(&Kind::ALL, Kind::as_str);
        same(&Scope::ALL, Scope::as_str);
        same(TaskVerdict::ALL, TaskVerdict::as_str);
        same(InstanceVerdict::ALL, InstanceVerdict::as_str);
        same(UnitVerdict::ALL, UnitVerdict::as_str);
    }
}
