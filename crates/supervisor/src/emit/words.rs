//! The words of the command line, as the protocol has them.

use hearken_proto::{ErrorKind, Level, MetricType, Raw};
use std::str::FromStr;

/// The longest code or name, in bytes: the supervisor cuts longer ones.
const NAME_MAX: usize = 256;

const LEVELS: [Level; 6] =
    [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];

/// Reads a kind of error that a child may say.
///
/// # Errors
/// Which there are.
pub fn error_kind(word: &str) -> Result<ErrorKind, String> {
    let what = match ErrorKind::ALL.into_iter().find(|kind| kind.name() == word) {
        Some(kind) if !kind.is_supervisor_only() => return Ok(kind),
        Some(_) => "only hearken says that, of a process that no longer can",
        None => "there is no such kind",
    };
    let allowed = ErrorKind::ALL.into_iter().filter(|kind| !kind.is_supervisor_only());
    let names: Vec<_> = allowed.map(ErrorKind::name).collect();
    Err(format!("{what}; say one of: {}", names.join(", ")))
}

/// Reads a level: `trace`, `debug`, `info`, `warn`, `error`, `fatal`.
///
/// # Errors
/// Which there are.
pub fn level(word: &str) -> Result<Level, String> {
    LEVELS.into_iter().find(|level| level.name() == word).ok_or_else(|| {
        format!("there is no such level; say one of: {}", LEVELS.map(Level::name).join(", "))
    })
}

/// Reads how the values of a metric add up: `counter`, `gauge`, `histogram`.
///
/// # Errors
/// Which there are.
pub fn metric_type(word: &str) -> Result<MetricType, String> {
    match word {
        "counter" | "c" => Ok(MetricType::Counter),
        "gauge" | "g" => Ok(MetricType::Gauge),
        "histogram" | "h" => Ok(MetricType::Histogram),
        _ => Err("there is no such type; say one of: counter, gauge, histogram".to_owned()),
    }
}

/// Reads a code that rules can match: `db.deadlock`.
///
/// # Errors
/// What is wrong with it.
pub fn code(word: &str) -> Result<String, String> {
    match word.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(_) => Err("a code has no spaces: write it dotted, db.deadlock".to_owned()),
        None => name(word),
    }
}

/// Reads a name: of a metric, a unit, a stage, a dependency.
///
/// # Errors
/// What is wrong with it.
pub fn name(word: &str) -> Result<String, String> {
    if word.is_empty() {
        Err("it is empty".to_owned())
    } else if word.len() > NAME_MAX {
        Err(format!("it has {} bytes, and {NAME_MAX} are allowed", word.len()))
    } else if word.chars().any(char::is_control) {
        Err("it has a control character in it".to_owned())
    } else {
        Ok(word.to_owned())
    }
}

/// Reads a number that is one.
///
/// # Errors
/// If it is none, or not finite.
pub fn number(word: &str) -> Result<f64, String> {
    match word.parse() {
        Ok(number) if f64::is_finite(number) => Ok(number),
        Ok(_) | Err(_) => Err("a finite number is wanted: 3, -1.5, 2e6".to_owned()),
    }
}

/// One entry of a map, as `KEY=VALUE`: the value as JSON if it is that, and as text if not.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    key: String,
    value: serde_json::Value,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let Some((key, value)) = word.split_once('=') else {
            return Err("write it as KEY=VALUE".to_owned());
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_text| value.into());
        Ok(Self { key: name(key)?, value })
    }
}

/// These pairs as a map; nothing if there are none.
///
/// # Errors
/// If a value is too deep to be sent.
pub fn map(pairs: Vec<Pair>) -> Result<Option<Raw>, String> {
    let map: serde_json::Map<_, _> =
        pairs.into_iter().map(|Pair { key, value }| (key, value)).collect();
    if map.is_empty() {
        return Ok(None);
    }
    Raw::from_value(&map).map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_that_a_child_may_say_is_read() {
        let said = ErrorKind::ALL.into_iter().filter(|kind| error_kind(kind.name()) == Ok(*kind));
        assert_eq!(said.count(), 12);
    }

    #[test]
    fn the_kinds_of_hearken_and_unknown_ones_are_refused_with_those_that_are_allowed() {
        for (word, why) in [
            ("oom", "only hearken says that"),
            ("start_failed", "only hearken says that"),
            ("Transient", "no such kind"),
            ("", "no such kind"),
        ] {
            let refused = error_kind(word).unwrap_err();
            assert!(refused.contains(why) && refused.contains("transient, timeout"), "{refused}");
            assert!(!refused.contains("oom"), "{refused}");
        }
    }

    #[test]
    fn levels_and_types_have_names() {
        assert_eq!(level("warn"), Ok(Level::Warn));
        assert!(level("warning").unwrap_err().contains("info, warn"));
        for (word, expected) in [
            ("counter", MetricType::Counter),
            ("g", MetricType::Gauge),
            ("histogram", MetricType::Histogram),
        ] {
            assert_eq!(metric_type(word), Ok(expected));
        }
        assert!(metric_type("sum").unwrap_err().contains("counter, gauge"));
    }

    #[test]
    fn names_and_codes_are_short_and_plain() {
        assert_eq!(code("db.deadlock"), Ok("db.deadlock".to_owned()));
        assert_eq!(name("import of rows"), Ok("import of rows".to_owned()));
        for bad in ["", "db deadlock", "a\nb", &"x".repeat(257)] {
            assert!(code(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a\u{7}b", &"x".repeat(257)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_finite() {
        for (word, expected) in [("3", 3.0), ("-1.5", -1.5), ("2e6", 2e6)] {
            assert_eq!(number(word), Ok(expected));
        }
        for word in ["", "x", "NaN", "inf", "1e999", "0x10"] {
            assert!(number(word).is_err(), "{word}");
        }
    }

    #[test]
    fn a_value_is_json_if_it_can_be_and_text_if_not() {
        for (word, key, value) in [
            ("used=93", "used", json!(93)),
            ("ok=true", "ok", json!(true)),
            ("path=/a=b", "path", json!("/a=b")),
            ("zip=007", "zip", json!("007")),
            ("list=[1,2]", "list", json!([1, 2])),
            ("empty=", "empty", json!("")),
            ("quoted=\"93\"", "quoted", json!("93")),
        ] {
            assert_eq!(word.parse(), Ok(Pair { key: key.to_owned(), value }), "{word}");
        }
        assert!("no pair".parse::<Pair>().unwrap_err().contains("KEY=VALUE"));
        assert!("=x".parse::<Pair>().is_err());
    }

    #[test]
    fn pairs_are_a_map() {
        let pairs = vec!["a=1".parse().unwrap(), "b=x y".parse().unwrap()];
        assert_eq!(map(pairs).unwrap().unwrap().to_json(100), r#"{"a":1,"b":"x y"}"#);
        assert_eq!(map(Vec::new()), Ok(None));
        let deep = format!("deep={}{}", "[".repeat(60), "]".repeat(60));
        assert!(map(vec![deep.parse().unwrap()]).is_err());
    }
}
