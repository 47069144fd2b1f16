//! What a supervisor stands on: its clock, and its fork server, proved to work.

use super::UpError;
use crate::clock::Clock;
use hearken_sys::{ForkServer, Mechanism, Prepared, prepare_supervisor};
use std::time::Duration;

/// How long the probe of the fork server may take.
const PROBE: Duration = Duration::from_secs(5);

/// What a supervisor stands on.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(super) clock: Clock,
    pub(super) prepared: Prepared,
    pub(super) server: ForkServer,
    pub(super) mechanism: Mechanism,
}

impl Ground {
    /// Lays it: before anything is read, and before any other thread is there.
    pub(crate) fn lay() -> Result<Self, UpError> {
        let clock = Clock::start();
        let prepared = prepare_supervisor()?;
        let mut server = ForkServer::start(&prepared)?;
        let mechanism = server.probe(PROBE)?;
        Ok(Self { clock, prepared, server, mechanism })
    }
}
