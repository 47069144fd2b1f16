//! A scenario from a few options: one service, and the one thing that is wrong with it.

use super::SimulateError;
use super::scenario::{Deed, Fate, Fault, Scenario, Who};
use super::span::{self, show};
use super::words;
use hearken_config::Config;
use hearken_core::evidence::{Ending, Intent, Scope, SpawnFailure, TypedError};
use hearken_core::identity::UnitIndex;
use hearken_core::kind::Kind;
use hearken_core::policy::Ready;
use std::time::Duration;

/// One service, and the one thing that is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Quick {
    /// `NAME` or `NAME#2`; needless where there is only one service.
    pub service: Option<String>,
    /// The code of the error its processes say, with `KIND:` before it if need be.
    pub error: Option<String>,
    /// The kind of that error.
    pub kind: Option<Kind>,
    /// Its message.
    pub message: Option<String>,
    /// Its hint when trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Its hint whether trying again makes sense.
    pub retryable: Option<bool>,
    /// What it is about.
    pub scope: Option<Scope>,
    /// What its processes exit with.
    pub exit: Option<i32>,
    /// The signal they die by.
    pub signal: Option<i32>,
    /// What they announce before.
    pub intent: Option<Intent>,
    /// They cannot even be started.
    pub start_fails: Option<SpawnFailure>,
    /// How long each lives before.
    pub runs: Option<Duration>,
    /// How long each takes to be ready.
    pub ready_after: Option<Duration>,
    /// It says the error and runs on.
    pub stays_up: bool,
    /// How often that happens to each instance.
    pub repeat: u32,
}

/// A scenario with its title.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) scenario: Scenario,
    pub(super) title: String,
}

pub(super) fn write(
    quick: &Quick,
    config: &Config,
    length: Duration,
    seed: u64,
) -> Result<Written, SimulateError> {
    let who = who(quick.service.as_deref(), config)?;
    let deed = deed(quick)?;
    // One that runs on says it again and again: not a thousand times in a moment.
    let pause = if deed.end.is_none() { Duration::from_secs(1) } else { Duration::ZERO };
    let after = quick.runs.unwrap_or(pause);
    let fate = match quick.start_fails {
        Some(failure) => Fate::StartFails(failure),
        None => Fate::Does { after, deed: deed.clone() },
    };
    let mut ready_after = vec![Duration::ZERO; config.services.len()];
    if let (Some(given), Some(ready)) =
        (quick.ready_after, ready_after.get_mut(who.unit.0 as usize))
    {
        *ready = given;
    }
    let title = title(quick, config, who, &deed, after);
    let scenario = Scenario {
        faults: vec![Fault { who, times: quick.repeat, fate }],
        steps: Vec::new(),
        ready_after,
        length,
        seed,
        about: Some(who.unit),
    };
    Ok(Written { scenario, title })
}

/// The instance or unit that is called so.
pub(super) fn named(name: &str, config: &Config) -> Result<Who, String> {
    let (unit, slot) = match name.split_once('#') {
        Some((unit, slot)) => (unit, Some(slot)),
        None => (name, None),
    };
    let names = || config.services.iter().map(|service| service.policy.name.as_str());
    let Some((index, service)) =
        (0..).zip(&config.services).find(|(_, service)| service.policy.name.as_str() == unit)
    else {
        let next = match span::nearest(unit, names()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("the config has {}", names().take(20).collect::<Vec<_>>().join(", ")),
        };
        return Err(format!("no service is called {}; {next}", span::visible(unit)));
    };
    let instances = service.policy.instances;
    let slot = slot.map(|slot| {
        let number = slot.parse::<u32>().ok().filter(|slot| (1..=instances).contains(slot));
        number.ok_or_else(|| match instances {
            1 => format!("{unit} has only {unit}#1"),
            n => format!("{unit} has the instances {unit}#1 to {unit}#{n}"),
        })
    });
    Ok(Who { unit: UnitIndex(index), slot: slot.transpose()? })
}

fn who(service: Option<&str>, config: &Config) -> Result<Who, SimulateError> {
    match (service, config.services.as_slice()) {
        (Some(name), _) => named(name, config).map_err(SimulateError::Service),
        (None, [_]) => Ok(Who { unit: UnitIndex(0), slot: None }),
        (None, several) => {
            let names: Vec<_> =
                several.iter().take(20).map(|service| service.policy.name.as_str()).collect();
            let names = names.join(", ");
            Err(SimulateError::Service(format!(
                "the config has {} services; say which with --service: {names}",
                several.len()
            )))
        }
    }
}

fn deed(quick: &Quick) -> Result<Deed, SimulateError> {
    let error = quick.error.as_deref().map(|given| error(quick, given)).transpose()?;
    let end = match (quick.exit, quick.signal) {
        _ if quick.stays_up => None,
        (Some(code), _) => Some(Ending::Exited(code)),
        (None, Some(signal)) => Some(Ending::Killed { signal, core_dumped: false }),
        // Who only says that it leaves, leaves in good order.
        (None, None) => Some(Ending::Exited(i32::from(error.is_some() || quick.intent.is_none()))),
    };
    Ok(Deed { error, intent: quick.intent, end })
}

/// `db.timeout`, `unavailable:db.down`, or a kind alone: `rate_limited`.
fn error(quick: &Quick, given: &str) -> Result<TypedError, SimulateError> {
    let wrong = |error| SimulateError::Options(format!("--error: {error}"));
    let (kind, code) = match given.split_once(':') {
        Some((kind, code)) => (Some(span::kind(kind).map_err(wrong)?), code),
        None => (span::said_kinds().find(|kind| kind.as_str() == given), given),
    };
    if code.is_empty() {
        return Err(wrong(
            "the code is missing: write KIND:CODE or CODE, such as db.timeout".into(),
        ));
    }
    if let (Some(one), Some(other)) = (kind, quick.kind)
        && given.contains(':')
        && one != other
    {
        return Err(wrong(format!("it says {one}, and --kind says {other}: leave one out")));
    }
    Ok(TypedError {
        kind: quick.kind.or(kind).unwrap_or(Kind::Transient),
        code: code.to_owned(),
        message: quick.message.clone().unwrap_or_default(),
        retryable: quick.retryable,
        retry_after: quick.retry_after,
        scope: quick.scope,
    })
}

fn title(quick: &Quick, config: &Config, who: Who, deed: &Deed, after: Duration) -> String {
    let service = config.services.get(who.unit.0 as usize);
    let name = service.map_or("?", |service| service.policy.name.as_str());
    let name = match who.slot {
        Some(slot) => format!("{name}#{slot}"),
        None => name.to_owned(),
    };
    let times = match quick.repeat {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let what = match (&quick.start_fails, deed.end) {
        (Some(failure), _) => words::start_failure(*failure),
        (None, Some(_)) if after.is_zero() => words::deed(deed),
        (None, Some(_)) => format!("{} after {}", words::deed(deed), show(after)),
        (None, None) => format!("{} every {} and runs on", words::deed(deed), show(after)),
    };
    let mut title = format!("{name} {what}: {times}, then it works.");
    let others = config.services.len().saturating_sub(1);
    if others > 0 {
        let s = if others == 1 { "" } else { "s" };
        title += &format!("\n{others} other service{s} of the config: undisturbed.");
    }
    let started = service.is_some_and(|service| service.policy.ready == Ready::Started);
    if quick.ready_after.is_some() && started {
        title += "\n--ready-after changes nothing here: ready = \"started\".";
    }
    title
}
