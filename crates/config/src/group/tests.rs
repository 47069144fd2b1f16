use crate::testing::{good, problems, refuses, refuses_all, warns_all};
use hearken_core::identity::UnitIndex;
use hearken_core::policy::{GroupOnLimit, Strategy};

/// Services of these names, each with two lines, then a group whose keys start at line 10.
fn with(lines: &str) -> String {
    let service = |name: &str| format!("[service.{name}]\ncommand = [\"x\"]\n");
    let services: String = ["db", "api", "web", "cron"].map(service).concat();
    format!("{services}[group.backend]\n{lines}\n")
}

#[test]
fn good_groups() {
    let table = [
        (
            "units = [\"db\", \"api\"]",
            (vec![0, 1], Strategy::OneForOne, Some((5, 60)), GroupOnLimit::Fail),
        ),
        (
            "units = [\"web\", \"db\"]\nstrategy = \"one_for_all\"\nlimit = 3\nwindow = \"10s\"",
            (vec![2, 0], Strategy::OneForAll, Some((3, 10)), GroupOnLimit::Fail),
        ),
        (
            "units = [\"db\", \"cron\", \"api\"]\nstrategy = \"rest_for_one\"\n\
             on_limit = \"shut_down\"",
            (vec![0, 3, 1], Strategy::RestForOne, Some((5, 60)), GroupOnLimit::ShutDown),
        ),
        (
            "units = [\"db\"]\nlimit = \"unlimited\"",
            (vec![0], Strategy::OneForOne, None, GroupOnLimit::Fail),
        ),
    ];
    for (lines, expected) in table {
        let loaded = good(&with(lines));
        assert!(loaded.warnings.is_empty(), "{lines}");
        let [group] = loaded.config.groups.as_slice() else { panic!("{lines}") };
        assert_eq!(group.name.as_str(), "backend");
        let units: Vec<u32> = group.units.iter().map(|UnitIndex(place)| *place).collect();
        let limit = group.limit.map(|limit| (limit.count(), limit.window().as_secs()));
        assert_eq!((units, group.strategy, limit, group.on_limit), expected, "{lines}");
    }
    assert!(good("[service.a]\ncommand = [\"x\"]\n").config.groups.is_empty());
}

#[test]
fn bad_groups() {
    let table = [
        ("", ["9:8", "backend", "[group.backend] has no `units`", "units = [\"db\", \"api\"]"]),
        ("units = []", ["10:9", "[]", "`units` is empty", "units = [\"db\", \"api\"]"]),
        ("units = \"db\"", ["10:9", "\"db\"", "an array of names", "units = [\"db\"]"]),
        ("units = [\"db\", 3]", ["10:16", "3", "must be a string", "\"3\""]),
        (
            "units = [\"db\", \"aip\"]",
            ["10:16", "\"aip\"", "`units` names `aip`, but there is", "did you mean \"api\"?"],
        ),
        (
            "units = [\"db\", \"redis\"]",
            ["10:16", "\"redis\"", "no such service", "[service.redis], or remove it from `units`"],
        ),
        ("units = [\"db\", \"db\"]", ["10:16", "\"db\"", "`units` names `db` twice", "remove one"]),
        ("members = [\"db\"]\nunits = [\"db\"]", ["10:1", "members", "unknown", "`units`"]),
        ("untis = [\"db\"]\nunits = [\"db\"]", ["10:1", "untis", "unknown", "`units`?"]),
        (
            "units = [\"db\"]\nstrategy = \"one-for-all\"",
            ["11:12", "\"one-for-all\"", "cannot be", "did you mean \"one_for_all\"?"],
        ),
        ("units = [\"db\"]\nstrategy = 1", ["11:12", "1", "a word in quotes", "one_for_one"]),
        (
            "units = [\"db\"]\nlimit = 0",
            ["11:9", "0", "from 1 to 10000, not `0`", "restart = \"never\" in its services"],
        ),
        ("units = [\"db\"]\nlimit = \"no\"", ["11:9", "\"no\"", "a whole number", "\"unlimited\""]),
        ("units = [\"db\"]\nwindow = \"0s\"", ["11:10", "\"0s\"", "from \"1ms\"", "\"30d\""]),
        (
            "units = [\"db\"]\nlimit = \"unlimited\"\non_limit = \"fail\"",
            ["12:1", "on_limit", "no meaning when `limit` is \"unlimited\"", "remove `on_limit`"],
        ),
        (
            "units = [\"db\"]\non_limit = \"wait\"",
            ["11:12", "\"wait\"", "`on_limit` cannot be `wait`", "limit = \"unlimited\""],
        ),
    ];
    for (lines, expected) in table {
        refuses(&with(lines), expected);
    }
    let web = "[service.web]\ncommand = [\"x\"]\n";
    refuses(
        &format!("{web}[group]\nunits = [\"web\"]\n"),
        ["4:1", "units", "`group.units` must be a table", "[group.backend]"],
    );
    refuses(
        &format!("{web}[group.Back_End]\nunits = [\"web\"]\n"),
        ["3:8", "Back_End", "no name for a group", "for example [group.back_end]"],
    );
}

