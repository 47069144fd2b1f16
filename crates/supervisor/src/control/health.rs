//! Whether it works, and how the pools stand.

use super::connection::Visit;
use super::problem::Problem;
use super::query;
use super::routes::json;
use super::shown::{self, PoolShown};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Health {
    /// `ok`, or `degraded`: some pool takes no tasks, or does none.
    status: &'static str,
    version: &'static str,
    pid: i32,
    trouble: Vec<Trouble>,
}

#[derive(Debug, Serialize)]
struct Trouble {
    pool: std::sync::Arc<str>,
    message: std::sync::Arc<str>,
}

/// `GET /v1/health`. A pool in trouble is no reason to take the whole for ill: services run on.
pub(super) async fn health(State(visit): State<Visit>, uri: Uri) -> Result<Response, Problem> {
    query::none(&uri)?;
    let pools = visit.client.pools().await?;
    let trouble: Vec<_> = pools
        .into_iter()
        .filter_map(|it| Some(Trouble { pool: it.pool, message: it.trouble? }))
        .collect();
    let health = Health {
        status: if trouble.is_empty() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        pid: hearken_sys::Pid::own().get(),
        trouble,
    };
    Ok(json(StatusCode::OK, &health))
}

#[derive(Debug, Serialize)]
struct Pools {
    pools: Vec<PoolShown>,
}

/// `GET /v1/pools`.
pub(super) async fn pools(State(visit): State<Visit>, uri: Uri) -> Result<Response, Problem> {
    query::none(&uri)?;
    Ok(json(StatusCode::OK, &Pools { pools: shown::pools(&visit.client).await? }))
}
