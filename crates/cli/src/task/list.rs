//! `hearken task list`.

use super::answers::{Pool, Task, Tasks};
use super::daemon::{Asked, escaped};
use super::failure::Failure;
use super::place::Place;
use super::result;
use super::wait::because;
use crate::exit::Exit;
use crate::{complain, print};
use clap::Args;
use hearken_supervisor::why::{Now, safe};

#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this pool only.
    #[arg(long)]
    pool: Option<String>,
    /// In this state only: held, waiting, running, succeeded, dead, cancelled, expired.
    #[arg(long)]
    state: Option<String>,
    /// Of this type only.
    #[arg(long = "type", value_name = "NAME")]
    kind: Option<String>,
    /// Of this batch only.
    #[arg(long, value_name = "ID")]
    batch: Option<String>,
    /// Behind this task; where the list before ended.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// How many, at most 1000.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Print the same facts as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(list: &List) -> Result<Exit, Failure> {
    let daemon = list.place.daemon()?;
    let mut path = format!("/v1/tasks?limit={}", list.limit);
    let parameters = [
        ("pool", &list.pool),
        ("state", &list.state),
        ("type", &list.kind),
        ("batch", &list.batch),
        ("after", &list.after),
    ];
    for (name, value) in parameters {
        if let Some(value) = value {
            path += &format!("&{name}={}", escaped(value));
        }
    }
    if list.json {
        return result::copy(&daemon, &Asked::get(path));
    }
    let tasks: Tasks = daemon.json(&Asked::get(path))?;
    let exit = print(&table(&tasks, list.pool.as_deref(), &Now::here()));
    if let Some(next) = &tasks.next {
        complain(&format!("note: there are more: --after {next}"));
    }
    Ok(exit)
}

/// A line for each pool, and one for each task.
fn table(list: &Tasks, pool: Option<&str>, now: &Now) -> String {
    let mut out = String::new();
    for standing in list.pools.iter().filter(|it| pool.is_none_or(|pool| it.pool == pool)) {
        out += &safe(&standing_words(standing));
        out.push('\n');
    }
    if list.tasks.is_empty() {
        return out + "no tasks\n";
    }
    let head = ["ID", "POOL", "TYPE", "STATE", "TRIES", "SUBMITTED", "ERROR"].map(str::to_owned);
    let rows: Vec<_> =
        std::iter::once(head).chain(list.tasks.iter().map(|it| row(it, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..6).map(|column| width(column).unwrap_or_default()).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        let line: String = cells.collect::<String>() + &row[6];
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn row(task: &Task, now: &Now) -> [String; 7] {
    let kind = task.kind.as_deref().unwrap_or("-");
    let error = because(task.error.as_ref().filter(|_| !task.succeeded()));
    [
        safe(&task.id),
        safe(&task.pool),
        safe(kind),
        safe(&task.state),
        task.tries.to_string(),
        task.created.map(|at| now.clock(at)).unwrap_or_default(),
        error.trim_start_matches(": ").to_owned(),
    ]
}

/// `words (strict): 3 waiting, 1 dead; 2 workers, 1 idle`
fn standing_words(pool: &Pool) -> String {
    let Some(durability) = &pool.durability else {
        return format!("{} (no longer in the config): {}", pool.pool, counts(pool));
    };
    let workers = match pool.workers {
        1 => "1 worker".to_owned(),
        many => format!("{many} workers"),
    };
    let trouble = pool.trouble.as_ref().map(|why| format!("; {}", safe(why)));
    format!(
        "{} ({durability}): {}; {workers}, {} idle{}",
        pool.pool,
        counts(pool),
        pool.idle,
        trouble.unwrap_or_default()
    )
}

fn counts(pool: &Pool) -> String {
    if pool.tasks.is_empty() {
        return "no tasks".to_owned();
    }
    let counts = pool.tasks.iter().map(|(state, count)| format!("{count} {state}"));
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_how_the_pools_stand_and_has_a_line_for_each_task() {
        let list: Tasks = serde_json::from_str(
            r#"{"tasks":[
            {"id":"A","pool":"words","state":"dead","priority":5,"created":"2026-11-22T10:00:00Z","tries":3,
             "crashes":1,"snoozes":0,"error":{"kind":"bug","code":"x.y","message":"no\nway"}},
            {"id":"BB","pool":"words","type":"count","state":"succeeded","priority":5,"tries":1,"crashes":0,"snoozes":0}],
            "next":"BB","pools":[
            {"pool":"words","durability":"strict","tasks":{"dead":1,"succeeded":1},"workers":2,"idle":1,"trouble":"takes nothing now: disk full"},
            {"pool":"gone","tasks":{"waiting":1}},
            {"pool":"new","durability":"memory","tasks":{},"workers":1,"idle":1}]}"#,
        )
        .unwrap();
        let now =
            Now { at: "2026-11-22T10:01:00Z".parse().unwrap(), zone: jiff::tz::TimeZone::UTC };
        let expected = "\
words (strict): 1 dead, 1 succeeded; 2 workers, 1 idle; takes nothing now: disk full
gone (no longer in the config): 1 waiting
new (memory): no tasks; 1 worker, 1 idle
ID  POOL   TYPE   STATE      TRIES  SUBMITTED  ERROR
A   words  -      dead       3      10:00:00   bug x.y: no\\nway
BB  words  count  succeeded  1
";
        assert_eq!(table(&list, None, &now), expected);
        let of_new = table(&Tasks { tasks: Vec::new(), ..list }, Some("new"), &now);
        assert_eq!(of_new, "new (memory): no tasks; 1 worker, 1 idle\nno tasks\n");
    }
}
