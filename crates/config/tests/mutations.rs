//! Whatever stands in a file, reading it ends, and ends in an answer that can be shown.

use hearken_config::{Config, LoadOptions, Severity};

const REFERENCE: &str = include_str!("../../../config/reference.toml");
const DEMO: &str = include_str!("../../../config/demo.toml");
const DECISIONS: &str = include_str!("../../../config/decisions.toml");
const POOL: &str = include_str!("../../../config/pool.toml");
const EXEC: &str = include_str!("../../../config/exec.toml");

/// SplitMix64: the same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below an usize")
    }
}

/// What mistakes are made of.
const PIECES: [&str; 42] = [
    "\"",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ",",
    ".",
    "#",
    "\n",
    "\r",
    "\t",
    "\\",
    "\0",
    "ü",
    "\u{feff}",
    "\u{1b}[31m",
    "\u{202e}",
    "${",
    "${X}",
    "$${",
    "0",
    "-1",
    "1e400",
    "9999999999999",
    "true",
    "1979-05-27",
    "[service.api]\n",
    "[[rule]]\n",
    "[[service.queue.rule]]\n",
    "[group.backend]\n",
    "[pool.words]\n",
    "[[pool.words.rule]]\n",
    "mode = \"exec\"\n",
    "\"{}\"",
    "match = { kind = \"bug\" }\n",
    "service",
    "nan",
    "\"never\"",
];

/// Changes a text in one place.
fn mutate(text: &str, numbers: &mut Numbers) -> String {
    let marks: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = marks[numbers.below(marks.len())];
    let other = marks[numbers.below(marks.len())];
    let near = marks[(marks.partition_point(|m| *m < at) + numbers.below(12)).min(marks.len() - 1)];
    let piece = PIECES[numbers.below(PIECES.len())];
    match numbers.below(6) {
        0 => format!("{}{}", &text[..at], &text[near..]),
        1 => format!("{}{piece}{}", &text[..at], &text[near..]),
        2 => format!("{}{piece}{}", &text[..at], &text[at..]),
        3 => text[..at].to_owned(),
        // A stretch once more, somewhere else.
        4 => format!("{}{}{}", &text[..other], &text[at..near], &text[other..]),
        _ => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (one, two) = (numbers.below(lines.len()), numbers.below(lines.len()));
            if !lines.is_empty() {
                lines.swap(one, two);
            }
            lines.join("\n")
        }
    }
}

fn read(text: &str) {
    let options = LoadOptions::default();
    match Config::parse("/etc/hearken/hearken.toml", text, &options) {
        Ok(loaded) => assert!(loaded.config.units().next().is_some()),
        Err(errors) => {
            assert!(errors.error_count() > 0, "an error without an error:\n{text}");
            let (plain, colour) = (errors.render(false), errors.render(true));
            assert!(!plain.contains('\u{1b}'), "{plain}");
            assert!(!plain.contains('\0') && !colour.contains('\0'), "{plain}");
            for found in errors.diagnostics() {
                assert!(!found.message.is_empty() && !found.help.is_empty(), "{found:?}");
                let place = (found.line, found.column);
                if let (Some(line), Some(column)) = place {
                    assert!(line >= 1 && line <= text.lines().count().max(1), "{found:?}\n{text}");
                    let shown = format!("{line}:{column}\n");
                    assert!(
                        found.render(false).contains(&shown),
                        "{shown}\n{}",
                        found.render(false)
                    );
                }
                assert!(found.severity == Severity::Error || place.0.is_some());
            }
        }
    }
}

#[test]
fn no_mutation_of_a_good_config_is_too_much() {
    let texts = [
        (REFERENCE, 0..700),
        (DEMO, 700..1_000),
        (DECISIONS, 1_000..1_700),
        (POOL, 1_700..2_100),
        (EXEC, 2_100..2_500),
    ];
    for (text, seeds) in texts {
        for seed in seeds {
            let mut numbers = Numbers(seed);
            let mut text = text.to_owned();
            for _ in 0..1 + numbers.below(8) {
                text = mutate(&text, &mut numbers);
            }
            read(&text);
        }
    }
}

#[test]
fn a_file_of_many_mistakes_is_read_in_time() {
    let lines = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    let table = [
        "[service.a]\nx = 1\n".repeat(20_000),
        lines(&|n| format!("[service.s{n}]\nafter = [\"t{n}\"]\n")),
        format!("[service.a]\nafter = [{}]\n", lines(&|n| format!("\"n{n}\","))),
        format!("[service.a]\ncommand = [{}]\n", "1,".repeat(50_000)),
        format!("[service.a]\nshell = \"{}\"\n", "${A}".repeat(20_000)),
        format!("[service.a]\n{}", lines(&|n| format!("k{n} = 1\n"))),
        format!("[service.a]\n{}", lines(&|n| format!("k{n} = yes\n"))),
        format!("[service.a]\n{}", "[[service.a.rule]]\n".repeat(100)),
        format!("{}[service.a]\n", "[[rule]]\nmatch = { kind = x }\n".repeat(100)),
        format!("[service.a]\n[group.g]\nunits = [{}]\n", lines(&|n| format!("\"n{n}\","))),
        lines(&|n| format!("[pool.s{n}]\nworkers = 0\nafter = [\"t{n}\"]\n")),
        lines(&|n| format!("[service.s{n}]\n[group.g{n}]\nunits = [\"s1\"]\n")),
    ];
    for text in table {
        let options = LoadOptions::default();
        let errors = Config::parse("x.toml", &text, &options).expect_err("many mistakes");
        assert!(errors.error_count() > 10 && errors.diagnostics().len() <= 500);
        assert!(errors.diagnostics()[0].render(false).contains("--> x.toml:"));
        if errors.diagnostics().len() > 200 {
            let last = &errors.diagnostics()[200];
            assert_eq!(last.message, "there are more errors than these 200");
        }
    }
}

#[test]
fn a_large_config_is_read_in_time() {
    let lines = |count, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let patterns: String = (0..32).map(|n| format!("\"*a{n}*\",")).collect();
    let rules = lines(128, &|n| {
        format!("[[rule]]\nmatch = {{ code = \"*{n}*\", unit = [{patterns}] }}\nunit = \"fail\"\n")
    });
    let services = lines(2_000, &|n| format!("[service.a{n}]\ncommand = [\"x\"]\n"));
    let names: String = (0..2_000).map(|n| format!("\"a{n}\",")).collect();
    let group = format!("[group.g]\nstrategy = \"rest_for_one\"\nunits = [{names}]\n");
    let text = format!("{rules}{services}{group}");
    let loaded = Config::parse("x.toml", &text, &LoadOptions::default()).expect("a good config");
    assert_eq!(loaded.config.groups[0].units.len(), 2_000);
    let rules: usize = loaded.config.services.iter().map(|it| it.policy.rules.len()).sum();
    assert!(rules > 100_000, "{rules}");
}
