//! Real files and real workers: what comes out is what a sequential run gives.

use super::shell::{Ran, Shell};
use crate::harness::skip;
use crate::sdk::{PYTHON, has_php, has_python, repository};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The regular files under here, sorted; what cannot be read is left out, and links are not followed.
fn files(under: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(under)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort();
    found
}

/// Whether a file is text: UTF-8 without control characters but white space.
fn is_text(path: &Path) -> bool {
    let control = |byte: &u8| matches!(byte, 0..=8 | 14..=31 | 127);
    std::fs::read(path)
        .is_ok_and(|bytes| !bytes.iter().any(control) && std::str::from_utf8(&bytes).is_ok())
}

/// The text files of this system's documentation.
fn text_files() -> Vec<PathBuf> {
    let all = files("/usr/share/doc");
    all.into_iter().filter(|path| path.to_str().is_some() && is_text(path)).collect()
}

fn ended_by_nul(paths: &[PathBuf]) -> Vec<u8> {
    paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect()
}

/// What a program without hearken says about these files, that it reads the names of with `option`.
fn sequentially(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The results by input, each of which must be there once.
fn by_input(ran: &Ran) -> BTreeMap<String, Value> {
    let results = ran.results(0);
    let pair = |it: &Value| (it["input"].as_str().unwrap().to_owned(), it["result"].clone());
    let map: BTreeMap<_, _> = results.iter().map(pair).collect();
    assert_eq!(map.len(), results.len());
    map
}

#[test]
fn python_workers_count_the_words_of_all_documentation_as_wc_does() {
    let paths = text_files();
    if !has_python() || paths.is_empty() {
        return skip("no python3 with msgpack here, or no text files in /usr/share/doc");
    }
    let list = ended_by_nul(&paths);
    let counted = sequentially("wc", &["-w", "--files0-from=-"], &list);
    let count = |line: &str| {
        let (words, path) = line.trim_start().split_once(' ').unwrap();
        (path.to_owned(), words.parse::<u64>().unwrap())
    };
    // With more than one file there is a last line of all together.
    let expected: BTreeMap<_, _> = counted.lines().take(paths.len()).map(count).collect();

    let library = format!("{}/sdk/python/src", repository());
    let shell = Shell::new().environment("PYTHONPATH", &library);
    let worker = format!("{}/sdk/python/examples/tasks.py", repository());
    let options = ["-0", "--with-input", "--type", "count_words", "--", PYTHON, &worker];
    let ran = shell.fed(&list, &options);
    let words = |(path, result): (String, Value)| (path, result["words"].as_u64().unwrap());
    let found: BTreeMap<_, _> = by_input(&ran).into_iter().map(words).collect();
    let differ: Vec<_> =
        expected.iter().filter(|(path, words)| found.get(*path) != Some(words)).collect();
    assert!(differ.is_empty(), "{} of {} files: {differ:?}", differ.len(), paths.len());
    assert_eq!(found.len(), expected.len());
}

#[test]
fn php_workers_hash_programs_as_sha256sum_does() {
    const FILES: usize = 300;
    const LONG: u64 = 4 << 20;
    let short = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|it| it.len() < LONG);
    let paths: Vec<_> = files("/usr/bin").into_iter().filter(short).take(FILES).collect();
    if !has_php() || paths.is_empty() {
        return skip("no php here, or no files in /usr/bin");
    }
    let list = ended_by_nul(&paths);
    let sums = sequentially("xargs", &["-0", "sha256sum"], &list);
    let expected: BTreeMap<_, _> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(sum, path)| (path.to_owned(), Value::from(sum)))
        .collect();

    let worker = format!("{}/sdk/php/examples/tasks.php", repository());
    let ran =
        Shell::new().fed(&list, &["-0", "--with-input", "--type", "hash", "--", "php", &worker]);
    let found: BTreeMap<_, _> =
        by_input(&ran).into_iter().map(|(path, result)| (path, result["sha256"].clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn php_workers_that_fail_for_a_third_of_their_inputs_succeed_in_the_end() {
    const INPUTS: usize = 300;
    if !has_php() {
        return skip("no php here");
    }
    let worker = format!("{}/sdk/php/examples/unsteady.php", repository());
    let input: String = (0..INPUTS).map(|number| format!("word {number}\n")).collect();
    let options = ["--with-input", "--retries", "2", "--retry-delay", "1ms", "--", "php", &worker];
    let ran = Shell::new().fed(input.as_bytes(), &options);
    let found = by_input(&ran);
    assert_eq!(found.len(), INPUTS);
    assert!(
        found.iter().all(|(word, result)| *result == word.to_uppercase().as_str()),
        "{found:?}"
    );

    let attempts = ran.of_each(0, "attempts");
    let of = |many: u64| attempts.iter().filter(|it| it.as_u64() == Some(many)).count();
    let (first, third) = (of(1), of(3));
    assert_eq!(first + third, INPUTS, "{attempts:?}");
    // A sixth fails twice, and another sixth is told to come back later, which is no attempt.
    assert!((INPUTS / 12..=INPUTS / 4).contains(&third), "{third}");
    ran.says(0, &["search.timeout", "is tried again in"]);
    let once = Shell::new().fed(input.as_bytes(), &["--", "php", &worker]);
    let failed = once.of_each(1, "status").iter().filter(|it| *it == "failed").count();
    assert_eq!(failed, third, "those are the ones that a single try is not enough for");
}
