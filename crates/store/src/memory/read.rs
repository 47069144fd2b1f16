//! What can be asked of the tasks in memory.

use super::{Kept, MemoryStore};
use crate::limits::QUERY_SCAN;
use crate::{
    BatchRecord, Count, Filter, History, Listed, Page, Pending, Pieces, Read, StoreError,
    StoredResult,
};
use hearken_core::task::{BatchId, TaskId, TaskState};
use std::ops::Bound::{Excluded, Unbounded};

impl Kept {
    /// The JSON of its last error, if that try is still in its history.
    pub(super) fn last_error(&self) -> Option<&str> {
        let number = self.record.error_attempt?;
        self.attempts.iter().rfind(|attempt| attempt.number == number)?.error.as_deref()
    }
}

impl Read for MemoryStore {
    fn waiting(&mut self, after: Option<TaskId>, limit: usize) -> Result<Vec<Pending>, StoreError> {
        Ok(self
            .tasks
            .range((after.map_or(Unbounded, Excluded), Unbounded))
            .map(|(_, kept)| &kept.record)
            .filter(|record| record.state == TaskState::Waiting)
            .take(limit)
            .map(crate::Record::pending)
            .collect())
    }

    fn open_batches(
        &mut self,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, StoreError> {
        Ok(self
            .batches
            .range((after.map_or(Unbounded, Excluded), Unbounded))
            .map(|(_, batch)| batch)
            .filter(|batch| batch.ended.is_none())
            .take(limit)
            .cloned()
            .collect())
    }

    fn query(&mut self, filter: &Filter) -> Result<Page, StoreError> {
        let edge = filter.after.map_or(Unbounded, Excluded);
        if filter.newest_first {
            Ok(page(self.tasks.range((Unbounded, edge)).rev(), filter))
        } else {
            Ok(page(self.tasks.range((edge, Unbounded)), filter))
        }
    }

    fn show(&mut self, id: TaskId) -> Result<Option<Box<History>>, StoreError> {
        let Some(kept) = self.tasks.get(&id) else { return Ok(None) };
        let batch = kept.record.batch.and_then(|batch| self.batches.get(&batch)).cloned();
        Ok(Some(Box::new(History {
            record: kept.record.clone(),
            input: kept.input.clone(),
            checkpoint: kept.checkpoint.clone(),
            attempts: kept.attempts.clone(),
            batch,
        })))
    }

    fn batch(&mut self, id: BatchId) -> Result<Option<BatchRecord>, StoreError> {
        Ok(self.batches.get(&id).cloned())
    }

    fn result(&mut self, id: TaskId) -> Result<Option<StoredResult>, StoreError> {
        let found = self.tasks.get(&id).and_then(|kept| {
            let number = kept.record.result_attempt?;
            let attempt = kept.attempts.iter().rfind(|attempt| attempt.number == number)?;
            let meta = attempt.result.clone()?;
            Some(StoredResult {
                content_type: meta.content_type,
                summary: meta.summary,
                length: meta.length,
                pieces: Pieces::new(kept.result.clone().into_iter().map(Ok)),
            })
        });
        Ok(found)
    }

    fn counts(&mut self) -> Result<Vec<Count>, StoreError> {
        Ok(self.tally.counts())
    }
}

fn page<'a>(mut tasks: impl Iterator<Item = (&'a TaskId, &'a Kept)>, filter: &Filter) -> Page {
    let limit = filter.page_size();
    let mut page = Page { tasks: Vec::new(), next: None };
    let mut last = None;
    for (id, kept) in tasks.by_ref().take(QUERY_SCAN) {
        if filter.shows(&kept.record) {
            if page.tasks.len() == limit {
                page.next = last;
                return page;
            }
            let last_error = kept.last_error().map(Into::into);
            page.tasks.push(Listed { record: kept.record.clone(), last_error });
        }
        last = Some(*id);
    }
    if tasks.next().is_some() {
        page.next = last;
    }
    page
}
