//! `hearken emit`.

use crate::exit::Exit;
use clap::{Args, Subcommand};
use hearken_supervisor::emit::{
    Emission, EmitError, Emitted, ErrorKind, ErrorMessage, Level, Log, Metric, MetricType, Pair,
    Progress, Raw, Status, VARIABLE, code, emit, error_kind, level, map, metric_type, name, number,
};
use hearken_supervisor::simulate::duration;
use std::io::Read;
use std::time::Duration;

/// What a result on standard input may have: what is longer does not fit a line anyhow.
const INPUT_MAX: u64 = 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearken emit progress 3 9 --unit files --message \"resizing\"
  hearken emit log --level warn \"disk nearly full\" --field used=93
  hearken emit error transient db.down \"no connection\" --retry-after 30s --dependency db
  echo '{\"x\":1}' | hearken emit result -
  hearken emit snooze 5m \"the source is not there yet\"

The line is the descriptor that HEARKEN_FD names. It must speak JSON, as it does in pools with \
mode = \"exec\"; a service needs line = \"json\" for it. In a pool it is about the task of the \
process. An error stands whatever the exit code is, unless progress follows it; a result and a \
snooze hold if the exit code is 0. A line takes 64 KiB; a longer result goes to standard output.

Without HEARKEN_FD it prints to standard error what it would have said, and exits with 0.

Exit codes: 0; 2 if the arguments make no sense; 69 if HEARKEN_FD is no line, or nobody hears.")]
pub(crate) struct EmitArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How far it is.
    Progress {
        /// How much is done.
        #[arg(required_unless_present_any = ["stage", "message"])]
        done: Option<u64>,
        /// How much there is.
        total: Option<u64>,
        /// What is counted: rows, bytes.
        #[arg(long, value_parser = name)]
        unit: Option<String>,
        /// The step it is at.
        #[arg(long, value_parser = name)]
        stage: Option<String>,
        /// One line for people.
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// A line for the log.
    Log {
        /// How serious: trace, debug, info, warn, error, fatal.
        #[arg(long, default_value = "info", value_parser = level)]
        level: Level,
        /// The part of the program that says it.
        #[arg(long, value_parser = name)]
        target: Option<String>,
        /// More about it; may be given again. The value is JSON if it can be, else text.
        #[arg(long = "field", value_name = "KEY=VALUE")]
        fields: Vec<Pair>,
        /// The sentence.
        message: String,
    },
    /// The result of the task, instead of what stands on standard output.
    Result {
        /// The value, as JSON; - reads it from standard input.
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,
        /// The value is text, as it is.
        #[arg(long, requires = "value")]
        text: bool,
    },
    /// What went wrong. It says more than an exit code can, and stands whatever that is.
    Error {
        /// The kind: transient, timeout, rate_limited, unavailable, conflict, resource, invalid,
        /// not_found, denied, config, bug, cancelled.
        #[arg(value_parser = error_kind)]
        kind: ErrorKind,
        /// Which one exactly, dotted: db.deadlock.
        #[arg(value_parser = code)]
        code: String,
        /// One sentence for people.
        message: String,
        /// When another try is worth it.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        retry_after: Option<Duration>,
        /// Whether another try is worth it.
        #[arg(long, value_name = "true|false")]
        retryable: Option<bool>,
        /// What it needs and did not find: other tasks that need it wait, too.
        #[arg(long, value_name = "NAME", value_parser = name)]
        dependency: Option<String>,
        /// More about it; may be given again. The value is JSON if it can be, else text.
        #[arg(long = "detail", value_name = "KEY=VALUE")]
        details: Vec<Pair>,
    },
    /// Put the task off; that costs no attempt. Then exit with 0.
    Snooze {
        /// How long.
        #[arg(value_parser = duration)]
        delay: Duration,
        /// Why.
        reason: String,
    },
    /// One line for people about what it is doing.
    Status {
        /// The line.
        text: String,
    },
    /// A number to keep count of.
    Metric {
        /// Its name, dotted.
        #[arg(value_parser = code)]
        name: String,
        /// Its value.
        #[arg(value_parser = number, allow_hyphen_values = true)]
        value: f64,
        /// How its values add up: counter, gauge, histogram.
        #[arg(long = "type", value_name = "TYPE", default_value = "gauge", value_parser = metric_type)]
        metric_type: MetricType,
        /// May be given again.
        #[arg(long = "label", value_name = "KEY=VALUE")]
        labels: Vec<Pair>,
    },
}

/// Says it.
pub(crate) fn run(arguments: EmitArguments) -> Exit {
    let emission = match emission(arguments.what) {
        Ok(emission) => emission,
        Err(why) => {
            crate::complain(&format!("error: {why}"));
            return Exit::Usage;
        }
    };
    match emit(emission, std::env::var_os(VARIABLE).as_deref()) {
        Ok(Emitted::Said) => Exit::Ok,
        Ok(Emitted::Alone(line)) => {
            crate::complain(line.trim_end());
            Exit::Ok
        }
        Err(error) => {
            crate::complain(&format!("error: {error}"));
            match error {
                EmitError::Unsayable(_) | EmitError::TooLong { .. } => Exit::Usage,
                EmitError::NotADescriptor(_)
                | EmitError::NotTheLine { .. }
                | EmitError::HungUp(_) => Exit::Unavailable,
            }
        }
    }
}

fn emission(what: What) -> Result<Emission, String> {
    Ok(match what {
        What::Progress { done, total, unit, stage, message } => Emission::Progress(Progress {
            handle: None,
            done,
            total,
            unit,
            stage,
            message: message.map(Into::into),
        }),
        What::Log { level, target, fields, message } => Emission::Log(Log {
            handle: None,
            level,
            message: message.into(),
            target,
            fields: map(fields).map_err(|why| format!("--field: {why}"))?,
            time: None,
        }),
        What::Result { value, text } => Emission::Result(result(value, text)?),
        What::Error { kind, code, message, retry_after, retryable, dependency, details } => {
            Emission::Error(Box::new(ErrorMessage {
                retry_after_ms: retry_after.map(milliseconds),
                retryable,
                dependency,
                details: map(details).map_err(|why| format!("--detail: {why}"))?,
                ..ErrorMessage::new(kind, code, message)
            }))
        }
        What::Snooze { delay, reason } => {
            Emission::Snooze { delay_ms: milliseconds(delay), reason: reason.into() }
        }
        What::Status { text } => Emission::Status(Status { text: text.into() }),
        What::Metric { name, value, metric_type, labels } => Emission::Metric(Metric {
            name,
            metric_type,
            value,
            labels: map(labels).map_err(|why| format!("--label: {why}"))?,
        }),
    })
}

fn result(value: Option<String>, text: bool) -> Result<Option<Raw>, String> {
    let Some(value) = value else { return Ok(None) };
    let bytes = if value == "-" { standard_input()? } else { value.into_bytes() };
    if !text {
        let read = Raw::from_json(&bytes);
        return read.map(Some).map_err(|why| format!("{why}; give --text if it is text"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| "it is no UTF-8: write it to standard output, with result = \"bytes\"")?;
    Ok(Some(Raw::string(&text)))
}

fn standard_input() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(INPUT_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    if bytes.len() as u64 > INPUT_MAX {
        return Err("a result of more than 64 KiB goes to standard output instead".to_owned());
    }
    Ok(bytes)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
