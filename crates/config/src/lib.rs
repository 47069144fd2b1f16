#![forbid(unsafe_code)]
//! The TOML of hearken: checked values, and diagnostics that point at the line.
//!
//! ```text
//! file ── trust ── text ── syntax ── spanned tables ── knobs ── Config      (no problem)
//!                                                        └───── ConfigErrors (all problems at once)
//! ```
//!
//! [`Config::load`] opens and checks the file, [`Config::parse`] takes a text. Both read every key
//! of every table before they answer: one run names all problems, each with file, line, column, the
//! line itself with a caret, and a help line that says the next step.
//!
//! One knob is one file: its type, its reading, its checks and its shape in the JSON schema stand
//! together in `unit/*`, `service/*`, `pool/*`, `rule/*`, `group/*` and `supervisor/*`. What they share stands in `read/`.
//!
//! Architecture invariant: nothing here starts, stops or waits for anything; a [`Config`] that was
//! returned needs no further check.

mod config;
mod diagnostic;
mod group;
mod load;
mod pool;
mod read;
mod rule;
mod schema;
mod service;
mod source;
mod supervisor;
mod syntax;
#[cfg(test)]
mod testing;
mod trust;
mod unit;
mod units;

pub use config::Config;
pub use diagnostic::{ConfigErrors, Diagnostic, Severity};
pub use load::{CONFIG_MAX, LoadOptions, Loaded};
pub use pool::Pool;
pub use pool::durability::Durability;
pub use pool::exec::{Exec, Input, ResultForm};
pub use pool::forget::Forget;
pub use pool::placeholder;
pub use read::variables::Variables;
pub use schema::schema;
pub use service::Service;
pub use service::check::Check;
pub use service::check::address::Address;
pub use service::check::http::HttpCheck;
pub use service::ready::Readiness;
pub use service::ready::log::LogPattern;
pub use supervisor::Supervisor;
pub use supervisor::control::{Control, SOCKET_PATH_MAX};
pub use supervisor::log::{Log, LogFormat, LogLevel};
pub use supervisor::when_idle::WhenIdle;
pub use trust::Caller;
pub use unit::line::LineMode;
pub use unit::program::Program;
