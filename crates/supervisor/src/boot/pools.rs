//! The pools of a config, with the stores they need.

use super::UpError;
use crate::clock::Clock;
use crate::events::{CommitsLost, CommitsUnknown, LeasesLost};
use crate::tasks::{Form, Opening, Stores, Tasks};
use hearken_config::{Config, Durability, Pool};
use hearken_core::identity::UnitIndex;
use hearken_core::pool::PoolPolicy;
use hearken_store::{MemoryStore, Opened, SqliteStore};
use std::path::Path;
use std::sync::Arc;

/// Opens the pools of this config. A store on a disk is opened only if a pool has one.
pub(crate) fn open(
    config: &Config,
    state: Option<&Path>,
    clock: Clock,
    seed: u64,
) -> Result<Tasks, UpError> {
    let has =
        |wanted: fn(Durability) -> bool| config.pools.iter().any(|pool| wanted(pool.durability));
    let max_result = config.pools.iter().map(|pool| pool.max_result).max().unwrap_or_default();
    let mut stores = Stores::default();
    if has(|durability| durability == Durability::Memory) {
        stores.memory = Some(MemoryStore::new(max_result));
    }
    if let Some(state) = state.filter(|_| has(|durability| durability != Durability::Memory)) {
        let durability = match has(|durability| durability == Durability::Strict) {
            true => hearken_store::Durability::Strict,
            false => hearken_store::Durability::Relaxed,
        };
        let store = SqliteStore::open(state, durability, max_result)?;
        tell(store.opened());
        stores.disk = Some(store);
    }
    let first = u32::try_from(config.services.len()).unwrap_or(u32::MAX);
    let pools = (first..).map(UnitIndex).zip(&config.pools).map(|(unit, pool)| of(unit, pool));
    Ok(Tasks::open(pools.collect(), stores, clock, seed)?)
}

/// Logs what the last life of a store left undone.
fn tell(opened: Opened) {
    let Opened { epoch: _, lost_leases, lost_commits, unwitnessed, orphans: _ } = opened;
    if lost_leases > 0 {
        LeasesLost { tasks: lost_leases }.emit();
    }
    if lost_commits > 0 {
        CommitsLost { commits: lost_commits }.emit();
    }
    if unwitnessed {
        CommitsUnknown {}.emit();
    }
}

fn of(unit: UnitIndex, pool: &Pool) -> (Opening, PoolPolicy, u32) {
    let opening = Opening {
        name: Arc::from(pool.unit.policy.name.as_str()),
        unit,
        durability: pool.durability,
        forget: pool.forget,
        max_payload: pool.max_payload,
        max_result: pool.max_result,
        logs: pool.logs,
        form: pool.exec.as_ref().map(|exec| Form(exec.result)),
    };
    (opening, pool.policy.clone(), pool.unit.policy.instances)
}
