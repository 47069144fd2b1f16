//! What every store can do.

use crate::{
    BatchRecord, Command, Count, Filter, History, Page, Pending, Reply, StoreError, StoredResult,
};
use hearken_core::task::{BatchId, TaskId};

/// The reading side of a store. Nothing here changes anything.
pub trait Read {
    /// Tasks that wait, in the order of their ids, from behind `after` on: all of them, read page
    /// by page, are what the index in memory is built from. An empty page is the end.
    ///
    /// # Errors
    /// If they cannot be read, or are not what was written.
    fn waiting(&mut self, after: Option<TaskId>, limit: usize) -> Result<Vec<Pending>, StoreError>;

    /// Batches that have not ended, in the order of their ids, from behind `after` on. An empty
    /// page is the end.
    ///
    /// # Errors
    /// As [`Read::waiting`].
    fn open_batches(
        &mut self,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, StoreError>;

    /// A page of a list of tasks.
    ///
    /// # Errors
    /// As [`Read::waiting`].
    fn query(&mut self, filter: &Filter) -> Result<Page, StoreError>;

    /// Everything about one task; `None` if there is no such task.
    ///
    /// # Errors
    /// As [`Read::waiting`].
    fn show(&mut self, id: TaskId) -> Result<Option<Box<History>>, StoreError>;

    /// A batch; `None` if there is no such batch.
    ///
    /// # Errors
    /// As [`Read::waiting`].
    fn batch(&mut self, id: BatchId) -> Result<Option<BatchRecord>, StoreError>;

    /// The result of a task that succeeded with one; `None` for any other.
    ///
    /// # Errors
    /// As [`Read::waiting`].
    fn result(&mut self, id: TaskId) -> Result<Option<StoredResult>, StoreError>;

    /// How many tasks of each pool are in each state; none that would be 0.
    ///
    /// # Errors
    /// As [`Read::waiting`].
    fn counts(&mut self) -> Result<Vec<Count>, StoreError>;
}

/// A store of tasks.
///
/// What an answer of [`apply`](Store::apply) says is kept, as the store's kind promises: on disk
/// before the answer, or as long as the process lives.
pub trait Store: Read + Send {
    /// The epoch of the leases that may be given out: one more each time the store is opened.
    fn epoch(&self) -> u64;

    /// Does all these commands in one commit, in this order, and answers each at its place. A
    /// command that is refused changes nothing, and leaves the others as they are.
    ///
    /// # Errors
    /// If the commit failed: then none of the commands happened.
    fn apply(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, StoreError>;

    /// Does one command, in a commit of its own.
    ///
    /// # Errors
    /// As [`Store::apply`].
    fn apply_one(&mut self, command: Command) -> Result<Reply, StoreError> {
        let mut replies = self.apply(vec![command])?;
        Ok(replies.pop().expect("each command has its reply"))
    }
}
