//! A scenario from a file: TOML, steps at their times.
//!
//! ```toml
//! for = "1h"                                  # how far to look
//! ready_after = { api = "2s" }                # how long processes take to be ready
//!
//! [[step]]
//! at = "10s"
//! service = "api#2"                           # or "api": all its instances
//! error = { code = "db.timeout", kind = "timeout", retry_after = "30s" }
//! exit = 1                                    # or signal = "SEGV"; without both it runs on
//! repeat = 3                                  # its next two processes do the same …
//! runs = "5s"                                 # … after so long
//!
//! [[step]]
//! at = "1m"
//! operator = "stop"                           # start, restart, scale, shutdown, shutdown_now
//! service = "web"
//! ```

use super::quick::{Written, named};
use super::scenario::{Act, Command, Deed, Scenario, Step, Who};
use super::span;
use hearken_config::Config;
use hearken_core::evidence::{Ending, TypedError};
use hearken_core::kind::Kind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// The largest scenario, in bytes.
const SCENARIO_MAX: u64 = 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "for")]
    length: Option<Spanned<String>>,
    seed: Option<u64>,
    #[serde(default)]
    ready_after: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    step: Vec<Spanned<StepTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    at: Spanned<String>,
    service: Option<Spanned<String>>,
    error: Option<ErrorTable>,
    intent: Option<Spanned<String>>,
    exit: Option<Spanned<u8>>,
    signal: Option<Spanned<String>>,
    start_fails: Option<Spanned<String>>,
    operator: Option<Spanned<String>>,
    instances: Option<Spanned<u32>>,
    repeat: Option<Spanned<u32>>,
    runs: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorTable {
    kind: Option<Spanned<String>>,
    code: Spanned<String>,
    #[serde(default)]
    message: String,
    retryable: Option<bool>,
    retry_after: Option<Spanned<String>>,
    scope: Option<Spanned<String>>,
}

/// The problems of one file, each shown with its line.
struct Problems<'t> {
    file: String,
    text: &'t str,
    shown: Vec<String>,
}

impl Problems<'_> {
    fn at(&mut self, span: Range<usize>, message: &str) {
        let start = (0..=span.start.min(self.text.len())).rev();
        let start = start.into_iter().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let text = self.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or("");
        let marked = self.text.get(start..span.end.max(start)).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or("").chars().count().max(1);
        let gutter = line.to_string().len();
        let mut shown = format!("error: {message}\n");
        let _infallible = write!(
            shown,
            "{:gutter$}--> {}:{line}:{}\n{:gutter$} |\n{line} | {}\n{:gutter$} | {:column$}{}",
            "",
            self.file,
            column + 1,
            "",
            span::visible(text),
            "",
            "",
            "^".repeat(marked),
        );
        self.shown.push(shown);
    }

    fn read<T>(
        &mut self,
        of: &Spanned<String>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        read(of.get_ref()).map_err(|message| self.at(of.span(), &message)).ok()
    }
}

