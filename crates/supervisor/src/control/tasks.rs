//! Tasks one by one and as a list.

use super::connection::Visit;
use super::problem::Problem;
use super::query::{self, Query};
use super::routes::{Named, json, name};
use super::shown::{self, HistoryShown, PoolShown, TaskShown};
use super::wait;
use crate::simulate::duration;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use hearken_core::task::{TaskId, TaskState};
use hearken_store::{Filter, History, Listed, Page};
use serde::Serialize;
use std::time::Duration;

/// How many tasks a list has if nobody says.
const LIMIT: usize = 100;

#[derive(Debug, Serialize)]
struct List {
    tasks: Vec<TaskShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    pools: Vec<PoolShown>,
}

/// `GET /v1/tasks`.
pub(super) async fn list(State(visit): State<Visit>, uri: Uri) -> Result<Response, Problem> {
    let filter = filter(&uri)?;
    let page = page(&visit, filter).await?;
    let list = List {
        tasks: page.tasks.into_iter().map(TaskShown::from).collect(),
        next: page.next.map(|next| next.to_string()),
        pools: shown::pools(&visit.client).await?,
    };
    Ok(json(StatusCode::OK, &list))
}

fn filter(uri: &Uri) -> Result<Filter, Problem> {
    let mut query = Query::of(uri)?;
    let states = TaskState::ALL.map(TaskState::as_str).join(", ");
    let state = |text: &str| TaskState::named(text).ok_or(format!("{text:?} is no state"));
    let newest = |text: &str| match text {
        "newest" => Ok(true),
        "oldest" => Ok(false),
        other => Err(format!("{other:?} is no order")),
    };
    let limits = format!("write a number from 1 to {}", hearken_store::MAX_PAGE);
    let limit = |text: &str| {
        let within = |limit: &usize| (1..=hearken_store::MAX_PAGE).contains(limit);
        text.parse().ok().filter(within).ok_or(format!("{text:?} is no limit"))
    };
    let filter = Filter {
        pool: query.take("pool").map(|pool| pool.as_ref().into()),
        state: query.read("state", &format!("the states are {states}"), state)?,
        batch: query.read("batch", "write the id of a batch", str::parse)?,
        kind: query.take("type").map(|kind| kind.as_ref().into()),
        after: query.read("after", "write the `next` of the page before", str::parse)?,
        limit: query.read("limit", &limits, limit)?.unwrap_or(LIMIT),
        newest_first: query.read("order", "write newest or oldest", newest)?.unwrap_or(true),
    };
    query.close()?;
    Ok(filter)
}

/// A page of what all stores have.
///
/// # Errors
/// If a store cannot be read.
pub(super) async fn page(visit: &Visit, filter: Filter) -> Result<Page, Problem> {
    let asked = filter.clone();
    let pages: Vec<Page> = visit
        .client
        .read(move |store, pages: &mut Vec<Page>| {
            pages.push(store.query(&asked)?);
            Ok(())
        })
        .await?;
    Ok(merged(pages, &filter))
}

/// One page of several. What lies behind the end of a page that goes on is left for the next: the
/// store it came from may have others before it.
fn merged(pages: Vec<Page>, filter: &Filter) -> Page {
    let newest = filter.newest_first;
    let ends = pages.iter().filter_map(|page| page.next);
    let end = if newest { ends.max() } else { ends.min() };
    let within = |task: &Listed| match end {
        Some(end) if newest => task.record.id >= end,
        Some(end) => task.record.id <= end,
        None => true,
    };
    let mut tasks: Vec<_> = pages.into_iter().flat_map(|page| page.tasks).filter(within).collect();
    tasks.sort_unstable_by_key(|task| task.record.id);
    if newest {
        tasks.reverse();
    }
    if tasks.len() <= filter.limit {
        return Page { tasks, next: end };
    }
    tasks.truncate(filter.limit);
    let next = tasks.last().map(|task| task.record.id);
    Page { tasks, next }
}

