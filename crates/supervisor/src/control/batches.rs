//! Batches: how they stand, taking them back, and their results together.

use super::collect::{self, Format, Order};
use super::connection::Visit;
use super::problem::Problem;
use super::query::{self, Query};
use super::routes::{Named, json, name};
use super::shown::BatchShown;
use crate::tasks::Refused;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use hearken_core::task::BatchId;
use hearken_store::BatchRecord;
use serde::Serialize;

/// `GET /v1/batches/{id}`.
pub(super) async fn show(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
) -> Result<Response, Problem> {
    query::none(&uri)?;
    let id = query::id(&name(named)?, Problem::no_batch)?;
    let batch = find(&visit, id).await?;
    Ok(json(StatusCode::OK, &BatchShown::new(batch)))
}

async fn find(visit: &Visit, id: BatchId) -> Result<BatchRecord, Problem> {
    let found: Option<BatchRecord> = visit
        .client
        .read(move |store, found: &mut Option<BatchRecord>| {
            if found.is_none() {
                *found = store.batch(id)?;
            }
            Ok(())
        })
        .await?;
    found.ok_or_else(|| Problem::no_batch(id))
}

#[derive(Debug, Serialize)]
struct Cancelled {
    id: String,
    cancelled: u64,
}

/// `POST /v1/batches/{id}/cancel`.
pub(super) async fn cancel(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
) -> Result<Response, Problem> {
    query::none(&uri)?;
    let id = query::id(&name(named)?, Problem::no_batch)?;
    match visit.client.cancel_batch(id).await {
        Ok(cancelled) => Ok(json(StatusCode::OK, &Cancelled { id: id.to_string(), cancelled })),
        Err(Refused::NoBatch(_)) => {
            // The pools know of open ones only.
            let ended = find(&visit, id).await?.ended;
            let how = ended.map_or("not open in any pool", |(end, _)| end.as_str());
            let message = format!("the batch {id} is {how}");
            let help = "there is nothing to cancel";
            Err(Problem::new(StatusCode::CONFLICT, "wrong_state", message, help))
        }
        Err(other) => Err(other.into()),
    }
}

/// `GET /v1/batches/{id}/results`.
pub(super) async fn results(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
) -> Result<Response, Problem> {
    let id = query::id(&name(named)?, Problem::no_batch)?;
    let mut query = Query::of(&uri)?;
    let format = query.read("format", "write ndjson, json or csv", str::parse::<Format>)?;
    let order = query.read("order", "write input or completion", str::parse::<Order>)?;
    query.close()?;
    find(&visit, id).await?;
    collect::answer(&visit, id, format.unwrap_or_default(), order.unwrap_or_default()).await
}
