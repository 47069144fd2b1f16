//! Whose voice decides, one against the next: operator, supervisor, ceilings, intent, rule, hint,
//! table, policy.

use crate::harness::{Hearken, event, hearken};

/// A service that does these verbs, with these lines in its table.
fn child(verbs: &str, lines: &str) -> Hearken {
    let verbs: Vec<_> = verbs.split(' ').map(|verb| format!("\"{verb}\"")).collect();
    hearken(&format!(
        "[service.child]\ncommand = [\"{{fixture}}\", {}]\n{lines}\n",
        verbs.join(", ")
    ))
}

/// A service that says this error as JSON and exits with 1.
fn says(error: &str, lines: &str) -> Hearken {
    hearken(&format!(
        r#"
[service.child]
shell = '''
printf '%s\n' '{{"kind":"hello","protocol":[1,1],"sdk":"sh","language":"sh","pid":1}}' >&5
printf '%s\n' '{{"kind":"error",{error},"message":"as it says"}}' >&5
exit 1'''
line = "json"
{lines}
"#
    ))
}

#[track_caller]
fn restarted_by(hearken: &Hearken, whom: &str) {
    let restarting = hearken.wait(&event("restarting").unit("child"));
    assert_eq!(restarting.text("decided_by"), whom, "{restarting}");
}

#[track_caller]
fn failed_by(hearken: &Hearken, whom: &str) {
    let failed = hearken.wait(&event("failed").unit("child"));
    assert_eq!(failed.text("decided_by"), whom, "{failed}");
}

#[test]
fn who_is_told_to_stop_stops_whatever_it_says_then() {
    let mut hearken = child(
        "hello ready error denied app.key serve",
        "[[service.child.rule]]\nmatch = { kind = \"denied\", exit_code = [0, 143] }\nunit = \"shut_down\"",
    );
    hearken.wait(&event("child_error"));
    hearken.shut_down_well();
    assert_eq!(hearken.wait(&event("stopped").unit("child")).text("decided_by"), "shutdown");
}

#[test]
fn what_the_supervisor_finds_comes_before_the_childs_words() {
    let hearken = child(
        "hello error denied app.key run",
        "ready = \"message\"\nstart_timeout = \"300ms\"\nrestart = { delay = \"40ms\" }",
    );
    let restarting = hearken.wait(&event("restarting").unit("child"));
    assert_eq!(restarting.text("decided_by"), "supervisor", "{restarting}");
    assert_eq!(restarting.text("kind"), "timeout", "{restarting}");
}

#[test]
fn the_budget_comes_before_the_childs_intent() {
    let hearken = child("hello exiting restart_now exit 0", "restart = { limit = 2 }");
    failed_by(&hearken, "restart_budget");
    assert_eq!(hearken.all(&event("restarting").is("decided_by", "exiting_intent")).len(), 2);
}

#[test]
fn never_comes_before_the_childs_intent_but_not_before_a_rule() {
    let hearken = child("hello exiting retry exit 1", "restart = \"never\"");
    failed_by(&hearken, "restart_policy");
    let ruled = child(
        "hello error transient db.down exit 1",
        "restart = { policy = \"never\", delay = \"40ms\" }\n[[service.child.rule]]\nmatch = { kind = \"transient\" }\ninstance = \"keep\"",
    );
    restarted_by(&ruled, "rule");
}

#[test]
fn the_intent_comes_before_a_rule() {
    let hearken = child(
        "hello error bug TypeError exiting retry exit 1",
        "[[service.child.rule]]\nmatch = { kind = \"bug\", exit_code = 1 }\ninstance = \"stop\"",
    );
    restarted_by(&hearken, "exiting_intent");
}

#[test]
fn a_rule_comes_before_the_hint() {
    let hearken = says(
        r#""error_kind":"bug","code":"x.y","retryable":false"#,
        "[[service.child.rule]]\nmatch = { code = \"x.*\" }\nunit = \"none\"",
    );
    restarted_by(&hearken, "rule");
    let rule = hearken.wait(&event("restarting")).text("rule").to_owned();
    assert!(rule.starts_with("rule 1 of child (") && rule.contains(".toml:"), "{rule}");
}

#[test]
fn the_hint_comes_before_the_table() {
    restarted_by(&says(r#""error_kind":"config","code":"x.y","retryable":true"#, ""), "error_hint");
    failed_by(
        &says(r#""error_kind":"transient","code":"x.y","retryable":false"#, ""),
        "error_hint",
    );
}

#[test]
fn the_table_comes_before_the_policy() {
    let hearken = child("hello error denied app.key exit 0", "restart = \"always\"");
    failed_by(&hearken, "error_kind");
    failed_by(&child("exit 78", "restart = \"always\""), "exit_status");
}

#[test]
fn the_policy_has_the_last_word() {
    restarted_by(&child("exit 0", "restart = \"always\""), "restart_policy");
    let hearken = child("exit 0", "");
    let finished = hearken.wait(&event("finished").unit("child"));
    assert_eq!(finished.text("decided_by"), "restart_policy", "{finished}");
}
