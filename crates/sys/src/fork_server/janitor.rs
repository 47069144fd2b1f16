//! What happens to the children when their supervisor is dead.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};

use crate::procfs::{Process, processes};
use crate::{PidFd, Sent, Signal, signal_groups};

/// After this the janitor leaves, whatever still lives: what SIGKILL has not ended by then is in
/// state D.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between the first two rounds; then twice as long each time, because what is left after the
/// first few needs time, not another signal.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// From this pause on it looks who still lives. Before, most groups are gone without that, and
/// a walk over /proc costs more than a round.
const LOOK: Duration = Duration::from_millis(4);

/// Kills the group of every child until none is left that lives.
pub(super) fn clear_away<'a>(children: impl Iterator<Item = &'a PidFd>) {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    let mut left: Vec<&PidFd> = children.collect();
    while !left.is_empty() && Instant::now() < deadline {
        // In rounds, because a member may be forking while it is killed. One that was hit may be
        // dying, so only the round that finds nobody says that a group is empty.
        let mut done = signal_groups(&left, Signal::KILL).into_iter();
        left.retain(|_| done.next() != Some(Ok(Sent::Gone)));
        if pause >= LOOK {
            let living = living_groups();
            left.retain(|leader| living.contains(&leader.pid().get()));
        }
        if !left.is_empty() {
            // Nothing tells when the last member of a group dies: only its leader has a pidfd.
            let _nothing_to_poll_for = poll(&mut [], Timespec::try_from(pause).ok().as_ref());
            pause *= 2;
        }
    }
}

/// The groups with a member that has not ended. A zombie answers to a signal like the living, until
/// init reaps it; the next supervisor shall not wait for that.
fn living_groups() -> BTreeSet<i32> {
    processes().filter(|process| !process.ended).map(|Process { group, .. }| group).collect()
}
