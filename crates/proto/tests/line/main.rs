//! The line as its users see it: golden frames, the order of messages, and whatever bytes a child may send.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cases;
mod hostile;
mod rejected;
mod session;
mod vectors;
