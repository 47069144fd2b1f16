//! `{}` in the arguments of an exec pool: where the payload of a task goes.
//!
//! The words are those of GNU parallel: `{}` is the payload, `{.}` the path it names without its
//! extension, `{/}` its last part, `{//}` the folder it is in, `{/.}` the last part without its
//! extension. Anything else in braces stays as it is.

use std::ffi::{CString, NulError};

/// A program and its arguments with places for the payload of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentTemplate {
    words: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Payload(Part),
}

/// What of the payload stands in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    WithoutExtension,
    BaseName,
    Folder,
    BaseNameWithoutExtension,
}

/// None is the start of another.
const PLACES: [(&str, Part); 5] = [
    ("{}", Part::All),
    ("{.}", Part::WithoutExtension),
    ("{/}", Part::BaseName),
    ("{//}", Part::Folder),
    ("{/.}", Part::BaseNameWithoutExtension),
];

impl ArgumentTemplate {
    /// The template of a command; `None` if no argument has a place for the payload. The program has
    /// none: no task says what is run.
    #[must_use]
    pub fn of(words: &[String]) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        let program = vec![Piece::Text(program.clone())];
        let arguments = arguments.iter().map(|word| pieces(word));
        let template = Self { words: std::iter::once(program).chain(arguments).collect() };
        (template.places() > 0).then_some(template)
    }

    /// Whether this word has a place for the payload.
    pub(super) fn has_place(word: &str) -> bool {
        PLACES.iter().any(|(place, _)| word.contains(place))
    }

    /// How often the payload stands in the arguments: 1 or more.
    #[must_use]
    pub fn places(&self) -> usize {
        let pieces = self.words.iter().flatten();
        pieces.filter(|piece| matches!(piece, Piece::Payload(_))).count()
    }

    /// The program and its arguments for this payload.
    ///
    /// # Errors
    /// If the payload holds a NUL: no program can be given that in an argument.
    pub fn fill(&self, payload: &[u8]) -> Result<Vec<CString>, NulError> {
        let word = |pieces: &Vec<Piece>| {
            let mut word = Vec::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => word.extend_from_slice(text.as_bytes()),
                    Piece::Payload(part) => word.extend_from_slice(part.of(payload)),
                }
            }
            CString::new(word)
        };
        self.words.iter().map(word).collect()
    }
}

/// A word cut at its places.
fn pieces(word: &str) -> Vec<Piece> {
    let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), word);
    while let Some(c) = rest.chars().next() {
        match PLACES.iter().find(|(place, _)| rest.starts_with(place)) {
            Some((place, part)) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Payload(*part));
                rest = &rest[place.len()..];
            }
            None => {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

impl Part {
    fn of(self, payload: &[u8]) -> &[u8] {
        match self {
            Self::All => payload,
            Self::WithoutExtension => without_extension(payload),
            Self::BaseName => base_name(payload),
            Self::Folder => folder(payload),
            Self::BaseNameWithoutExtension => without_extension(base_name(payload)),
        }
    }
}

/// Without the slashes it ends in, unless it is nothing but slashes.
fn trimmed(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|b| *b != b'/') {
        Some(last) => &path[..=last],
        None => &path[..path.len().min(1)],
    }
}

/// The last part of a path, as basename(1) has it.
fn base_name(path: &[u8]) -> &[u8] {
    let path = trimmed(path);
    match path.iter().rposition(|b| *b == b'/') {
        Some(slash) if path.len() > 1 => &path[slash + 1..],
        Some(_) | None => path,
    }
}

/// The folder of a path, as dirname(1) has it.
fn folder(path: &[u8]) -> &[u8] {
    let path = trimmed(path);
    match path.iter().rposition(|b| *b == b'/') {
        Some(slash) => trimmed(&path[..=slash]),
        None => b".",
    }
}

/// Without the last dot of the last part and what follows; dots that begin it stay.
fn without_extension(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
    match path[start..].iter().rposition(|b| *b == b'.') {
        Some(dot) if path[start..start + dot].iter().any(|b| *b != b'.') => &path[..start + dot],
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(words: &[&str], payload: &str) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let filled = ArgumentTemplate::of(&words).unwrap().fill(payload.as_bytes()).unwrap();
        filled.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_payload_goes_where_the_braces_are() {
        let table = [
            (vec!["convert", "{}", "{.}.png"], "a/b.jpg", vec!["convert", "a/b.jpg", "a/b.png"]),
            (vec!["x", "--in={}{}"], "1", vec!["x", "--in=11"]),
            (vec!["x", "{//}/out/{/.}.txt"], "/a/b.c.d", vec!["x", "/a/out/b.c.txt"]),
            (
                vec!["x", "{/}", "{y}", "{", "}", "{ }"],
                "a/b",
                vec!["x", "b", "{y}", "{", "}", "{ }"],
            ),
            (vec!["x", "{{}}"], "a b", vec!["x", "{a b}"]),
            (vec!["x", "{}"], "{.}", vec!["x", "{.}"]),
            (vec!["x", "ü{}ü"], "", vec!["x", "üü"]),
        ];
        for (words, payload, expected) in table {
            assert_eq!(fill(&words, payload), expected, "{words:?}");
        }
    }

    #[test]
    fn paths_are_taken_apart_as_basename_and_dirname_do() {
        // path, {.}, {/}, {//}, {/.}
        let table = [
            ("a/b.txt", "a/b", "b.txt", "a", "b"),
            ("b.tar.gz", "b.tar", "b.tar.gz", ".", "b.tar"),
            ("/b", "/b", "b", "/", "b"),
            ("a.d/b", "a.d/b", "b", "a.d", "b"),
            ("a/.profile", "a/.profile", ".profile", "a", ".profile"),
            ("a//b//", "a//b//", "b", "a", "b"),
            ("/", "/", "/", "/", "/"),
            ("//", "//", "/", "/", "/"),
            ("..", "..", "..", ".", ".."),
            ("", "", "", ".", ""),
        ];
        for (path, stem, base, folder, base_stem) in table {
            let expected = vec!["x", stem, base, folder, base_stem];
            assert_eq!(fill(&["x", "{.}", "{/}", "{//}", "{/.}"], path), expected, "{path:?}");
        }
    }

    #[test]
    fn a_command_without_a_place_is_no_template() {
        for words in [vec![], vec!["x"], vec!["x", "{y}", "{#}", "{ }", "}{"], vec!["{}"]] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(ArgumentTemplate::of(&words), None, "{words:?}");
        }
    }

    #[test]
    fn a_payload_with_a_nul_is_no_argument() {
        let words = ["x".to_owned(), "{}".to_owned()];
        let template = ArgumentTemplate::of(&words).unwrap();
        assert!(template.fill(b"a\0b").is_err());
        assert_eq!(template.fill(b"\xff").unwrap()[1].as_bytes(), b"\xff");
    }
}
