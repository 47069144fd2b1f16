#![forbid(unsafe_code)]
//! The decisions of hearken.
pub mod action;
pub mod backoff;
pub mod budget;
pub mod evidence;
pub mod gate;
pub mod identity;
pub mod instance;
pub mod jitter;
pub mod judge;
pub mod kind;
pub mod moment;
pub mod policy;
pub mod supervision;
pub mod unit;
