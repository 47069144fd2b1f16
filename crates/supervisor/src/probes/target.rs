//! What a probe looks at.

use super::http::Page;
use super::record::Trouble;
use super::tcp::Peer;
use hearken_config::{Check, Service};
use hearken_core::action::Purpose;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// A look that is under way.
pub(super) type Look = Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send>>;

/// What a probe looks at.
#[derive(Debug)]
pub(crate) enum Target {
    /// A port that has to take a connection.
    Tcp(Arc<Peer>),
    /// A page that has to be answered.
    Http(Arc<Page>),
    /// A program that has to exit with 0: its name. What it is run with knows the unit's template.
    Exec(String),
}

impl Target {
    fn new(check: &Check) -> Self {
        match check {
            Check::Tcp(address) => Self::Tcp(Arc::new(Peer::new(address.clone()))),
            Check::Http(check) => Self::Http(Arc::new(Page::new(check.clone()))),
            Check::Exec(argv) => Self::Exec(argv.first().cloned().unwrap_or_default()),
        }
    }

    /// Looks, inside the supervisor; `None` where a process has to.
    pub(super) fn look(&self) -> Option<Look> {
        match self {
            Self::Tcp(peer) => {
                let peer = Arc::clone(peer);
                Some(Box::pin(async move { peer.connect().await.map(drop) }))
            }
            Self::Http(page) => {
                let page = Arc::clone(page);
                Some(Box::pin(async move { page.ask().await }))
            }
            Self::Exec(_) => None,
        }
    }

    /// What a late probe has failed to do.
    pub(crate) fn unmet(&self) -> String {
        match self {
            Self::Tcp(peer) => format!("no connection to {peer}"),
            Self::Http(page) => format!("no answer from {page}"),
            Self::Exec(program) => format!("{program} did not end"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(peer) => peer.fmt(f),
            Self::Http(page) => page.fmt(f),
            Self::Exec(program) => f.write_str(program),
        }
    }
}

/// What the probes of a unit look at.
#[derive(Debug)]
pub(super) struct Targets {
    readiness: Option<Target>,
    health: Option<Target>,
}

impl Targets {
    pub(super) fn new(service: &Service) -> Self {
        Self {
            readiness: service.readiness.check().map(Target::new),
            health: service.health.as_ref().map(Target::new),
        }
    }

    pub(super) fn of(&self, purpose: Purpose) -> Option<&Target> {
        match purpose {
            Purpose::Readiness => self.readiness.as_ref(),
            Purpose::Health => self.health.as_ref(),
        }
    }
}
