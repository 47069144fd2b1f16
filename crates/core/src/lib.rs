#![forbid(unsafe_code)]
//! The decisions of hearken: what is started, stopped, restarted or left alone, and why.
//!
//! The shell around it has five verbs for [`Supervision`](supervision::Supervision):
//!
//! | verb | |
//! |---|---|
//! | [`handle`](supervision::Supervision::handle) | this happened, at this moment |
//! | [`handle_timeout`](supervision::Supervision::handle_timeout) | it is this moment now |
//! | [`poll_timeout`](supervision::Supervision::poll_timeout) | when the time is to be told next |
//! | [`poll_action`](supervision::Supervision::poll_action) | the next thing to do |
//! | [`standing`](supervision::Supervision::standing) | where an instance stands |
//!
//! It takes one input, calls `handle`, performs every action that comes out, and sets one timer.
//!
//! Inside, from the whole to the part: [`supervision`] (order of start and stop, shutdown, idle),
//! [`mod@unit`], [`instance`] (the table of states × events), [`account`] (what is held against an
//! instance), [`judge`] (from [`evidence`] to what follows, by [`rule`] and by the table in
//! [`verdict`]), and the small pieces [`budget`], [`backoff`], [`gate`], [`glob`]. Beside it stands
//! [`mod@pool`], with the same verbs: which task goes to which worker, and what becomes of it, by what
//! [`mod@task`] says of an end.
//!
//! **Architecture invariant.** There is no clock here, no I/O, no thread, no async, no lock, no
//! randomness and no global state: time comes in as a [`Moment`](moment::Moment), deadlines go out
//! of `poll_timeout`, and jitter grows from a seed. So the same inputs give the same actions,
//! always, and a test can write any history it likes. Nothing of ours is below this crate. It knows
//! tokens and pids, but never a descriptor; signals are numbers it passes on. A token is given once
//! and never again, and no action names a token whose process was reaped. Nothing a child says can
//! make it panic, and no deadline or delay overflows.
//!
//! ```
//! use hearken_core::action::Action;
//! use hearken_core::backoff::Backoff;
//! use hearken_core::evidence::Ending;
//! use hearken_core::identity::UnitName;
//! use hearken_core::moment::Moment;
//! use hearken_core::policy::{
//!     OnDependencyRestart, OnLimit, Ready, RestartPolicy, RestartWhen, Role, StopPolicy, UnitPolicy,
//! };
//! use hearken_core::supervision::{Event, Plan, Supervision, WhenIdle};
//! use std::time::Duration;
//!
//! let (delay, minute) = (Duration::from_millis(200), Duration::from_secs(60));
//! let web = UnitPolicy {
//!     name: UnitName::new("web")?,
//!     instances: 1,
//!     role: Role::Service,
//!     critical: false,
//!     restart: RestartPolicy {
//!         when: RestartWhen::OnFailure,
//!         backoff: Backoff::new(delay, minute)?,
//!         settle: minute,
//!         limit: None,
//!         on_limit: OnLimit::Fail,
//!     },
//!     stop: StopPolicy { signal: 15, grace: Duration::from_secs(10) },
//!     ready: Ready::Started,
//!     start_timeout: None,
//!     after: Vec::new(),
//!     on_dependency_restart: OnDependencyRestart::Keep,
//!     rules: [].into(),
//!     watchdog: None,
//!     progress_timeout: None,
//!     health: None,
//! };
//! let (units, groups, starts) = (vec![web], Vec::new(), Default::default());
//! let mut core =
//!     Supervision::new(Plan { units, groups, starts, when_idle: WhenIdle::Stay, seed: 7 });
//!
//! let now = Moment::START;
//! core.handle(now, Event::Boot);
//! let Some(Action::Spawn { token, .. }) = core.poll_action() else { panic!("it starts") };
//! core.handle(now, Event::Spawned(token, 4711));
//!
//! // A crash: once its line is drained as well, it is judged, and comes back after its delay.
//! let now = now + minute;
//! core.handle(now, Event::Exited(token, Ending::Exited(1)));
//! core.handle(now, Event::Drained(token));
//! assert_eq!(core.poll_timeout(), Some(now + delay));
//!
//! core.handle_timeout(now + delay);
//! let again = std::iter::from_fn(|| core.poll_action()).last();
//! assert!(matches!(again, Some(Action::Spawn { incarnation: 2, .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod account;
pub mod action;
pub mod backoff;
pub mod budget;
pub mod evidence;
pub mod gate;
pub mod glob;
pub mod identity;
pub mod instance;
pub mod jitter;
pub mod judge;
pub mod kind;
pub mod moment;
pub mod policy;
pub mod pool;
pub mod rule;
pub mod supervision;
pub mod task;
pub mod unit;
pub mod verdict;
