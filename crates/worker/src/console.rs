//! What a program without hearken prints instead: the same messages, for people.

use std::io::Write;

use hearken_proto::{FromChild, Progress};

/// Prints the message to standard error, if it is one for people.
pub(crate) fn print(message: &FromChild) {
    if let Some(line) = line(message) {
        // Nobody to tell when standard error is gone.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

fn line(message: &FromChild) -> Option<String> {
    match message {
        FromChild::Ready(_) => Some("ready".to_owned()),
        FromChild::Progress(progress) => Some(format!("progress:{}", shown(progress))),
        FromChild::Log(log) => Some(match &log.fields {
            Some(fields) => format!("{}: {} {fields}", log.level, log.message),
            None => format!("{}: {}", log.level, log.message),
        }),
        FromChild::Error(error) => Some(format!("error: {error}")),
        FromChild::Draining(draining) => Some(format!("draining: {}", draining.reason)),
        FromChild::Exiting(exiting) => Some(match &exiting.reason {
            Some(reason) => format!("exiting: {}: {reason}", exiting.intent),
            None => format!("exiting: {}", exiting.intent),
        }),
        FromChild::Status(status) => Some(format!("status: {}", status.text)),
        FromChild::Metric(metric) => Some(format!("metric: {} {}", metric.name, metric.value)),
        FromChild::Event(event) => Some(format!("event: {} {}", event.name, event.fields)),
        // For the supervisor only.
        FromChild::Hello(_) | FromChild::Heartbeat(_) => None,
        FromChild::Checkpoint(checkpoint) => {
            Some(format!("checkpoint: {} bytes", checkpoint.data.len()))
        }
        FromChild::Snooze(snooze) => {
            Some(format!("snooze: for {} ms: {}", snooze.delay_ms, snooze.reason))
        }
        // Nobody is told what there is but the result, which is printed elsewhere.
        FromChild::Accepted(_) | FromChild::Chunk(_) | FromChild::Result(_) => None,
    }
}

fn shown(progress: &Progress) -> String {
    let mut shown = String::new();
    if let Some(stage) = &progress.stage {
        shown += &format!(" [{stage}]");
    }
    match (progress.done, progress.total) {
        (Some(done), Some(total)) => shown += &format!(" {done}/{total}"),
        (Some(done), None) => shown += &format!(" {done}"),
        (None, Some(total)) => shown += &format!(" of {total}"),
        (None, None) => {}
    }
    if let Some(unit) = &progress.unit {
        shown += &format!(" {unit}");
    }
    if let Some(message) = &progress.message {
        shown += &format!(" {message}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_like_a_sentence() {
        let progress = Progress {
            done: Some(3),
            total: Some(9),
            unit: Some("rows".to_owned()),
            stage: Some("import".to_owned()),
            message: Some("customers".into()),
            ..Progress::default()
        };
        let shown = line(&FromChild::Progress(progress));
        assert_eq!(shown.as_deref(), Some("progress: [import] 3/9 rows customers"));
    }
}
