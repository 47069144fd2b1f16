//! `hearken task`: tasks are added, waited for, shown, retried, taken back, and collected.

use crate::harness::{Hearken, PATIENCE, Setup, TaskId, event, until};
use nix::pty::openpty;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Output, Stdio};

/// Pools of programs that every Linux has.
const POOLS: &str = r#"
[pool.echo]
mode = "exec"
command = ["cat"]
max_payload = "1KiB"

# It works only when somebody has made a file.
[pool.door]
mode = "exec"
shell = "echo looking >&2; test -e '{folder}/open' || exit 75; echo came in"
retry = { attempts = 2, delay = "10ms" }
durability = "memory"

# The first try fails, the second does not.
[pool.second]
mode = "exec"
shell = "echo try $HEARKEN_TASK_ATTEMPT >&2; test $HEARKEN_TASK_ATTEMPT -gt 1 || exit 75; echo done"
retry = { attempts = 3, delay = "10ms" }

[pool.json]
mode = "exec"
result = "json"
command = ["cat"]

[pool.bytes]
mode = "exec"
result = "bytes"
shell = "printf '\\377\\376'"

# Its worker ends before it is ready, again and again.
[pool.broken]
command = ["false"]
workers = 1
restart = { limit = 2, delay = "10ms", max_delay = "10ms" }

# A gate for progress: it goes on when somebody makes a file.
[pool.slow]
mode = "exec"
shell = '''
printf '%s\n' '{"kind":"progress","done":3,"total":9,"unit":"pages"}' >&"$HEARKEN_FD"
until test -e '{folder}/go'; do sleep 0.02; done
echo over'''
"#;

/// A running hearken, and the command line beside it.
struct Shell {
    setup: Setup,
    hearken: Hearken,
}

/// What a command did.
#[derive(Debug)]
struct Did {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Shell {
    fn start() -> Shell {
        let setup = Setup::new(POOLS);
        let hearken = setup.clone().start();
        hearken.wait(&event("supervisor_started"));
        hearken.wait_for_many(&event("pool_opened"), 7);
        Shell { setup, hearken }
    }

    /// `hearken task …`, with this on standard input.
    fn task_with(&self, arguments: &[&str], input: &str) -> Did {
        let mut words = vec!["task"];
        words.extend(arguments);
        let config = self.setup.folder().join("hearken.toml");
        words.extend(["-c", config.to_str().unwrap()]);
        let mut command = self.setup.command(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        did(child.wait_with_output().unwrap())
    }

    fn task(&self, arguments: &[&str]) -> Did {
        self.task_with(arguments, "")
    }

    /// The same, and it must go well; gives what it printed, without the last line feed.
    #[track_caller]
    fn well(&self, arguments: &[&str]) -> String {
        let did = self.task(arguments);
        assert_eq!(did.code, Some(0), "{arguments:?}: {did:?}\n{}", self.hearken.dump());
        did.out.trim_end().to_owned()
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.well(arguments)).unwrap()
    }

    /// Waits until this task has succeeded.
    #[track_caller]
    fn ends_well(&self, id: &str) {
        let ended = self.hearken.end_of(&TaskId(id.to_owned()));
        assert_eq!(ended.state(), "succeeded", "{:#}", ended.0);
    }

