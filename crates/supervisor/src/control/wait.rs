//! Waiting for the end of a task.

use super::connection::Visit;
use super::problem::Problem;
use crate::tasks::{Told, Watch};
use hearken_core::task::TaskId;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The longest wait.
pub(super) const MAX: Duration = Duration::from_secs(3600);

/// How many words may lie unread; all but the last are passed over.
const WORDS: usize = 1;

/// Waits until the task has ended, or so much time is over; `is_over` says whether it had ended
/// before. Where too many of this user wait already, it does not: the answer comes at once, and says
/// how the task stands.
///
/// # Errors
/// If the task cannot be watched.
pub(super) async fn for_end<F: Future<Output = Result<bool, Problem>>>(
    visit: &Visit,
    task: TaskId,
    time: Duration,
    is_over: impl FnOnce() -> F,
) -> Result<(), Problem> {
    let Ok(_seat) = visit.waits.try_acquire() else { return Ok(()) };
    let until = Instant::now() + time;
    // Before the look: an end between the two is heard.
    let mut ears = visit.client.watch(Watch::Task(task), WORDS).await?;
    if is_over().await? {
        return Ok(());
    }
    while let Ok(Some(told)) = timeout_at(until, ears.hear()).await {
        match told {
            Told::Ended(_) => break,
            Told::Started { .. }
            | Told::Progress { .. }
            | Told::Retrying { .. }
            | Told::PoolFailed(_) => {}
        }
    }
    Ok(())
}
