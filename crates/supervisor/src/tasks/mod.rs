//! The pools of a running supervisor.

mod client;

pub(crate) use client::{Answer, Request};
pub use client::{
    BatchSpec, Client, Ended, Live, PoolStanding, Refused, Submission, Submitted, TASKS_MAX,
    TaskSpec, Told, Watch,
};
