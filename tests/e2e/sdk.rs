//! Services in PHP, Python and Node, with the SDKs of this repository.

use crate::harness::{Event, Hearken, Setup, event, skip};
use std::path::Path;
use std::process::Command;

fn works(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

pub(crate) const PYTHON: &str = "/usr/bin/python3";

pub(crate) fn repository() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().display().to_string()
}

/// A service that runs this script, in the language that its name ends in.
fn worker(name: &str, script: &str, lines: &str) -> Setup {
    let (_, language) = name.rsplit_once('.').unwrap();
    let program = match language {
        "php" => "php",
        "mjs" => "node",
        _ => PYTHON,
    };
    let setup = Setup::new(&format!(
        r#"
[service.worker]
command = ["{program}", "{{folder}}/{name}"]
environment = {{ PYTHONPATH = "{}/sdk/python/src" }}
ready = "message"
{lines}
"#,
        repository(),
    ));
    setup.file(name, script.replace("{repository}", &repository()).as_bytes(), 0o644);
    setup
}

fn php(body: &str) -> String {
    format!(
        "<?php require '{{repository}}/sdk/php/autoload.php';\nuse Hearken\\Worker\\Worker;\nuse Hearken\\Worker\\Failure;\nWorker::run(function (Worker $worker): void {{\n{body}\n}});\n"
    )
}

fn python(body: &str) -> String {
    format!(
        "from hearken_worker import *\nimport hearken_worker\ndef main(worker):\n{body}\nhearken_worker.run(main)\n"
    )
}

fn node(body: &str) -> String {
    format!(
        "import * as hearken from '{{repository}}/sdk/node/src/index.js';\nhearken.run(async (worker) => {{\n{body}\n}});\n"
    )
}

pub(crate) fn has_php() -> bool {
    works("php", &["-m"])
}

pub(crate) fn has_python() -> bool {
    works(PYTHON, &["-c", "import msgpack"])
}

/// What the SDK needs, not any node.
pub(crate) fn has_node() -> bool {
    let new_enough = "process.exit(Number.parseInt(process.versions.node) >= 18 ? 0 : 1)";
    works("node", &["-e", new_enough])
}

/// Hello, ready, progress; told to drain, it ends by itself with 0.
#[track_caller]
fn works_and_drains(setup: Setup, language: &str) {
    let mut hearken = setup.start();
    let hello = hearken.wait(&event("child_hello").unit("worker"));
    assert!(hello.text("language").starts_with(language), "{hello}");
    assert_eq!(hello.pid(), hearken.wait(&event("started")).pid());
    hearken.wait_after(&hello, &event("ready").unit("worker"));
    hearken.wait(&event("child_progress").unit("worker").is("done", 2).is("total", 9));
    hearken.shut_down_well();
    let exited = hearken.wait(&event("exited").unit("worker"));
    assert_eq!(exited.field("exit_code"), Some(&0.into()), "{}", hearken.dump());
    hearken.wait(&event("child_exiting").is("intent", "done"));
    assert!(hearken.all(&event("killing")).is_empty());
}

#[track_caller]
fn failure(hearken: &Hearken) -> Event {
    hearken.wait(&event("failed").unit("worker"))
}

#[test]
fn a_php_worker_talks_and_drains() {
    if !has_php() {
        return skip("no php here");
    }
    let body = "$worker->ready();\n$worker->progress(2, 9);\n$worker->wait();";
    works_and_drains(worker("worker.php", &php(body), ""), "php");
}

#[test]
fn a_python_worker_talks_and_drains() {
    if !has_python() {
        return skip("no python3 with msgpack here");
    }
    let body = "    worker.ready()\n    worker.progress(2, 9)\n    worker.wait()";
    works_and_drains(worker("worker.py", &python(body), ""), "python");
}

#[test]
fn a_node_worker_talks_and_drains() {
    if !has_node() {
        return skip("no node of version 18 here");
    }
    let body = "worker.ready();\nworker.progress(2, 9);\nawait worker.wait();";
    works_and_drains(worker("worker.mjs", &node(body), ""), "node");
}

#[test]
fn a_typed_exception_in_php_decides() {
    if !has_php() {
        return skip("no php here");
    }
    let body = "$worker->ready();\nthrow new Failure\\RateLimited('slow down', after: 0.3, code: 'api.quota');";
    let hearken = worker("worker.php", &php(body), "").start();
    let error = hearken.wait(&event("child_error").unit("worker").is("kind", "rate_limited"));
    assert_eq!(error.text("code"), "api.quota");
    let restarting = hearken.wait(&event("restarting").unit("worker"));
    assert_eq!((restarting.number("in_ms"), restarting.text("kind")), (300, "rate_limited"));
}

#[test]
fn a_typed_exception_in_python_decides() {
    if !has_python() {
        return skip("no python3 with msgpack here");
    }
    let body =
        "    worker.ready()\n    raise RateLimited('slow down', code='api.quota', after=0.3)";
    let hearken = worker("worker.py", &python(body), "").start();
    let restarting = hearken.wait(&event("restarting").unit("worker"));
    assert_eq!((restarting.number("in_ms"), restarting.text("kind")), (300, "rate_limited"));
}

#[test]
fn a_typed_exception_in_node_decides() {
    if !has_node() {
        return skip("no node of version 18 here");
    }
    let body = "worker.ready();\nthrow new hearken.RateLimited('slow down', { code: 'api.quota', afterMs: 300 });";
    let hearken = worker("worker.mjs", &node(body), "").start();
    let error = hearken.wait(&event("child_error").unit("worker").is("kind", "rate_limited"));
    assert_eq!(error.text("code"), "api.quota");
    let restarting = hearken.wait(&event("restarting").unit("worker"));
    assert_eq!((restarting.number("in_ms"), restarting.text("kind")), (300, "rate_limited"));
}

#[test]
fn a_fatal_exception_of_a_service_stays_down_in_every_language() {
    let scripts = [
        (has_php(), "worker.php", php("throw new Failure\\Fatal('no key', code: 'app.key');")),
        (has_python(), "worker.py", python("    raise Fatal('no key', code='app.key')")),
        (has_node(), "worker.mjs", node("throw new hearken.Fatal('no key', { code: 'app.key' });")),
    ];
    for (here, name, script) in scripts {
        if !here {
            skip(name);
            continue;
        }
        let mut hearken = worker(name, &script, "restart = \"always\"").start();
        let failed = failure(&hearken);
        assert_eq!((failed.text("kind"), failed.text("code")), ("config", "app.key"), "{failed}");
        assert_eq!(hearken.exit_code(), 0);
        assert_eq!(hearken.all(&event("started")).len(), 1);
    }
}

#[test]
fn an_uncaught_mistake_is_told_as_a_bug_with_its_trace_in_every_language() {
    let scripts = [
        (has_php(), "worker.php", php("intdiv(1, 0);"), "DivisionByZero"),
        (has_python(), "worker.py", python("    1 / 0"), "ZeroDivision"),
        (has_node(), "worker.mjs", node("null.nothing;"), "TypeError"),
    ];
    for (here, name, script, what) in scripts {
        if !here {
            skip(name);
            continue;
        }
        let hearken = worker(name, &script, "restart = \"never\"").start();
        let error = hearken.wait(&event("child_error").is("kind", "bug"));
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.text("trace").contains(name), "{error}");
        assert_eq!(failure(&hearken).text("kind"), "bug");
    }
}
