//! The `hearken` program.
fn main() {}
