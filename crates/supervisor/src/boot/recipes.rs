//! How the processes of each unit are made.

use crate::child::{Manner, Signs, StandardOutput, Work};
use crate::convert;
use crate::environment::Template;
use crate::spawner::Recipe;
use hearken_config::{Config, Exec, Input, Program, Readiness, ResultForm, Service};
use hearken_core::pool::WorkMode;
use hearken_proto::{DEFAULT_MAX_FRAME, MAX_FRAME};
use std::path::Path;
use std::sync::Arc;

/// How much of a frame that hands over a task is not its payload, in bytes.
const BESIDE: u32 = 256 * 1024;

/// How many heartbeats a watchdog period holds: two may be late.
const BEATS: u32 = 4;

/// One recipe a unit, by `UnitIndex`. `socket`: the notify socket, if there is one.
pub(super) fn recipes(config: &Config, socket: Option<&Path>) -> Vec<Recipe> {
    let services =
        config.services.iter().map(|service| recipe(service, Work::Service, None, socket));
    let pools = config.pools.iter().map(|pool| {
        let work = match pool.policy.mode {
            WorkMode::Line => Work::Tasks,
            WorkMode::Exec => Work::OneTask,
        };
        let mut made = recipe(&pool.unit, work, pool.exec, None);
        // Whatever stands around a payload finds room beside it: a checkpoint, headers, an error.
        let room = u32::try_from(pool.max_payload).unwrap_or(MAX_FRAME).saturating_add(BESIDE);
        made.manner.max_frame = room.clamp(DEFAULT_MAX_FRAME, MAX_FRAME);
        // A worker that has nothing to do is silent otherwise, and would look dead.
        made.manner.heartbeat = pool.unit.policy.watchdog.map(|watchdog| watchdog / BEATS);
        made
    });
    services.chain(pools).collect()
}

/// Whether it is listened to on the notify socket.
pub(super) fn notifies(service: &Service) -> bool {
    matches!(service.readiness, Readiness::Notify)
}

fn recipe(service: &Service, work: Work, exec: Option<Exec>, socket: Option<&Path>) -> Recipe {
    let socket = socket.filter(|_| notifies(service));
    let input = exec.map_or(Input::Stdin, |exec| exec.input);
    let has_result = exec.is_some_and(|exec| exec.result != ResultForm::None);
    Recipe {
        template: Template::new(service, input, |name| std::env::var_os(name), socket),
        notifies: socket.is_some(),
        mode: convert::line_mode(service.line),
        unit: Arc::from(service.policy.name.as_str()),
        manner: Manner {
            work,
            heartbeat: None,
            max_frame: DEFAULT_MAX_FRAME,
            signs: Signs::of(&service.policy),
            log: match &service.readiness {
                Readiness::Log(pattern) => Some(pattern.clone()),
                Readiness::Started
                | Readiness::Message
                | Readiness::Notify
                | Readiness::Newline { .. }
                | Readiness::Probe(_) => None,
            },
            stdout: if has_result { StandardOutput::Result } else { StandardOutput::Log },
        },
        newline: match service.readiness {
            Readiness::Newline { descriptor } => Some(descriptor),
            Readiness::Started
            | Readiness::Message
            | Readiness::Notify
            | Readiness::Log(_)
            | Readiness::Probe(_) => None,
        },
        signal_group: matches!(service.program, Program::Shell(_)),
    }
}
