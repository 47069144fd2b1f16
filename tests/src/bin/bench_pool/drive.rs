//! Tasks through a pool, as a front end submits them and hears of their ends.

use hearken_core::pool::TaskNext;
use hearken_proto::Raw;
use hearken_supervisor::tasks::{Client, Ears, Submission, TaskSpec, Told, Watch};
use nix::sys::resource::{UsageWho, getrusage};
use std::time::{Duration, Instant};

/// How many tasks one submission holds.
const GROUP: u64 = 500;
/// How many tasks may be submitted and not ended.
const AHEAD: u64 = 4 * GROUP;
/// How long the workers may take until all of them wait for tasks.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    /// These are measured.
    pub(crate) tasks: u64,
    /// So many are done before.
    pub(crate) before: u64,
    /// By so many workers.
    pub(crate) workers: u32,
}

impl Amount {
    /// A tenth is done before anything is measured.
    pub(crate) fn of(tasks: u64, workers: u32) -> Self {
        Self { tasks, before: tasks / 10, workers }
    }
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// How many tasks, frames or rows.
    pub(crate) count: u64,
    /// From the first submission to the last end.
    pub(crate) seconds: f64,
    /// Processor time of the supervisor alone, or of SQLite, in seconds.
    pub(crate) processor: f64,
    /// How many commits its store made, if it has one.
    pub(crate) commits: u64,
}

/// Does them all. Ends the process if any does not succeed: what is measured then is worth nothing.
pub(crate) async fn measure(client: &Client, pool: &str, amount: Amount) -> Measured {
    let watch = Watch::Pool(pool.into());
    // No room for anything but ends.
    let mut ears = client.watch(watch, 0).await.expect("a supervisor that runs");
    await_workers(client, amount.workers).await;
    do_all(client, &mut ears, pool, amount.before).await;
    let (began, before) = (Instant::now(), processor());
    do_all(client, &mut ears, pool, amount.tasks).await;
    Measured {
        count: amount.tasks,
        seconds: began.elapsed().as_secs_f64(),
        processor: processor() - before,
        commits: 0,
    }
}

/// Waits until every worker that there is waits for a task. In mode exec there is none.
async fn await_workers(client: &Client, wanted: u32) {
    let until = Instant::now() + PATIENCE;
    loop {
        let standings = client.pools().await.expect("a supervisor that runs");
        let counts = standings.first().expect("a pool").counts;
        if counts.workers == 0 || counts.idle >= wanted {
            return;
        }
        assert!(Instant::now() < until, "the workers are not ready: {counts:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn do_all(client: &Client, ears: &mut Ears, pool: &str, tasks: u64) {
    let (mut submitted, mut ended) = (0, 0);
    while ended < tasks {
        while submitted < tasks && submitted - ended <= AHEAD - GROUP {
            let group = GROUP.min(tasks - submitted);
            let payload = Raw::from_value(&submitted).expect("a number is a value");
            let specs = (0..group).map(|_| TaskSpec::new(payload.clone())).collect();
            let submission = Submission { pool: pool.into(), tasks: specs, batch: None };
            client.submit(submission).await.expect("a pool that takes tasks");
            submitted += group;
        }
        match ears.hear().await.expect("a supervisor that runs") {
            Told::Ended(end) => {
                assert_eq!(end.next, TaskNext::Succeeded, "{end:?}");
                ended += 1;
            }
            Told::PoolFailed(why) => panic!("{why}"),
            Told::Started { .. } | Told::Progress { .. } | Told::Retrying { .. } => {}
        }
    }
}

/// Processor time of this process, all its threads, in seconds.
pub(crate) fn processor() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("it cannot fail for oneself");
    let seconds = |time: nix::sys::time::TimeVal| {
        Duration::from_micros(
            u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0),
        )
    };
    (seconds(usage.user_time()) + seconds(usage.system_time())).as_secs_f64()
}
