//! "Did you mean …": the known word nearest to an unknown one.

/// The candidate that was probably meant, if any is near enough: at most a third of its letters
/// wrong or swapped, or letters left out. Case, `-` and `_` do not count. The first of equals.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    // Longer than any candidate could be; comparing is quadratic.
    if word.len() > 128 {
        return None;
    }
    let word = folded(word);
    let near = |candidate: &&'c str| distance(&word, &folded(candidate));
    let scored = candidates.into_iter().filter_map(|c| near(&c).map(|distance| (distance, c)));
    scored.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

fn distance(word: &str, candidate: &str) -> Option<usize> {
    let longer = word.chars().count().max(candidate.chars().count());
    let allowed = (longer / 3).max(1).min(longer.saturating_sub(1));
    if longer - word.chars().count().min(candidate.chars().count()) > allowed
        && !abbreviates(word, candidate)
    {
        return None;
    }
    let distance = strsim::damerau_levenshtein(word, candidate);
    (distance <= allowed || abbreviates(word, candidate)).then_some(distance)
}

/// Whether the word is the candidate with letters left out, `msgpack` for `messagepack`.
fn abbreviates(word: &str, candidate: &str) -> bool {
    let mut letters = candidate.chars();
    let in_order = word.chars().all(|c| letters.any(|letter| letter == c));
    word.len() >= 3 && in_order && word.chars().next() == candidate.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_are_seen_through() {
        let known = ["command", "restart", "start_timeout", "stop", "after"];
        let table = [
            ("restrat", Some("restart")),
            ("comand", Some("command")),
            ("Command", Some("command")),
            ("start-timeout", Some("start_timeout")),
            ("cmd", Some("command")),
            ("comm", Some("command")),
            ("aftr", Some("after")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest(&"x".repeat(5_000), known), None);
    }
}