/// Reads the file.
///
/// # Errors
/// Every problem of it, as people read them.
pub(super) fn read(
    path: &Path,
    config: &Config,
    length: Option<Duration>,
    seed: Option<u64>,
) -> Result<Written, String> {
    let cannot = |why: String| format!("error: the scenario {}: {why}", path.display());
    let size = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if size > SCENARIO_MAX {
        return Err(cannot(format!("a scenario has at most {SCENARIO_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    parse(&path.display().to_string(), &text, config, length, seed)
}

pub(super) fn parse(
    name: &str,
    text: &str,
    config: &Config,
    length: Option<Duration>,
    seed: Option<u64>,
) -> Result<Written, String> {
    let mut problems = Problems { file: name.to_owned(), text, shown: Vec::new() };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let message = with_suggestion(error.message());
            problems.at(error.span().unwrap_or(0..0), &message);
            return Err(problems.shown.join("\n\n"));
        }
    };
    let mut ready_after = vec![Duration::ZERO; config.services.len()];
    for (service, time) in &file.ready_after {
        let who = named(service, config).map_err(|message| problems.at(time.span(), &message)).ok();
        let time = problems.read(time, span::duration);
        if let (Some(who), Some(time)) = (who, time)
            && let Some(ready) = ready_after.get_mut(who.unit.0 as usize)
        {
            *ready = time;
        }
    }
    let written = file.length.as_ref().and_then(|length| problems.read(length, span::duration));
    let mut steps: Vec<Step> =
        file.step.iter().filter_map(|table| step(&mut problems, table, config)).collect();
    if file.step.is_empty() {
        problems.at(0..0, "there is no [[step]]: nothing would happen");
    }
    if !problems.shown.is_empty() {
        return Err(problems.shown.join("\n\n"));
    }
    steps.sort_by_key(|step| step.at);
    let count = steps.len();
    let scenario = Scenario {
        faults: Vec::new(),
        steps,
        ready_after,
        length: length.or(written).unwrap_or(super::LENGTH),
        seed: seed.or(file.seed).unwrap_or(super::SEED),
        about: None,
    };
    let s = if count == 1 { "" } else { "s" };
    Ok(Written { scenario, title: format!("{}: {count} step{s}.", span::visible(name)) })
}

fn step(problems: &mut Problems<'_>, table: &Spanned<StepTable>, config: &Config) -> Option<Step> {
    // The header of the step, not all of it.
    let place = table.span().start..table.span().start + 1;
    let table = table.get_ref();
    let at = problems.read(&table.at, span::duration);
    let who = table.service.as_ref().map(|name| problems.read(name, |name| named(name, config)));
    let act = match &table.operator {
        Some(word) => operator(problems, table, word, who),
        None => {
            let who = match who {
                Some(who) => who,
                None => {
                    problems
                        .at(place.clone(), "this step names no service, and no operator's command");
                    None
                }
            };
            happening(problems, table, place, who)
        }
    };
    Some(Step { at: at?, act: act? })
}

fn operator(
    problems: &mut Problems<'_>,
    table: &StepTable,
    word: &Spanned<String>,
    who: Option<Option<Who>>,
) -> Option<Act> {
    let known = Command::WORDS.iter().map(|word| (*word, *word));
    let command = problems.read(word, |word| span::one_of("command", word, known))?;
    for (given, key) in [
        (table.exit.as_ref().map(Spanned::span), "exit"),
        (table.signal.as_ref().map(Spanned::span), "signal"),
        (table.error.as_ref().map(|error| error.code.span()), "error"),
        (table.start_fails.as_ref().map(Spanned::span), "start_fails"),
    ] {
        if let Some(span) = given {
            problems
                .at(span, &format!("an operator's step has no {key}: make it a step of its own"));
        }
    }
    let unit = match (command, who) {
        ("shutdown", _) => return Some(Act::Operator(Command::Shutdown)),
        ("shutdown_now", _) => return Some(Act::Operator(Command::ShutdownNow)),
        (_, Some(who)) => who?.unit,
        (_, None) => {
            problems
                .at(word.span(), &format!("{command} of which service? add service = \"NAME\""));
            return None;
        }
    };
    Some(Act::Operator(match command {
        "start" => Command::Start(unit),
        "stop" => Command::Stop(unit),
        "restart" => Command::Restart(unit),
        _ => match &table.instances {
            Some(instances) => Command::Scale(unit, *instances.get_ref()),
            None => {
                problems.at(word.span(), "scale to how many? add instances = 3");
                return None;
            }
        },
    }))
}

fn happening(
    problems: &mut Problems<'_>,
    table: &StepTable,
    place: Range<usize>,
    who: Option<Who>,
) -> Option<Act> {
    let times = table.repeat.as_ref().map_or(1, |repeat| *repeat.get_ref());
    if times == 0 {
        let span = table.repeat.as_ref().map_or(place.clone(), Spanned::span);
        problems.at(span, "repeat is how often it happens: 1 or more");
    }
    let runs = table.runs.as_ref().and_then(|runs| problems.read(runs, span::duration));
    if let Some(word) = &table.start_fails {
        let failure = problems.read(word, span::start_failure);
        return Some(Act::StartsFail { who: who?, failure: failure?, times });
    }
    let error = table.error.as_ref().map(|error| typed(problems, error));
    let intent = table.intent.as_ref().map(|word| problems.read(word, span::intent));
    let signal = table.signal.as_ref().map(|word| problems.read(word, span::signal));
    let end = match (&table.exit, signal) {
        (Some(exit), Some(_)) => {
            problems.at(exit.span(), "a process ends by exit or by signal, not by both");
            None
        }
        (Some(exit), None) => Some(Ending::Exited(i32::from(*exit.get_ref()))),
        (None, Some(signal)) => Some(Ending::Killed { signal: signal?, core_dumped: false }),
        (None, None) => None,
    };
    if error.is_none() && intent.is_none() && end.is_none() && table.signal.is_none() {
        problems.at(place, "nothing happens in this step: add exit = 1, signal = \"SEGV\" or error = { code = \"…\" }");
        return None;
    }
    // `Some(None)` is one that could not be read: its problem is kept.
    let (error, intent) = (
        error.map_or(Some(None), |it| it.map(Some))?,
        intent.map_or(Some(None), |it| it.map(Some))?,
    );
    let deed = Deed { error, intent, end };
    Some(Act::Deed {
        who: who?,
        deed,
        more: times.saturating_sub(1),
        runs: runs.unwrap_or_default(),
    })
}

fn typed(problems: &mut Problems<'_>, table: &ErrorTable) -> Option<TypedError> {
    let kind = match &table.kind {
        Some(word) => problems.read(word, span::kind),
        None => Some(Kind::Transient),
    };
    let retry_after = table.retry_after.as_ref().map(|time| problems.read(time, span::duration));
    let scope = table.scope.as_ref().map(|word| problems.read(word, span::scope));
    Some(TypedError {
        kind: kind?,
        code: table.code.get_ref().clone(),
        message: table.message.clone(),
        retryable: table.retryable,
        retry_after: retry_after.map_or(Some(None), |it| it.map(Some))?,
        scope: scope.map_or(Some(None), |it| it.map(Some))?,
    })
}

/// The parser lists what it expected; the nearest of that was probably meant.
fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let meant = match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(word)) => span::nearest(word, quoted),
        _ => None,
    };
    let message = span::visible(message);
    meant.map_or_else(|| message.clone(), |meant| format!("{message}; did you mean `{meant}`?"))
}
