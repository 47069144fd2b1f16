//! The environment a child starts with.
//!
//! A clean one: what happens to be set in the shell that started the supervisor is no business of
//! a service. PATH, LANG, HOME and USER are handed on, because nearly everything wants them; then
//! comes what the config says, then what hearken has to say.

mod input;

pub(crate) use input::{ExecInput, InputError, TaskNames};

use crate::probes::{Errand, purpose_name};
use hearken_config::{Check, Input, LineMode, Program, Service};
use hearken_core::action::Purpose;
use hearken_proto::Raw;
use hearken_sys::{LINE_FD, Spawn};
use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

/// What is handed on from the supervisor's own environment, and what stands in when it is missing.
const HANDED_ON: [(&str, Option<&str>); 4] = [
    ("PATH", Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
    ("LANG", Some("C.UTF-8")),
    ("HOME", None),
    ("USER", None),
];

/// What hearken alone says to those that it listens to through the notify socket.
const NOTIFY: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// What all incarnations of a service start with; only the names hearken gives them differ.
#[derive(Debug)]
pub(crate) struct Template {
    argv: Vec<CString>,
    directory: CString,
    environment: Vec<CString>,
    /// Where the payload of a task goes, if it is there for one.
    input: Input,
    unit: String,
    line: LineMode,
    /// What sd_notify(3) looks for; only for those who are listened to.
    notify: Vec<CString>,
    /// The programs of its exec probes: for readiness, for health.
    probes: [Vec<CString>; 2],
}

impl Template {
    /// The template of a service, or of the workers of a pool. `own` is the supervisor's environment, `socket` the notify socket
    /// if the service is listened to there.
    #[must_use]
    pub(crate) fn new(
        service: &Service,
        input: Input,
        own: impl Fn(&str) -> Option<OsString>,
        socket: Option<&Path>,
    ) -> Self {
        let mut variables: BTreeMap<&str, OsString> = HANDED_ON
            .into_iter()
            .filter_map(|(name, otherwise)| {
                let value = own(name).filter(|value| !value.is_empty());
                Some((name, value.or_else(|| otherwise.map(OsString::from))?))
            })
            .collect();
        for (name, value) in &service.environment {
            variables.insert(name, value.into());
        }
        if socket.is_some() {
            NOTIFY.iter().for_each(|name| drop(variables.remove(name)));
        }
        let environment = variables
            .into_iter()
            .map(|(name, value)| {
                let mut bytes = format!("{name}=").into_bytes();
                bytes.extend(value.into_vec());
                c_string(bytes)
            })
            .collect();
        let argv = match &service.program {
            Program::Command(argv) => argv.iter().map(|arg| c_string(arg.clone())).collect(),
            Program::Shell(script) => {
                vec![c"/bin/sh".into(), c"-c".into(), c_string(script.clone())]
            }
        };
        Self {
            argv,
            directory: c_string(path_bytes(&service.directory)),
            environment,
            input,
            unit: service.policy.name.to_string(),
            line: service.line,
            notify: socket.map(|path| notify(path, service.policy.watchdog)).unwrap_or_default(),
            probes: [service.readiness.check(), service.health.as_ref()].map(program_of),
        }
    }

    /// What the fork server needs for one incarnation.
    #[must_use]
    pub(crate) fn spawn(&self, instance: u32, incarnation: u32) -> Spawn {
        let mut environment = self.environment.clone();
        environment.extend(self.notify.iter().cloned());
        environment.extend(self.names(instance, incarnation, None));
        if self.has_line() {
            environment.push(c_string(format!("HEARKEN_FD={LINE_FD}")));
        }
        Spawn { argv: self.argv.clone(), environment, directory: Some(self.directory.clone()) }
    }

    /// What a process for one task starts with, beside its names.
    ///
    /// # Errors
    /// If the payload does not fit where it goes.
    pub(crate) fn input(&self, payload: &Raw) -> Result<ExecInput, InputError> {
        match self.input {
            Input::Arguments => {
                let beside = self.environment.iter().chain([&self.directory]);
                let room = input::room(beside.map(|it| it.as_bytes_with_nul().len()).sum());
                Ok(ExecInput { argv: input::arguments(&self.argv, payload, room)?, stdin: None })
            }
            Input::Stdin => {
                Ok(ExecInput { argv: self.argv.clone(), stdin: input::standard_input(payload)? })
            }
        }
    }

    /// What the fork server needs for a process of one task.
    #[must_use]
    pub(crate) fn spawn_task(
        &self,
        instance: u32,
        incarnation: u32,
        input: &ExecInput,
        names: &TaskNames<'_>,
    ) -> Spawn {
        let mut spawn = self.spawn(instance, incarnation);
        spawn.argv.clone_from(&input.argv);
        spawn.environment.extend(names.variables());
        spawn
    }

    /// What the fork server needs for an exec probe of one incarnation: all that the unit has, but
    /// its line.
    #[must_use]
    pub(crate) fn probe(&self, instance: u32, incarnation: u32, errand: Errand) -> Spawn {
        let [readiness, health] = &self.probes;
        let argv = match errand.purpose {
            Purpose::Readiness => readiness,
            Purpose::Health => health,
        };
        let mut environment = self.environment.clone();
        environment.extend(self.names(instance, incarnation, Some(errand.purpose)));
        environment.extend(errand.pid.map(|pid| c_string(format!("HEARKEN_PID={pid}"))));
        Spawn { argv: argv.clone(), environment, directory: Some(self.directory.clone()) }
    }

    /// The variables by which a process is known: as one of the unit, or as one of its probes.
    pub(crate) fn names(
        &self,
        instance: u32,
        incarnation: u32,
        probe: Option<Purpose>,
    ) -> impl Iterator<Item = CString> {
        let names = [
            Some(format!("HEARKEN_UNIT={}", self.unit)),
            Some(format!("HEARKEN_INSTANCE={instance}")),
            Some(format!("HEARKEN_INCARNATION={incarnation}")),
            probe.map(|purpose| format!("HEARKEN_PROBE={}", purpose_name(purpose))),
        ];
        names.into_iter().flatten().map(c_string)
    }

    /// Whether its children get a line.
    #[must_use]
    pub(crate) fn has_line(&self) -> bool {
        match self.line {
            LineMode::MessagePack | LineMode::Json => true,
            LineMode::None => false,
        }
    }

    /// The program, for people.
    #[must_use]
    pub(crate) fn program(&self) -> String {
        self.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The directory, for people.
    #[must_use]
    pub(crate) fn directory(&self) -> String {
        self.directory.to_string_lossy().into_owned()
    }
}

/// What sd_notify(3) and sd_watchdog_enabled(3) look for.
///
/// WATCHDOG_PID is not among it: nobody knows the pid before the fork, and without it
/// sd_watchdog_enabled(3) takes whoever asks for the one that is meant.
fn notify(socket: &Path, watchdog: Option<Duration>) -> Vec<CString> {
    let [notify_socket, watchdog_usec, _] = NOTIFY;
    let mut path = format!("{notify_socket}=").into_bytes();
    path.extend(path_bytes(socket));
    let period = watchdog.map(|period| format!("{watchdog_usec}={}", period.as_micros()));
    [c_string(path)].into_iter().chain(period.map(c_string)).collect()
}

fn program_of(check: Option<&Check>) -> Vec<CString> {
    match check {
        Some(Check::Exec(argv)) => argv.iter().map(|arg| c_string(arg.clone())).collect(),
        Some(Check::Tcp(_) | Check::Http(_)) | None => Vec::new(),
    }
}

fn path_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().to_owned().into_vec()
}

/// The config refuses NUL everywhere, and the kernel has none in what it hands over.
fn c_string(bytes: impl Into<Vec<u8>>) -> CString {
    CString::new(bytes).expect("checked for NUL when the config was read")
}
