//! What a child says, as log events.

use super::{Who, Word};
use crate::convert::{self, name};
use crate::events::{
    ChildDraining, ChildError, ChildEvent, ChildExiting, ChildHeartbeat, ChildHello, ChildLog,
    ChildMetric, ChildProgress, ChildStatus, NoCredits, ProtocolUnsupported,
};
use hearken_core::evidence::TypedError;
use hearken_core::kind::Kind;
use hearken_proto::{
    Draining, ErrorMessage, Event, Exiting, Heartbeat, Hello, Log, Metric, Progress, Raw,
    ShortText, Status,
};

/// The longest opaque value that is logged, as JSON, in bytes.
const JSON_MAX: usize = 4 * 1024;

// Each logs what was said; those that give a word never give one: what they tell bears on nothing
// but the log.

fn json(raw: Option<&Raw>) -> Option<String> {
    raw.map(|raw| raw.to_json(JSON_MAX))
}

fn short(text: Option<&ShortText>) -> Option<&str> {
    text.map(ShortText::as_str)
}

pub(super) fn hello(who: &Who, hello: &Hello) {
    ChildHello {
        unit: &who.unit,
        instance: who.instance,
        pid: hello.pid,
        sdk: name(&hello.sdk),
        language: name(&hello.language),
        build: hello.build.as_deref().map(name),
    }
    .emit();
}

pub(super) fn unsupported(who: &Who, hello: &Hello) {
    ProtocolUnsupported {
        unit: &who.unit,
        instance: who.instance,
        lowest: hello.protocol.min().into(),
        highest: hello.protocol.max().into(),
    }
    .emit();
}

/// A child that speaks no version of ours, as an error that ends in `failed`.
pub(super) fn unsupported_error(hello: &Hello) -> TypedError {
    TypedError {
        kind: Kind::Config,
        code: "protocol.unsupported".into(),
        message: format!(
            "it speaks protocol {} to {}, this supervisor speaks 1",
            hello.protocol.min(),
            hello.protocol.max()
        ),
        retryable: None,
        retry_after: None,
        scope: None,
    }
}

/// A worker may pause so; one that never says more gets no task, and somebody has to know why.
pub(super) fn no_credits(who: &Who) {
    NoCredits { unit: &who.unit, instance: who.instance }.emit();
}

pub(super) fn error(who: &Who, error: &ErrorMessage) {
    ChildError {
        unit: &who.unit,
        instance: who.instance,
        kind: error.kind.name(),
        code: name(&error.code),
        text: error.message.as_str(),
        retryable: error.retryable,
        retry_after_ms: error.retry_after_ms,
        scope: error.scope.map(|scope| convert::scope(scope).as_str()),
        dependency: error.dependency.as_deref().map(name),
        details: json(error.details.as_ref()).as_deref(),
        trace: error.trace.as_ref().map(hearken_proto::TraceText::as_str),
    }
    .emit();
}

pub(super) fn progress(who: &Who, progress: &Progress) {
    ChildProgress {
        unit: &who.unit,
        instance: who.instance,
        done: progress.done,
        total: progress.total,
        of: progress.unit.as_deref().map(name),
        stage: progress.stage.as_deref().map(name),
        text: short(progress.message.as_ref()),
    }
    .emit();
}

pub(super) fn exiting(who: &Who, exiting: &Exiting) {
    ChildExiting {
        unit: &who.unit,
        instance: who.instance,
        intent: exiting.intent.name(),
        reason: short(exiting.reason.as_ref()),
    }
    .emit();
}

pub(super) fn log(who: &Who, log: &Log) {
    ChildLog {
        unit: &who.unit,
        instance: who.instance,
        level: log.level.into(),
        text: log.message.as_str(),
        target: log.target.as_deref().map(name),
        fields: json(log.fields.as_ref()).as_deref(),
        time_us: log.time,
    }
    .emit();
}

pub(super) fn status(who: &Who, status: &Status) -> Option<Word> {
    ChildStatus { unit: &who.unit, instance: who.instance, text: status.text.as_str() }.emit();
    None
}

pub(super) fn draining(who: &Who, draining: &Draining) {
    ChildDraining { unit: &who.unit, instance: who.instance, reason: draining.reason.as_str() }
        .emit();
}

pub(super) fn heartbeat(who: &Who, heartbeat: &Heartbeat) {
    ChildHeartbeat {
        unit: &who.unit,
        instance: who.instance,
        sequence: heartbeat.sequence,
        memory: heartbeat.memory,
    }
    .emit();
}

pub(super) fn metric(who: &Who, metric: &Metric) -> Option<Word> {
    ChildMetric {
        unit: &who.unit,
        instance: who.instance,
        name: name(&metric.name),
        metric_type: convert::metric_type(metric.metric_type),
        value: metric.value,
        labels: json(metric.labels.as_ref()).as_deref(),
    }
    .emit();
    None
}

pub(super) fn event(who: &Who, event: &Event) -> Option<Word> {
    ChildEvent {
        unit: &who.unit,
        instance: who.instance,
        name: name(&event.name),
        fields: &event.fields.to_json(JSON_MAX),
    }
    .emit();
    None
}
