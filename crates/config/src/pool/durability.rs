//! `durability`: what a task survives that was acknowledged to its submitter.

use crate::diagnostic::Problem;
use crate::read::Reader;
use crate::read::choice::{Choice, choice};
use crate::read::quoted;
use crate::read::table::Table;
use crate::source::Span;

/// What an acknowledged task survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: it is on disk before it is acknowledged.
    #[default]
    Strict,
    /// The death of hearken; a power cut may lose the last ones.
    Relaxed,
    /// Nothing: it lives as long as hearken does.
    Memory,
}

impl Durability {
    /// The name that stands in the config and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Relaxed => "relaxed",
            Self::Memory => "memory",
        }
    }

    /// What a pool gets that asks for this, where the file that pools share has `file`.
    pub(crate) fn beside(self, file: Self) -> Self {
        match self {
            Self::Strict | Self::Relaxed => file,
            Self::Memory => Self::Memory,
        }
    }
}

impl Choice for Durability {
    const NAME: &'static str = "Durability";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("strict", Self::Strict, "a task survives a power cut once it is acknowledged"),
        ("relaxed", Self::Relaxed, "it survives hearken; a power cut may lose the last ones"),
        ("memory", Self::Memory, "it lives as long as hearken does"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("none", "write \"memory\""),
        ("disk", "write \"strict\", or \"relaxed\""),
        ("full", "write \"strict\""),
    ];
}

/// The durability that a pool asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'t> {
    pub(crate) durability: Durability,
    /// Where it stands; `None` if it is the default.
    span: Option<Span>,
    pool: &'t str,
    pool_span: Span,
}

pub(super) fn read<'t>(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    pool: &'t str,
    pool_span: Span,
) -> Option<Asked<'t>> {
    let value = table.take("durability");
    let durability = match value {
        Some(value) => reader.keep(choice(value)),
        None => Some(Durability::default()),
    };
    Some(Asked { durability: durability?, span: value.map(|value| value.span), pool, pool_span })
}

/// What the file has that all pools share but those in memory: what is synced for one is synced for
/// all, so beside a strict pool a relaxed one is strict, and is told so.
pub(crate) fn of_file(reader: &mut Reader<'_>, all: &[Asked<'_>]) -> Durability {
    let strict = all.iter().find(|asked| asked.durability == Durability::Strict);
    for relaxed in all.iter().filter(|asked| asked.durability == Durability::Relaxed) {
        if let (Some(strict), Some(span)) = (strict, relaxed.span) {
            let name = quoted(strict.pool);
            let message = format!("this pool is \"strict\" all the same, because {name} is");
            let help = "their tasks are in one file, which is synced for all: make both \"relaxed\" \
                        or both \"strict\"";
            let problem = Problem::new(span, message, help).label("synced with the other");
            let (at, label) = match strict.span {
                Some(at) => (at, "strict"),
                None => (strict.pool_span, "strict, the default"),
            };
            reader.warning(problem.also(at, label));
        }
    }
    if strict.is_some() { Durability::Strict } else { Durability::Relaxed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, pool, refuses_pool, warns_all};

    #[test]
    fn good_durabilities() {
        let table = [
            ("", Durability::Strict),
            ("durability = \"strict\"", Durability::Strict),
            ("durability = \"relaxed\"", Durability::Relaxed),
            ("durability = \"memory\"", Durability::Memory),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).durability, expected, "{lines}");
        }
    }

    #[test]
    fn bad_durabilities() {
        let table = [
            (
                "durability = \"relax\"",
                ["3:14", "\"relax\"", "cannot be `relax`", "did you mean \"relaxed\"?"],
            ),
            ("durability = \"none\"", ["3:14", "\"none\"", "cannot be `none`", "\"memory\""]),
            ("durability = false", ["3:14", "false", "a word in quotes", "\"strict\""]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }

    fn of(pools: &[(&str, &str)]) -> String {
        let one =
            |(name, line): &(&str, &str)| format!("[pool.{name}]\ncommand = [\"x\"]\n{line}\n");
        pools.iter().map(one).collect()
    }

    #[test]
    fn the_words_are_the_names() {
        for (word, durability, _) in Durability::WORDS {
            assert_eq!(*word, durability.as_str());
        }
    }

    #[test]
    fn beside_a_strict_pool_a_relaxed_one_is_strict_and_told_so() {
        let text =
            of(&[("a", "durability = \"relaxed\""), ("b", "durability = \"memory\""), ("c", "")]);
        let help = "make both \"relaxed\" or both \"strict\"";
        warns_all(
            &text,
            &[["3:14", "\"relaxed\"", "\"strict\" all the same, because `c` is", help]],
        );
        let loaded = good(&text);
        let found: Vec<Durability> = loaded.config.pools.iter().map(|it| it.durability).collect();
        assert_eq!(found, [Durability::Strict, Durability::Memory, Durability::Strict]);
        assert!(loaded.warnings[0].render(false).contains("strict, the default"));
    }

    #[test]
    fn memory_makes_nobody_strict() {
        let text = of(&[("a", "durability = \"relaxed\""), ("b", "durability = \"memory\"")]);
        let loaded = good(&text);
        assert!(loaded.warnings.is_empty());
        assert_eq!(loaded.config.pools[0].durability, Durability::Relaxed);
    }
}