#[test]
fn a_unit_restarts_with_one_group() {
    let text = with("units = [\"db\", \"api\"]\n[group.front]\nunits = [\"web\", \"api\"]");
    refuses(&text, ["12:17", "\"api\"", "`api` is in two groups: `backend` and `front`", "remove"]);
    let shown = problems(&text)[0].render(false);
    assert!(shown.contains("----- and here") && shown.contains("^^^^^ here"), "{shown}");
}

#[test]
fn a_group_of_one_has_nobody_to_restart() {
    for strategy in ["one_for_all", "rest_for_one"] {
        let caret = format!("\"{strategy}\"");
        let lines = format!("units = [\"db\"]\nstrategy = {caret}");
        warns_all(&with(&lines), &[["11:12", &caret, "no use in a group of one", "name more"]]);
    }
    warns_all(&with("units = [\"db\"]\nstrategy = \"one_for_one\""), &[]);
}

/// Services that come after each other, and groups with `one_for_all`.
fn ordered(services: &[(&str, &str)], groups: &[(&str, &str)]) -> String {
    let services = services
        .iter()
        .map(|(name, after)| format!("[service.{name}]\ncommand = [\"x\"]\nafter = [{after}]\n"));
    let groups = groups.iter().map(|(name, units)| {
        format!("[group.{name}]\nstrategy = \"one_for_all\"\nunits = [{units}]\n")
    });
    services.chain(groups).collect()
}

#[test]
fn the_order_of_a_group_must_not_contradict_after() {
    let backwards = ordered(&[("web", "\"db\""), ("db", "")], &[("g", "\"web\", \"db\"")]);
    refuses(
        &backwards,
        [
            "3:10",
            "\"db\"",
            "`after` and the `units` of [group.g] go in a circle: web → db → web",
            "name in `units` first what the others come after",
        ],
    );
    let shown = problems(&backwards)[0].render(false);
    assert!(shown.contains("^^^^ `web` comes after it"), "{shown}");
    assert!(shown.contains("---- stands behind `web`"), "{shown}");

    good(&ordered(&[("web", "\"db\""), ("db", "")], &[("g", "\"db\", \"web\"")]));
    // With nobody restarted together, the order is only that of names.
    good(&backwards.replace("one_for_all", "one_for_one"));
    refuses(
        &backwards.replace("one_for_all", "rest_for_one"),
        ["3:10", "\"db\"", "web → db → web", "none of them could ever start"],
    );
}

#[test]
fn circles_through_groups_are_shown_as_a_way() {
    // Through a service that is in no group, and through one that stands between.
    let services = [("web", "\"mid\""), ("mid", "\"db\""), ("db", ""), ("x", "")];
    refuses(
        &ordered(&services, &[("g", "\"web\", \"x\", \"db\"")]),
        ["3:10", "\"mid\"", "of [group.g] go in a circle: web → mid → db → x → web", "`units`"],
    );
    // Through two groups, each of which is in order.
    let services = [("a", "\"d\""), ("b", ""), ("c", "\"b\""), ("d", "")];
    refuses(
        &ordered(&services, &[("one", "\"a\", \"b\""), ("two", "\"c\", \"d\"")]),
        ["3:10", "\"d\"", "go in a circle: a → d → c → b → a", "none of them could ever start"],
    );
    // One without a group stays what it was.
    let services = [("a", "\"b\""), ("b", "\"a\""), ("c", "")];
    refuses(
        &ordered(&services, &[("g", "\"a\", \"c\"")]),
        ["3:10", "\"b\"", "`after` goes in a circle: a → b → a", "remove one of these names"],
    );
}

#[test]
fn a_broken_service_is_in_its_group_all_the_same() {
    refuses(
        "[service.a]\ncommand = [\"x\"]\n[service.b]\ncommand = 3\n\
         [group.g]\nunits = [\"a\", \"b\"]\n",
        ["4:11", "3", "`command` must be an array", "command = ["],
    );
    // Nor is a name missing whose section could not be parsed.
    refuses_all(
        "[service.a]\ncommand = [\"x\"]\n[service.b]\nshell = sh\n\
         [group.g]\nunits = [\"a\", \"b\"]\n[group.h]\nunits = nope\n",
        &[["4:9", "sh", "must be quoted", "\"sh\""], ["8:9", "nope", "must be quoted", "\"nope\""]],
    );
}
