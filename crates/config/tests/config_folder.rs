//! The folder `config/` keeps its promises: every file in it is a good config, and the reference
//! has every key with its default.

use hearken_config::{Config, LoadOptions, Loaded, Pool, Service};
use hearken_core::policy::GroupPolicy;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .canonicalize()
        .expect("the folder of the examples")
}

fn load(name: &str) -> Loaded {
    let path = folder().join(name);
    // Whoever checked the sources out owns them; that is nothing to be tested here.
    let options = LoadOptions { insecure: true, ..LoadOptions::default() };
    Config::load(&path, &options).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

fn parse(text: &str) -> Config {
    let loaded = Config::parse("/x/hearken.toml", text, &LoadOptions::default());
    loaded.unwrap_or_else(|errors| panic!("{text}\n{}", errors.render(false))).config
}

#[test]
fn every_example_is_a_good_config() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).expect("it is there") {
        let name = entry.expect("it is there").file_name().into_string().expect("it is there");
        if name.ends_with(".toml") {
            let config = load(&name).config;
            assert!(config.units().next().is_some(), "{name}");
            let first = fs::read_to_string(&config.path).expect("it is there");
            assert!(first.starts_with("#:schema ./hearken.schema.json\n"), "{name}");
            count += 1;
        }
    }
    assert!(count >= 6);
}

#[test]
fn every_script_that_an_example_names_is_there() {
    for unit in [load("php.toml"), load("pool.toml")].iter().flat_map(|it| it.config.units()) {
        let hearken_config::Program::Command(words) = &unit.program else {
            panic!("{:?}", unit.program);
        };
        assert!(unit.directory.join(&words[1]).is_file(), "{words:?}");
    }
}

fn pool_without_name(pool: &Pool) -> String {
    let mut pool = pool.clone();
    pool.unit.directory.clear();
    let unit = without_name(&pool.unit);
    let Pool { policy, exec, durability, max_payload, max_result, logs, forget, .. } = pool;
    let bounds = (max_payload, max_result, logs);
    format!("{unit} {policy:?} {exec:?} {durability:?} {bounds:?} {forget:?}")
}

fn without_name(service: &Service) -> String {
    let mut policy = service.policy.clone();
    policy.after.clear();
    policy.name = hearken_core::identity::UnitName::new("x").expect("a name");
    let rest = (&service.environment, service.line, &service.readiness, &service.health);
    format!("{policy:?} {rest:?}")
}

#[test]
fn the_reference_says_the_defaults() {
    let reference = load("reference.toml").config;
    let least = parse("[service.x]\ncommand = [\"x\"]\n");
    assert_eq!(reference.supervisor, least.supervisor);
    let without_defaults: [&str; 1] = ["queue"];
    for service in &reference.services {
        assert_eq!(service.directory, folder());
        if !without_defaults.contains(&service.policy.name.as_str()) {
            assert_eq!(without_name(service), without_name(&least.services[0]));
        }
    }
    let least = parse("[pool.x]\ncommand = [\"x\"]\n");
    assert_eq!(pool_without_name(&reference.pools[0]), pool_without_name(&least.pools[0]));
    let probed = |lines: &str| parse(&format!("[service.x]\ncommand = [\"x\"]\n{lines}\n"));
    let queue = &reference.services[2].policy;
    let x = "tcp = \"x:1\"";
    let least = &probed(&format!("ready.{x}\nhealth.{x}\n[group.x]\nunits = [\"x\"]"));
    let policy = &least.services[0].policy;
    assert_eq!((queue.ready, queue.health), (policy.ready, policy.health));
    let group = |it: &GroupPolicy| (it.strategy, it.limit, it.on_limit);
    assert_eq!(group(&reference.groups[0]), group(&least.groups[0]));
    let least = &probed("[[service.x.rule]]\nmatch.kind = \"bug\"\nbackoff = {}").services[0];
    assert_eq!(queue.rules[1].pace, least.policy.rules[0].pace);
}

#[test]
fn no_example_has_a_warning() {
    for name in
        ["reference.toml", "decisions.toml", "demo.toml", "php.toml", "pool.toml", "exec.toml"]
    {
        let warnings = load(name).warnings;
        let shown: Vec<String> = warnings.iter().map(|it| it.render(false)).collect();
        // That somebody else owns the file is one.
        assert!(shown.iter().all(|it| it.contains("chown") || it.contains("chmod")), "{shown:?}");
    }
}