/// `GET /v1/tasks/{id}`.
pub(super) async fn show(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
) -> Result<Response, Problem> {
    let id: TaskId = query::id(&name(named)?, Problem::no_task)?;
    let mut query = Query::of(&uri)?;
    let help = format!("write it as in the config: 30s; at most {}s", wait::MAX.as_secs());
    let wait = query.read("wait", &help, waited)?;
    query.close()?;
    if let Some(time) = wait {
        let is_over =
            || async { Ok(history(&visit, id).await?.is_none_or(|it| it.record.state.is_final())) };
        wait::for_end(&visit, id, time, is_over).await?;
    }
    let history = history(&visit, id).await?.ok_or_else(|| Problem::no_task(id))?;
    let live = match history.record.state {
        TaskState::Running => visit.client.live(id).await?,
        TaskState::Held
        | TaskState::Waiting
        | TaskState::Succeeded
        | TaskState::Dead
        | TaskState::Cancelled
        | TaskState::Expired => None,
    };
    Ok(json(StatusCode::OK, &HistoryShown::new(*history, live)))
}

fn waited(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time > wait::MAX { Err(format!("{text} is too long")) } else { Ok(time) }
}

/// Everything that is kept of a task.
///
/// # Errors
/// If a store cannot be read.
pub(super) async fn history(visit: &Visit, id: TaskId) -> Result<Option<Box<History>>, Problem> {
    let found = visit.client.read(move |store, found: &mut Option<Box<History>>| {
        if found.is_none() {
            *found = store.show(id)?;
        }
        Ok(())
    });
    Ok(found.await?)
}

#[derive(Debug, Serialize)]
struct Changed {
    id: String,
    state: &'static str,
}

fn changed(id: TaskId, state: TaskState) -> Response {
    json(StatusCode::OK, &Changed { id: id.to_string(), state: state.as_str() })
}

/// `POST /v1/tasks/{id}/retry`.
pub(super) async fn retry(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
) -> Result<Response, Problem> {
    query::none(&uri)?;
    let id = query::id(&name(named)?, Problem::no_task)?;
    Ok(changed(id, visit.client.retry(id).await?))
}

/// `POST /v1/tasks/{id}/cancel`.
pub(super) async fn cancel(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
) -> Result<Response, Problem> {
    query::none(&uri)?;
    let id = query::id(&name(named)?, Problem::no_task)?;
    Ok(changed(id, visit.client.cancel(id).await?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::listed;
    use super::*;

    fn page_of(ids: &[u128], next: Option<u128>) -> Page {
        let tasks = ids.iter().map(|id| listed(*id)).collect();
        Page { tasks, next: next.map(TaskId::from_u128) }
    }

    fn merge(pages: Vec<Page>, newest_first: bool, limit: usize) -> (Vec<u128>, Option<u128>) {
        let page = merged(pages, &Filter { newest_first, limit, ..Filter::all() });
        let ids = page.tasks.iter().map(|task| task.record.id.to_u128()).collect();
        (ids, page.next.map(TaskId::to_u128))
    }

    #[test]
    fn pages_of_two_stores_are_one() {
        let both = || vec![page_of(&[1, 4], None), page_of(&[2, 3], None)];
        assert_eq!(merge(both(), false, 9), (vec![1, 2, 3, 4], None));
        assert_eq!(merge(both(), true, 9), (vec![4, 3, 2, 1], None));
        assert_eq!(merge(both(), false, 3), (vec![1, 2, 3], Some(3)));
        assert_eq!(merge(both(), true, 3), (vec![4, 3, 2], Some(2)));
        assert_eq!(merge(Vec::new(), true, 3), (Vec::new(), None));
    }

    #[test]
    fn what_lies_behind_the_end_of_a_page_that_goes_on_waits_for_the_next() {
        let pages = vec![page_of(&[1, 2], Some(2)), page_of(&[3, 5], Some(5))];
        assert_eq!(merge(pages, false, 2), (vec![1, 2], Some(2)));
        let pages = vec![page_of(&[9, 8], Some(8)), page_of(&[7, 1], None)];
        assert_eq!(merge(pages, true, 2), (vec![9, 8], Some(8)));
        // A page may end early, and empty.
        let pages = vec![page_of(&[], Some(4)), page_of(&[3, 5], None)];
        assert_eq!(merge(pages, false, 9), (vec![3], Some(4)));
    }
}
