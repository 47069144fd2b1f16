//! The promises of hearken, each kept by the real binary with real processes.
//!
//! A test writes a config, starts hearken and waits for log events, never for a sleep: what it
//! waits for has a deadline, and a failure prints the whole log. `HEARKEN_UNDER_TEST=/path` points
//! the suite at an installed binary. A test that lacks something prints `skipped:` and why;
//! `HEARKEN_TESTS_MAY_SKIP=none` makes that a failure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly and in the open"
)]

mod harness;

mod config;
mod console;
mod control;
mod daemon;
mod dependencies;
mod emit;
mod environment;
mod examples;
mod exec;
mod exec_ends;
mod fork_server;
mod frozen;
mod groups;
mod health;
mod idle;
mod incidents;
mod ledger;
mod liveness;
mod load;
mod map;
mod namespace;
mod newline;
mod nothing_lost;
mod notify;
mod order;
mod output;
mod pools;
mod pools_batches;
mod pools_clocks;
mod pools_hostile;
mod pools_loss;
mod pools_results;
mod pools_retry;
mod pools_scale;
mod precedence;
mod probes;
mod programs;
mod protocol;
mod readiness;
mod restart;
mod rules;
mod sandbox;
mod sdk;
mod secrets;
mod simulate;
mod stall;
mod start_failed;
mod stop;
mod table;
mod tasks_cli;
mod why;
mod words;
mod worker_check;
