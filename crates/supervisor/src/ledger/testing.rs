//! Records for tests.

use super::UnitShape;
use super::kept::{
    Ended, KeptBeyond, KeptEnd, KeptEvidence, KeptJudgement, KeptNext, KeptPace, Voice,
};
use super::record::{Fact, Life, Record, Supervisor};
use jiff::Timestamp;
use std::sync::Arc;

/// 2026-11-22T10:00:00Z and so many milliseconds.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_341_600_000 + ms).unwrap()
}

/// A fact about an instance.
pub(crate) fn record(ms: i64, unit: &str, instance: u32, fact: Fact) -> Record {
    let at_ns = u64::try_from(ms).unwrap() * 1_000_000;
    let (unit, instance) = (Some(unit.into()), Some(instance));
    Record { time: at(ms), at_ns, life: Life(7), unit, instance, fact }
}

/// A fact about the supervisor.
pub(crate) fn own(ms: i64, fact: Fact) -> Record {
    Record { unit: None, instance: None, ..record(ms, "", 0, fact) }
}

/// A supervisor of these units.
pub(crate) fn supervisor(units: &[(&str, u32)]) -> Supervisor {
    Supervisor {
        version: "0.1.0".into(),
        pid: 4000,
        config: "/etc/hearken/hearken.toml".into(),
        started: at(0),
        units: units
            .iter()
            .map(|(name, instances)| UnitShape { name: (*name).into(), instances: *instances })
            .collect(),
    }
}

/// A crash that is followed by a restart.
pub(crate) fn crash(incarnation: u32) -> Ended {
    Ended {
        pid: Some(4711),
        incarnation,
        evidence: KeptEvidence {
            end: KeptEnd::Exited { exit_code: 1 },
            kind: Some(hearken_core::kind::Kind::Crashed),
            stopped_by: None,
            error: None,
            intent: None,
            uptime_ns: 2_000_000_000,
            ready_uptime_ns: None,
            failures: 0,
            sentence: None,
            stderr: Box::default(),
            probe: None,
        },
        judgement: KeptJudgement {
            next: KeptNext::Restart,
            pace: Some(KeptPace::Backoff { delay_ns: 200_000_000, max_delay_ns: 60_000_000_000 }),
            counted: true,
            beyond: KeptBeyond::Nothing,
            decided_by: Voice::Exit,
            rule: None,
        },
        restart_in_ns: Some(200_000_000),
        budget: None,
    }
}

/// A crash, as a record.
pub(crate) fn ended(unit: &str, instance: u32, incarnation: u32) -> Arc<Record> {
    Arc::new(record(0, unit, instance, Fact::Ended(Box::new(crash(incarnation)))))
}

/// The incarnation of an end.
pub(crate) fn incarnation(record: &Record) -> u32 {
    record.ended().map_or(0, |ended| ended.incarnation)
}
