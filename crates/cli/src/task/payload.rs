//! The payloads of new tasks, as the command line gives them.

use super::failure::Failure;
use clap::Args;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{self, Read};

/// How much is read: what the daemon takes in one request, and a byte more to notice.
const INPUT_MAX: u64 = 32 * 1024 * 1024 + 1;

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Payload {
    /// A payload of JSON: itself, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    json: Option<String>,
    /// One task for each line of JSON: @FILE, or - for standard input.
    #[arg(long, value_name = "@FILE|-", allow_hyphen_values = true)]
    ndjson: Option<String>,
    /// A payload of text: itself, @FILE, or - for standard input.
    #[arg(long, value_name = "TEXT|@FILE|-", allow_hyphen_values = true)]
    text: Option<String>,
}

impl Payload {
    /// The payloads, as JSON; null where there is none.
    pub(super) fn read(&self) -> Result<Vec<Box<RawValue>>, Failure> {
        match (&self.json, &self.ndjson, &self.text) {
            (Some(given), ..) => {
                let (name, text) = source(given)?;
                Ok(vec![value(&name, &text)?])
            }
            (None, Some(given), _) => {
                if given != "-" && !given.starts_with('@') {
                    let what = "--ndjson wants @FILE, or - for standard input";
                    return Err(Failure::Usage(what.to_owned()));
                }
                let (name, text) = source(given)?;
                lines(&name, &text)
            }
            (None, None, Some(given)) => {
                let (_, text) = source(given)?;
                Ok(vec![own(&serde_json::Value::from(text).to_string())])
            }
            (None, None, None) => Ok(vec![own("null")]),
        }
    }
}

fn own(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("written as JSON just now")
}

fn lines(name: &str, text: &str) -> Result<Vec<Box<RawValue>>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let values = lines.map(|(number, line)| value(&format!("{name}, line {}", number + 1), line));
    let values: Vec<_> = values.collect::<Result<_, _>>()?;
    if values.is_empty() {
        return Err(Failure::Usage(format!("{name}: there is no line in it")));
    }
    Ok(values)
}

fn value(name: &str, text: &str) -> Result<Box<RawValue>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::Usage(format!("{name} is not JSON: {error}; --text takes what is none"))
    })
}

/// What it is called, and what it holds.
fn source(given: &str) -> Result<(String, String), Failure> {
    let read = |name: &str, from: &mut dyn Read| {
        let mut text = String::new();
        let read = from.take(INPUT_MAX).read_to_string(&mut text);
        read.map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        if text.len() as u64 >= INPUT_MAX {
            let what = format!("{name}: it has more than {} MiB; split it", INPUT_MAX >> 20);
            return Err(Failure::Usage(what));
        }
        Ok((name.to_owned(), text))
    };
    if given == "-" {
        return read("standard input", &mut io::stdin().lock());
    }
    match given.strip_prefix('@') {
        None => Ok(("the payload".to_owned(), given.to_owned())),
        Some(path) => {
            let open = File::open(path);
            let mut file = open.map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
            read(path, &mut file)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_payload_and_a_bad_one_is_named() {
        let values = lines("f", "1\n\n{\"a\": [2]}\r\n\"x\"").unwrap();
        let values: Vec<_> = values.iter().map(|it| it.get()).collect();
        assert_eq!(values, ["1", "{\"a\": [2]}", "\"x\""]);
        let Err(Failure::Usage(what)) = lines("f", "1\n{") else { panic!() };
        assert!(what.starts_with("f, line 2 is not JSON"), "{what}");
        assert!(matches!(lines("f", "\n \n"), Err(Failure::Usage(_))));
    }
}