/// The rest of the reference has no defaults to show, but what each key is.
#[test]
fn the_reference_shows_what_has_no_default() {
    let config = load("reference.toml").config;
    let [_, mails, words] = config.pools.as_slice() else { panic!("{:?}", config.pools) };
    assert_eq!((mails.policy.min, mails.policy.max, mails.unit.policy.instances), (1, 16, 17));
    assert!(mails.policy.recycle.is_ever() && mails.policy.retry.budget.is_some());
    let least = parse("[pool.x]\ncommand = [\"x\"]\nworkers = { max = 16 }\nretry.budget = {}\n");
    assert_eq!(mails.policy.retry, least.pools[0].policy.retry);
    let times = |it: &Pool| (it.policy.min, it.policy.grow_after, it.policy.shrink_after);
    assert_eq!(times(mails), times(&least.pools[0]));
    let least = parse("[pool.x]\nmode = \"exec\"\ncommand = [\"wc\", \"-w\", \"--\", \"{}\"]\n");
    assert_eq!(
        (&words.exec, words.max_payload),
        (&least.pools[0].exec, least.pools[0].max_payload)
    );
}

fn schema() -> serde_json::Value {
    serde_json::from_str(&hearken_config::schema()).expect("JSON")
}

#[test]
fn the_reference_has_every_key() {
    let text = fs::read_to_string(folder().join("reference.toml")).expect("it is there");
    let words: BTreeSet<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for (_, shape) in schema()["$defs"].as_object().expect("it is there") {
        for key in shape["properties"].as_object().into_iter().flat_map(|keys| keys.keys()) {
            assert!(words.contains(key.as_str()), "{key}");
        }
        for word in shape["enum"].as_array().into_iter().flatten() {
            let word = word.as_str().expect("it is there");
            assert!(word.starts_with("SIG") || words.contains(word), "{word}");
        }
    }
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_reader() {
    let schema = schema();
    let least = parse("[service.x]\ncommand = [\"x\"]\n");
    // A JSON string, number, boolean or array is TOML as it is; and so is the empty table.
    let lines = |name: &str| -> String {
        let keys = schema["$defs"][name]["properties"].as_object().expect("it is there");
        let given = keys.iter().filter_map(|(key, shape)| Some((key, shape.get("default")?)));
        given.map(|(key, default)| format!("{key} = {default}\n")).collect()
    };
    let (service, supervisor) = (lines("Service"), lines("Supervisor"));
    let text = format!(
        "[supervisor]\n{supervisor}\n[supervisor.log]\n{}\n[supervisor.starts]\n{}\n\
         [supervisor.control]\n{}\n\
         [service.x]\ncommand = [\"x\"]\n{service}\n[service.x.restart]\n{}\n[service.x.stop]\n{}\n",
        lines("LogTable"),
        lines("Starts"),
        lines("ControlTable"),
        lines("RestartTable"),
        lines("StopTable"),
    );
    let pool = |lines: &str| parse(&format!("[pool.x]\ncommand = [\"x\"]\n{lines}"));
    let tables = [
        ("retry", lines("RetryTable")),
        ("dependency_pause", lines("DependencyPause")),
        ("forget", lines("Forget")),
        ("restart", lines("PoolRestart")),
    ];
    let mut said = lines("Pool").replace("retry = 3\n", "");
    assert!(said.contains("workers = 4\n") && said.contains("task_timeout = \"5m\"\n"), "{said}");
    for (key, lines) in &tables {
        assert!(lines.contains('='), "{key}");
        said += &format!("[pool.x.{key}]\n{lines}");
    }
    assert_eq!(pool(&said), pool(""));
    let growing = format!(
        "[pool.x.workers]\nmax = 9\n{}[pool.x.retry.budget]\n{}",
        lines("WorkersTable"),
        lines("BudgetTable"),
    );
    assert_eq!(pool(&growing), pool("workers = { max = 9 }\nretry.budget = {}\n"));
    assert_eq!(pool("retry = 3"), pool(""));
    let probed = |ready: &str, health: &str, group: &str, backoff: &str| {
        // The rule comes first: its label names its line.
        parse(&format!(
            "[[rule]]\nmatch.kind = \"bug\"\n[rule.backoff]\n{backoff}\n\
             [service.x]\ncommand = [\"x\"]\n[service.x.ready]\nhttp = \"http://x\"\n{ready}\n\
             [service.x.health]\nhttp = \"http://x\"\n{health}\n\
             [group.x]\nunits = [\"x\"]\n{group}\n"
        ))
    };
    let [ready, health, group, backoff] = ["ReadyTable", "Health", "Group", "Backoff"].map(lines);
    assert!([&ready, &health, &group, &backoff].iter().all(|lines| lines.contains('=')));
    assert_eq!(probed(&ready, &health, &group, &backoff), probed("", "", "", ""));
    assert!(text.contains("max_delay") && text.contains("burst") && text.contains("when_idle"));
    assert_eq!(parse(&text), least);
}
