//! placeholder
mod action;
mod policy;

pub use action::{
    Action, CancelReason, Ceiling, DeadBy, Event, Handle, RecycleCause, Report, Said,
    TaskDecidedBy, TaskNext, Waiting,
};
pub use policy::{Clocks, PoolPolicy, Recycle, RetryBudget, RetryPolicy, WorkMode};
