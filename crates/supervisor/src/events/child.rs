//! What children say.

use super::daemon::plural;
use super::{after, events, spoken};

events! {
    /// Output that was dropped because it came faster than it could be written.
    WARN "output_dropped" OutputDropped<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// `stdout` or `stderr`.
        stream: &'a str,
        /// How many lines.
        lines: u64,
        /// How many bytes.
        bytes: u64,
    } => |e| format!(
        "{} ({} bytes) of its {} were dropped: they came faster than they could be written",
        plural(e.lines, "line"), e.bytes, e.stream
    );

    /// It speaks the protocol.
    INFO "child_hello" ChildHello<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The process id it gives.
        pid: u32,
        /// Its SDK.
        sdk: &'a str,
        /// Its language.
        language: &'a str,
        /// Its own version.
        build: Option<&'a str>,
    } => |e| format!("says hello: pid {}, {} ({})", e.pid, e.language, e.sdk);

    /// It speaks only versions of the protocol that this supervisor does not.
    ERROR "protocol_unsupported" ProtocolUnsupported<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The lowest version it speaks.
        lowest: u32,
        /// The highest version it speaks.
        highest: u32,
    } => |e| format!(
        "speaks protocol {} to {}, this supervisor speaks 1: update its SDK or hearken", e.lowest, e.highest
    );

    /// How far its work is.
    INFO "child_progress" ChildProgress<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// How much is done.
        done: Option<u64>,
        /// Of how much.
        total: Option<u64>,
        /// Of what.
        of: Option<&'a str>,
        /// The stage of the work.
        stage: Option<&'a str>,
        /// In words.
        text: Option<&'a str>,
    } => |e| {
        let amount = match (e.done, e.total) {
            (Some(done), Some(total)) => format!(" {done}/{total}"),
            (Some(done), None) => format!(" {done}"),
            (None, _) => String::new(),
        };
        format!("progress{amount}{}{}{}", after(" ", e.of), after(" ", e.stage), after(": ", e.text))
    };

    /// It takes no task at all.
    WARN "no_credits" NoCredits<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
    } => |_e| "is ready for no task at all (credits 0), and is given none until it says more";

    /// An error in its own words.
    WARN "child_error" ChildError<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What sort of failure.
        kind: &'a str,
        /// Which one.
        code: &'a str,
        /// In words.
        text: &'a str,
        /// Its hint whether trying again makes sense.
        retryable: Option<bool>,
        /// Its hint when.
        retry_after_ms: Option<u64>,
        /// What it concerns.
        scope: Option<&'a str>,
        /// What is not there.
        dependency: Option<&'a str>,
        /// More, as JSON.
        details: Option<&'a str>,
        /// Where in its code.
        trace: Option<&'a str>,
    } => |e| format!(
        "says {}{}: {}{}",
        e.kind, after(" ", (e.code != e.kind).then_some(e.code)), e.text,
        e.retry_after_ms.map(|ms| format!(" (try again in {})", spoken(ms))).unwrap_or_default()
    );

    /// It is about to exit.
    INFO "child_exiting" ChildExiting<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What it wants to follow.
        intent: &'a str,
        /// Why.
        reason: Option<&'a str>,
    } => |e| format!("says it is about to exit: {}{}", e.intent, after(": ", e.reason));

    /// It finishes what it holds and wants to be replaced.
    INFO "child_draining" ChildDraining<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Why.
        reason: &'a str,
    } => |e| format!("says it is draining: {}", e.reason);

    /// It lives.
    DEBUG "child_heartbeat" ChildHeartbeat<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The number of the heartbeat.
        sequence: u64,
        /// How many bytes of memory it says it uses.
        memory: Option<u64>,
    } => |e| format!("heartbeat {}", e.sequence);

    /// A number it measured.
    DEBUG "child_metric" ChildMetric<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What is measured.
        name: &'a str,
        /// `c`ounter, `g`auge or `h`istogram.
        metric_type: &'a str,
        /// The number.
        value: f64,
        /// Its labels, as JSON.
        labels: Option<&'a str>,
    } => |e| format!("metric {} = {}", e.name, e.value);

    /// An event of its own.
    INFO "child_event" ChildEvent<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What happened.
        name: &'a str,
        /// More, as JSON.
        fields: &'a str,
    } => |e| format!("event {} {}", e.name, e.fields);
}

/// A line of its standard output or standard error. The line itself is the message, and stands
/// nowhere else in the record: outputs are most of what is logged.
#[derive(Debug, Clone)]
pub struct ChildOutput<'a> {
    /// The unit.
    pub unit: &'a str,
    /// The instance.
    pub instance: u32,
    /// `stdout` or `stderr`.
    pub stream: &'a str,
    /// Whether this is a piece of a longer line, and more of it follows.
    pub partial: bool,
    /// The line. Bytes that are no UTF-8 are replaced.
    pub text: &'a str,
}

/// The target of [`ChildOutput`]: so it can be wanted, or not, apart from everything else.
pub(crate) const OUTPUT_TARGET: &str = "hearken::output";

impl ChildOutput<'_> {
    /// The name by which people filter and alert.
    pub const NAME: &'static str = "child_output";

    /// Logs it.
    pub fn emit(&self) {
        tracing::info!(
            target: OUTPUT_TARGET,
            event = Self::NAME,
            unit = self.unit,
            instance = self.instance,
            stream = self.stream,
            partial = self.partial,
            "{}",
            self.text
        );
    }
}

/// One line about how it is, in its own words.
#[derive(Debug, Clone)]
pub struct ChildStatus<'a> {
    /// The unit.
    pub unit: &'a str,
    /// The instance.
    pub instance: u32,
    /// The line.
    pub text: &'a str,
}

impl ChildStatus<'_> {
    /// The name by which people filter and alert.
    pub const NAME: &'static str = "child_status";

    /// Logs it.
    pub fn emit(&self) {
        tracing::info!(
            target: "hearken",
            event = Self::NAME,
            unit = self.unit,
            instance = self.instance,
            "{}",
            self.text
        );
    }
}

/// A log record of a child. It brings its own level, so it is no `events!` entry.
#[derive(Debug, Clone)]
pub struct ChildLog<'a> {
    /// The unit.
    pub unit: &'a str,
    /// The instance.
    pub instance: u32,
    /// 0 trace, 1 debug, 2 info, 3 warn, 4 error, 5 fatal.
    pub level: u8,
    /// What it says.
    pub text: &'a str,
    /// Where in the program it was said.
    pub target: Option<&'a str>,
    /// More, as JSON.
    pub fields: Option<&'a str>,
    /// When the child says it happened: microseconds since 1970.
    pub time_us: Option<i64>,
}

impl ChildLog<'_> {
    /// The name by which people filter and alert.
    pub const NAME: &'static str = "child_log";

    /// Logs it with the level the child gave.
    pub fn emit(&self) {
        macro_rules! at {
            ($level:ident) => {
                tracing::event!(
                    target: "hearken",
                    tracing::Level::$level,
                    event = Self::NAME,
                    unit = self.unit,
                    instance = self.instance,
                    child_level = self.level,
                    source = self.target,
                    fields = self.fields,
                    time_us = self.time_us,
                    "{}{}",
                    self.text,
                    after(" ", self.fields)
                )
            };
        }
        match self.level {
            0 => at!(TRACE),
            1 => at!(DEBUG),
            2 => at!(INFO),
            3 => at!(WARN),
            _ => at!(ERROR),
        }
    }
}