    fn make(&self, name: &str) {
        File::create(self.setup.folder().join(name)).unwrap();
    }
}

fn did(output: Output) -> Did {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code();
    Did { code, out: text(&output.stdout), error: text(&output.stderr) }
}

#[test]
fn a_task_is_added_and_its_result_printed() {
    let mut shell = Shell::start();
    assert_eq!(shell.well(&["add", "echo", "--text", "a text", "--wait"]), "a text");
    assert_eq!(
        shell.well(&["add", "json", "--json", r#"{"z":1,"a":[2]}"#, "--wait"]),
        r#"{"z":1,"a":[2]}"#
    );
    let from_input = shell.task_with(&["add", "json", "--json", "-", "--wait"], "[1, 2]");
    assert_eq!(from_input.out, "[1,2]\n", "{from_input:?}");
    let file = shell.setup.file("payload.txt", b"of a file", 0o644);
    let file = format!("@{}", file.display());
    assert_eq!(shell.well(&["add", "echo", "--text", &file, "--wait"]), "of a file");
    assert_eq!(shell.well(&["add", "echo", "--wait"]), "", "no payload, no input");

    let id = shell.well(&["add", "echo", "--text", "later"]);
    assert_eq!(shell.well(&["list", "--pool", "echo"]).matches(&id).count(), 1);
    shell.ends_well(&id);
    assert_eq!(shell.well(&["result", &id]), "later");
    assert_eq!(shell.well(&["result", &id, "--json"]), "\"later\"");
    shell.hearken.shut_down_well();
}

#[test]
fn bytes_come_out_as_they_are() {
    let shell = Shell::start();
    let config = shell.setup.folder().join("hearken.toml");
    let words = ["task", "add", "bytes", "--wait", "-c", config.to_str().unwrap()];
    let output = shell.setup.command(&words).output().unwrap();
    assert_eq!(output.stdout, b"\xff\xfe", "{output:?}");
}

#[test]
fn a_task_that_was_tried_twice_has_both_tries_in_its_history() {
    let shell = Shell::start();
    let did = shell.task(&[
        "add",
        "second",
        "--type",
        "knock",
        "--key",
        "k 7",
        "--priority",
        "9",
        "--wait",
    ]);
    assert_eq!((did.code, did.out.as_str()), (Some(0), "done\n"), "{did:?}");
    let list = shell.json(&["list", "--pool", "second", "--json"]);
    let id = list["tasks"][0]["id"].as_str().unwrap();
    let shown = shell.well(&["show", id]);
    for part in [
        &format!("{id} (knock) of pool second is succeeded"),
        "priority 9, key k 7",
        "try 1 on second#",
        "to be tried again",
        "what was wrong: transient exit.75: exited with 75",
        "| stderr try 1",
        "try 2 on second#",
        "| stderr try 2",
        "what came out: 5 bytes",
        &format!("hearken task result {id}"),
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    let history = &shell.json(&["show", id, "--json"])["history"];
    assert_eq!(
        (&history[0]["outcome"], &history[1]["outcome"]),
        (&"again".into(), &"succeeded".into())
    );
}

#[test]
fn a_dead_task_says_why_and_is_done_after_all_when_it_is_retried() {
    let shell = Shell::start();
    let did = shell.task(&["add", "door", "--wait"]);
    assert_eq!((did.code, did.out.as_str()), (Some(1), ""), "{did:?}");
    assert!(did.error.contains("is dead: transient exit.75: exited with 75"), "{did:?}");
    let list = shell.well(&["list", "--state", "dead"]);
    let line =
        list.lines().find(|line| line.contains("exit.75")).unwrap_or_else(|| panic!("{list}"));
    assert!(
        list.contains("door (memory): 1 dead;") && list.contains("echo (strict): no tasks;"),
        "{list}"
    );
    let id = line.split(' ').next().unwrap();
    let none = shell.task(&["result", id]);
    assert!(none.code == Some(1) && none.error.contains("is dead and has no result"), "{none:?}");
    shell.make("open");
    assert_eq!(shell.well(&["retry", id]), format!("{id} waiting"));
    shell.ends_well(id);
    assert_eq!(shell.well(&["result", id]), "came in");
    let again = shell.task(&["retry", id]);
    assert!(again.code == Some(1) && again.error.contains("succeeded"), "{again:?}");
}

#[test]
fn a_task_that_waits_is_taken_back() {
    let shell = Shell::start();
    let id = shell.well(&["add", "echo", "--delay", "1h", "--text", "x"]);
    let waited = shell.task(&["add", "echo", "--delay", "1h", "--wait=100ms"]);
    assert_eq!(waited.code, Some(1), "{waited:?}");
    assert!(
        waited.error.contains("is still waiting") && waited.error.contains("hearken task result"),
        "{waited:?}"
    );
    let shown = shell.well(&["show", &id]);
    assert!(shown.contains("it waits, not to be tried before 59 min"), "{shown}");
    assert_eq!(shell.well(&["cancel", &id]), format!("{id} cancelled"));
    let more = shell.task(&["cancel", &id, "0192f0c1-7a3b-7c4d-8e5f-0123456789ab"]);
    assert_eq!(more.code, Some(2), "{more:?}");
    assert!(
        more.error.contains("it has ended") && more.error.contains("there is no task"),
        "{more:?}"
    );
}

#[test]
fn a_running_task_shows_how_far_it_is_and_is_asked_to_stop() {
    let shell = Shell::start();
    let id = shell.well(&["add", "slow"]);
    let live = until("progress", PATIENCE, || {
        let shown = shell.well(&["show", &id]);
        shown.contains("3 of 9 pages").then_some(shown)
    });
    assert!(
        live.contains(&format!("{id} of pool slow is running")) && live.contains("now: slow#"),
        "{live}"
    );
    assert_eq!(shell.well(&["cancel", &id]), format!("{id} running"));
    until("the end", PATIENCE, || {
        shell.well(&["show", &id]).contains("is cancelled").then_some(())
    });
}

#[test]
fn a_batch_is_collected_and_then_its_completion_task_is_done() {
    let shell = Shell::start();
    let lines = "\"one\"\n{\"a\": 2}\n\n\"thr\\\"e,e\"\n";
    let all = shell.task_with(&["add", "echo", "--ndjson", "-", "--batch", "all", "--wait"], lines);
    assert_eq!(all.code, Some(0), "{all:?}");
    let rows: Vec<serde_json::Value> =
        all.out.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let results: Vec<_> = rows.iter().map(|row| row["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["one", "{\"a\":2}", "thr\"e,e"], "{all:?}");

    let batch = shell.task_with(
        &["add", "echo", "--ndjson", "-", "--batch", "quorum=1", "--on-complete", "\"all done\""],
        lines,
    );
    let batch = batch.out.trim();
    let completion = until("the completion task", PATIENCE, || {
        let shown = shell.json(&["batch", batch, "--json"]);
        assert_eq!(shown["policy"], "quorum");
        let task = shown["on_complete"].as_str().unwrap();
        shell.well(&["show", task]).contains("is succeeded").then(|| task.to_owned())
    });
    assert_eq!(shell.well(&["result", &completion]), "all done");
    let told = shell.well(&["batch", batch]);
    assert!(
        told.contains("is succeeded: 3 of 3 done") && told.contains("policy quorum of 1"),
        "{told}"
    );

    let csv = shell.well(&["batch", batch, "--results", "csv"]);
    assert!(csv.starts_with("index,id,type,state,attempts,"), "{csv}");
    let array = shell.json(&["batch", batch, "--results", "json", "--order", "completion"]);
    assert_eq!(array.as_array().unwrap().len(), 3);
    let ndjson = shell.well(&["batch", batch, "--results", "ndjson"]);
    assert_eq!(ndjson.lines().count(), 3);
    let over = shell.task(&["cancel", "--batch", batch]);
    assert!(over.code == Some(1) && over.error.contains("is succeeded"), "{over:?}");
}

#[test]
fn a_batch_that_fails_says_so_and_shows_what_it_has() {
    let shell = Shell::start();
    let did =
        shell.task_with(&["add", "door", "--ndjson", "-", "--batch", "all", "--wait"], "1\n2\n");
    assert_eq!(did.code, Some(1), "{did:?}");
    assert!(did.error.contains("has failed: 2 of 2"), "{did:?}");
    assert_eq!(did.out.matches("\"code\":\"exit.75\"").count(), 2, "{did:?}");
}

#[test]
fn a_batch_is_taken_back() {
    let shell = Shell::start();
    let batch = shell.task_with(
        &["add", "echo", "--ndjson", "-", "--batch", "all", "--delay", "1h"],
        "1\n2\n3\n",
    );
    let batch = batch.out.trim();
    assert_eq!(shell.well(&["cancel", "--batch", batch]), format!("{batch} cancelled: 3"));
    until("the end of the batch", PATIENCE, || {
        shell.well(&["batch", batch]).contains("3 cancelled").then_some(())
    });
}

#[test]
fn many_tasks_are_added_at_once_and_each_is_named() {
    let shell = Shell::start();
    let lines: String = (0..500).map(|number| format!("{number}\n")).collect();
    let did = shell.task_with(&["add", "json", "--ndjson", "-", "--delay", "1h"], &lines);
    assert_eq!((did.code, did.out.lines().count()), (Some(0), 500), "{}", did.error);
    let page = shell.task(&["list", "--pool", "json", "--limit", "10"]);
    assert!(page.error.contains("there are more: --after"), "{page:?}");
    let next = page.error.trim().rsplit(' ').next().unwrap();
    let second = shell.well(&["list", "--pool", "json", "--limit", "10", "--after", next]);
    assert!(!second.contains(next) && second.contains("500 waiting"), "{second}");
}

#[test]
fn what_was_added_before_is_kept_once() {
    let shell = Shell::start();
    let id = "0192f0c1-7a3b-7c4d-8e5f-0123456789ab";
    for _ in 0..2 {
        assert_eq!(shell.well(&["add", "echo", "--text", "x", "--delay", "1h", "--id", id]), id);
    }
    let one = shell.well(&["add", "echo", "--key", "k", "--delay", "1h"]);
    let again = shell.task(&["add", "echo", "--key", "k", "--delay", "1h"]);
    assert_eq!(again.out.trim(), one);
    assert!(again.error.contains("was there already"), "{again:?}");
    let other = shell.task(&["add", "echo", "--text", "other", "--id", id]);
    assert!(other.code == Some(1) && other.error.contains("another task"), "{other:?}");
    assert!(shell.well(&["list", "--pool", "echo"]).contains("2 waiting"));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_next_step() {
    let shell = Shell::start();
    let large = "x".repeat(2000);
    let table: [(&[&str], i32, &str); 13] = [
        (&["add", "ecko", "--text", "x"], 2, "there are: echo, door"),
        (&["add", "../echo", "--text", "x"], 2, "there is no pool"),
        (&["add", "echo", "--text", &large], 2, "raise max_payload"),
        (&["add", "echo", "--json", "{"], 2, "the payload is not JSON"),
        (&["add", "echo", "--ndjson", "{}"], 2, "@FILE"),
        (&["add", "echo", "--json", "@/nowhere"], 2, "/nowhere: No such file"),
        (&["add", "echo", "--id", "x"], 2, "an id looks like"),
        (&["add", "echo", "--batch", "most"], 2, "quorum=N"),
        (&["add", "echo", "--batch", "quorum=2"], 2, "never make a quorum of 2"),
        (&["add", "echo", "--priority", "10"], 2, "0..=9"),
        (&["show", "x"], 2, "there is no task"),
        (&["list", "--state", "done"], 2, "the states are held, waiting"),
        (&["batch", "0192f0c1-7a3b-7c4d-8e5f-0123456789ab"], 2, "there is no batch"),
    ];
    for (arguments, code, part) in table {
        let did = shell.task(arguments);
        assert_eq!(did.code, Some(code), "{arguments:?}: {did:?}");
        assert!(did.error.contains(part) && did.out.is_empty(), "{part:?}: {did:?}");
    }
    let many = shell.task_with(&["add", "echo", "--ndjson", "-", "--wait"], "1\n2\n");
    assert!(many.code == Some(2) && many.error.contains("--batch all"), "{many:?}");
}

#[test]
fn where_no_hearken_runs_it_says_how_to_start_one() {
    let setup = Setup::new("[service.web]\ncommand = [\"true\"]\n");
    let config = setup.write();
    let task =
        |words: &[&str]| did(setup.command(&[&["task", "list"], words].concat()).output().unwrap());
    let nobody = task(&["-c", config.to_str().unwrap()]);
    assert_eq!(nobody.code, Some(69), "{nobody:?}");
    assert!(nobody.error.contains("control.sock: No such file"), "{nobody:?}");
    assert!(
        nobody.error.contains(&format!("hearken up --config {}", config.display())),
        "{nobody:?}"
    );
    let nobody = task(&["--socket", "/nowhere/c.sock"]);
    assert!(nobody.code == Some(69) && nobody.error.contains("/nowhere/c.sock"), "{nobody:?}");
    let bad = setup.file("bad.toml", b"[service.web]\n", 0o644);
    let bad = task(&["-c", bad.to_str().unwrap()]);
    assert!(bad.code == Some(78) && bad.error.contains("--socket PATH"), "{bad:?}");
}

#[test]
fn a_pool_whose_processes_all_stay_down_says_so() {
    let shell = Shell::start();
    let id = shell.well(&["add", "broken"]);
    until("the end of all tries", PATIENCE, || {
        let list = shell.well(&["list", "--pool", "broken"]);
        let why = "1 waiting; 0 workers, 0 idle; all its processes stay down: hearken why broken";
        list.contains(why).then_some(())
    });
    assert!(shell.well(&["show", &id]).contains("of pool broken is waiting"));
    let more = shell.task(&["add", "broken"]);
    assert!(more.error.contains("note: pool broken: all its processes stay down"), "{more:?}");
    assert_eq!(more.code, Some(0), "it is kept: {more:?}");
}

/// Standard error on a terminal, standard output in a pipe.
#[test]
fn who_waits_at_a_terminal_sees_how_far_it_is() {
    let shell = Shell::start();
    let config = shell.setup.folder().join("hearken.toml");
    let words = ["task", "add", "slow", "--wait", "-c", config.to_str().unwrap()];
    let ends = openpty(None, None).unwrap();
    let mut command = shell.setup.command(&words);
    let child = command.stdout(Stdio::piped()).stderr(ends.slave).spawn().unwrap();
    // Its end of the terminal is closed with it, and with its command.
    drop(command);
    let mut terminal = File::from(ends.master);
    let (mut seen, mut some) = (String::new(), [0; 1024]);
    while let Ok(read @ 1..) = terminal.read(&mut some) {
        seen += &String::from_utf8_lossy(&some[..read]);
        if seen.contains("3 of 9 pages") {
            shell.make("go");
        }
    }
    let did = did(child.wait_with_output().unwrap());
    assert_eq!((did.code, did.out.as_str()), (Some(0), "over\n"), "{seen:?}");
    assert!(seen.contains("slow#") && seen.ends_with("\r\u{1b}[K"), "{seen:?}");
}
