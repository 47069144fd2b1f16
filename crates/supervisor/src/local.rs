//! A supervisor of one pool and nothing else, for as long as a front end has tasks for it: no
//! daemon, no socket, no file left behind.

use crate::boot::{Ground, Place, UpError, run};
use crate::logs::Outlet;
use crate::tasks::Client;
use hearken_config::{Config, Exec, Input, LoadOptions, Loaded, Program, ResultForm};
use hearken_core::action::Outcome;
use hearken_core::pool::WorkMode;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the pool.
pub(crate) const POOL: &str = "map";

/// What the pool does, and how.
#[derive(Debug, Clone)]
pub(crate) struct LocalPool {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// How it gets its tasks.
    pub(crate) mode: WorkMode,
    /// Where it runs.
    pub(crate) directory: PathBuf,
    /// What it finds in its environment, beside what hearken sets.
    pub(crate) environment: BTreeMap<String, String>,
    /// How many processes there are at once: 1 or more.
    pub(crate) workers: u32,
    /// How often a task is tried, whatever it fails by: 1 or more.
    pub(crate) attempts: u32,
    /// How long a task waits after its first failure; it doubles from failure to failure.
    pub(crate) retry_delay: Duration,
    /// How long one try may take; `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    /// How long a task or a process has, once it is asked to end, until it is killed.
    pub(crate) grace: Duration,
    /// How long a payload may be, in bytes, if it does not go into arguments.
    pub(crate) max_payload: u64,
    /// In exec mode: where the payload goes.
    pub(crate) input: Input,
    /// In exec mode: what standard output comes to.
    pub(crate) result: ResultForm,
}

/// How often a task may be put off by what a worker says, `rate_limited` above all. A run is to have
/// an end.
const SNOOZES: u32 = 100;

/// How often in a row a worker may end without having been ready. One that cannot work at all must
/// end the run; one that is taken along by a task need not, however often that happens.
const NEVER_READY: u32 = 3;

impl LocalPool {
    /// As a config: what the defaults of a pool are is written there and nowhere else.
    fn config(self) -> Result<Config, UpError> {
        let mode = match self.mode {
            WorkMode::Line => "line",
            WorkMode::Exec => "exec",
        };
        let ms = |time: Duration| format!("{}ms", time.as_millis().max(1));
        let max_delay = self.retry_delay.max(Duration::from_secs(60));
        let mut text = format!(
            "[pool.{POOL}]\ncommand = [\"true\"]\nmode = \"{mode}\"\nworkers = {}\n\
             task_timeout = \"{}\"\ndurability = \"memory\"\nqueue = \"unlimited\"\n\
             retry = {{ attempts = {attempts}, crashes = {attempts}, snoozes = {SNOOZES}, \
             delay = \"{}\", max_delay = \"{}\" }}\nmax_result = \"1GiB\"\nmax_payload = \"{}B\"\n\
             cancel_grace = \"{grace}\"\nstop = {{ timeout = \"{grace}\" }}\n",
            self.workers.max(1),
            self.timeout.map_or("never".to_owned(), ms),
            ms(self.retry_delay),
            ms(max_delay),
            self.max_payload,
            attempts = self.attempts.max(1),
            grace = ms(self.grace),
        );
        if self.mode == WorkMode::Exec {
            // Nobody corrects a configuration while a list is worked on.
            let _infallible = write!(
                text,
                "[[pool.{POOL}.rule]]\nmatch = {{ kind = \"config\" }}\ntask = \"dead_letter\"\n\
                 instance = \"keep\"\nunit = \"none\"\n"
            );
        }
        if self.mode == WorkMode::Line {
            // One that succeeds at once, without the farewell of an SDK, is no worker. (A success is no
            // failure that could be counted.)
            let _infallible = write!(
                text,
                "restart = {{ limit = \"unlimited\", delay = \"50ms\" }}\n\
                 [[pool.{POOL}.rule]]\nunit = \"fail\"\n\
                 match = {{ exit_code = 0, uptime = {{ below = \"5s\" }} }}\n"
            );
            // However it ends: what it says while it runs is about its tasks.
            // (A rule names at most 32 exit codes.)
            let codes: Vec<_> = (0..=255).map(|code: u8| code.to_string()).collect();
            let exits = codes.chunks(32).map(|codes| format!("exit_code = [{}]", codes.join(",")));
            for end in exits.chain(["kind = \"crashed\"".to_owned()]) {
                let _infallible = write!(
                    text,
                    "[[pool.{POOL}.rule]]\nunit = \"fail\"\n\
                     match = {{ {end}, attempt = {{ at_least = {NEVER_READY} }} }}\n"
                );
            }
        }
        let Loaded { mut config, .. } =
            Config::parse("hearken map", &text, &LoadOptions::default())?;
        // The words of the command line are taken as they are: nothing in them is expanded.
        for pool in &mut config.pools {
            pool.unit.program = Program::Command(self.command.clone());
            pool.unit.directory.clone_from(&self.directory);
            pool.unit.environment.clone_from(&self.environment);
            // Whoever was ready can work: what ended it says nothing about the next.
            pool.unit.policy.restart.settle = Duration::ZERO;
            pool.exec = (self.mode == WorkMode::Exec)
                .then_some(Exec { input: self.input, result: self.result });
        }
        Ok(config)
    }
}

/// Runs the pool, and `front` beside it, until `front` has it shut down and has ended itself. Must
/// be called on the main thread, before any other exists.
///
/// # Errors
/// Why it did not come up.
pub(crate) fn run_local<F: Future<Output = ()> + Send + 'static>(
    ground: Ground,
    pool: LocalPool,
    outlet: Outlet,
    front: impl FnOnce(Client) -> F,
) -> Result<Outcome, UpError> {
    let config = pool.config()?;
    run(ground, config, Place { state: None, warnings: &[], outlet: Some(outlet) }, front)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(mode: WorkMode) -> LocalPool {
        LocalPool {
            command: vec!["${X}".to_owned(), "{}".to_owned()],
            mode,
            directory: "/".into(),
            environment: BTreeMap::new(),
            workers: 3,
            attempts: 4,
            retry_delay: Duration::from_secs(90),
            timeout: Some(Duration::from_millis(1500)),
            grace: Duration::from_secs(2),
            max_payload: 15 << 20,
            input: Input::Arguments,
            result: ResultForm::Bytes,
        }
    }

    #[test]
    fn a_pool_is_what_was_asked_for() {
        for mode in [WorkMode::Line, WorkMode::Exec] {
            let config = pool(mode).config().unwrap();
            let [pool] = &config.pools[..] else { panic!("{config:?}") };
            assert_eq!(pool.unit.program, Program::Command(vec!["${X}".into(), "{}".into()]));
            assert_eq!((pool.policy.mode, pool.policy.max), (mode, 3));
            let retry = &pool.policy.retry;
            assert_eq!((retry.attempts, retry.crashes), (Some(4), Some(4)));
            assert_eq!(retry.backoff.delay(), Duration::from_secs(90));
            assert_eq!(pool.policy.clocks.hard, Some(Duration::from_millis(1500)));
            assert_eq!(pool.max_payload, 15 << 20);
            assert_eq!(pool.exec.is_some(), mode == WorkMode::Exec);
        }
    }
}
