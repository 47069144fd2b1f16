//! The places in an argument where the payload of a task goes, as GNU parallel names them.
//!
//! | placeholder | of `photos/cat.small.jpg` |                                    |
//! |-------------|---------------------------|------------------------------------|
//! | `{}`        | `photos/cat.small.jpg`    | as it is                           |
//! | `{.}`       | `photos/cat.small`        | without what the last dot begins   |
//! | `{/}`       | `cat.small.jpg`           | what stands behind the last slash  |
//! | `{//}`      | `photos`                  | the directory, as dirname(1) has it|
//! | `{/.}`      | `cat.small`               | both of `{/}` and `{.}`            |
//!
//! Everything else in braces is text. What was put in is not looked at again.

/// What of the payload goes to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `{}`
    Whole,
    /// `{.}`
    WithoutExtension,
    /// `{/}`
    Base,
    /// `{//}`
    Directory,
    /// `{/.}`
    BaseWithoutExtension,
}

const PLACEHOLDERS: [(&[u8], Part); 5] = [
    (b"{}", Part::Whole),
    (b"{.}", Part::WithoutExtension),
    (b"{/}", Part::Base),
    (b"{//}", Part::Directory),
    (b"{/.}", Part::BaseWithoutExtension),
];

/// A piece of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What stays as it is; never empty.
    Text(&'a [u8]),
    /// Where this of the payload goes.
    Place(Part),
}

impl<'a> Piece<'a> {
    /// What stands there for this payload.
    #[must_use]
    pub fn of(self, payload: &'a [u8]) -> &'a [u8] {
        match self {
            Piece::Text(text) => text,
            Piece::Place(part) => part.of(payload),
        }
    }
}

/// An argument in pieces, from left to right.
pub fn pieces(argument: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = argument;
    std::iter::from_fn(move || {
        let (text, found) = match next_place(rest) {
            Some((0, length, part)) => {
                rest = rest.get(length..).unwrap_or_default();
                return Some(Piece::Place(part));
            }
            Some((at, ..)) => rest.split_at(at),
            None => (rest, [].as_slice()),
        };
        rest = found;
        (!text.is_empty()).then_some(Piece::Text(text))
    })
}

/// Whether the payload goes into this argument.
#[must_use]
pub fn has_place(argument: &[u8]) -> bool {
    next_place(argument).is_some()
}

/// Where the first placeholder stands, how long it is and what it asks for.
fn next_place(argument: &[u8]) -> Option<(usize, usize, Part)> {
    let braces = argument.iter().enumerate().filter(|(_, byte)| **byte == b'{');
    braces.map(|(at, _)| at).find_map(|at| {
        let here = argument.get(at..)?;
        let (name, part) = PLACEHOLDERS.iter().find(|(name, _)| here.starts_with(name))?;
        Some((at, name.len(), *part))
    })
}

impl Part {
    fn of(self, payload: &[u8]) -> &[u8] {
        match self {
            Part::Whole => payload,
            Part::WithoutExtension => without_extension(payload),
            Part::Base => base(payload),
            Part::Directory => directory(payload),
            Part::BaseWithoutExtension => without_extension(base(payload)),
        }
    }
}

fn last(byte: u8, path: &[u8]) -> Option<usize> {
    path.iter().rposition(|other| *other == byte)
}

fn base(path: &[u8]) -> &[u8] {
    let begin = last(b'/', path).map_or(0, |slash| slash + 1);
    path.get(begin..).unwrap_or_default()
}

/// A dot in a directory's name begins no extension.
fn without_extension(path: &[u8]) -> &[u8] {
    match last(b'.', base(path)) {
        Some(dot) => {
            let directories = path.len() - base(path).len();
            path.get(..directories + dot).unwrap_or(path)
        }
        None => path,
    }
}

/// Slashes at the end name nothing, and neither do those between the directory and the rest.
fn directory(path: &[u8]) -> &[u8] {
    let named = without_slashes(path);
    if named.is_empty() {
        return if path.is_empty() { b"." } else { b"/" };
    }
    match last(b'/', named) {
        None => b".",
        Some(slash) => match without_slashes(named.get(..slash).unwrap_or_default()) {
            [] => b"/",
            directory => directory,
        },
    }
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    path.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(argument: &str, payload: &str) -> String {
        let pieces = pieces(argument.as_bytes()).map(|piece| piece.of(payload.as_bytes()));
        String::from_utf8(pieces.collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn every_placeholder_takes_its_part_of_the_payload() {
        for (payload, without_extension, base, directory, base_without) in [
            ("photos/cat.small.jpg", "photos/cat.small", "cat.small.jpg", "photos", "cat.small"),
            ("foo.jpg", "foo", "foo.jpg", ".", "foo"),
            ("subdir.dir/foo.jpg", "subdir.dir/foo", "foo.jpg", "subdir.dir", "foo"),
            ("sub.dir/bar", "sub.dir/bar", "bar", "sub.dir", "bar"),
            ("plain", "plain", "plain", ".", "plain"),
            ("foo.", "foo", "foo.", ".", "foo"),
            ("a/.hidden", "a/", ".hidden", "a", ""),
            ("/root.txt", "/root", "root.txt", "/", "root"),
            ("a//b.c", "a//b", "b.c", "a", "b"),
            ("a/b/", "a/b/", "", "a", ""),
            ("/", "/", "", "/", ""),
            ("//", "//", "", "/", ""),
            ("", "", "", ".", ""),
            ("ä/ö.ü", "ä/ö", "ö.ü", "ä", "ö"),
            (
                "two words; $(rm) `x`",
                "two words; $(rm) `x`",
                "two words; $(rm) `x`",
                ".",
                "two words; $(rm) `x`",
            ),
        ] {
            assert_eq!(filled("{}", payload), payload);
            assert_eq!(filled("{.}", payload), without_extension, "{{.}} of {payload:?}");
            assert_eq!(filled("{/}", payload), base, "{{/}} of {payload:?}");
            assert_eq!(filled("{//}", payload), directory, "{{//}} of {payload:?}");
            assert_eq!(filled("{/.}", payload), base_without, "{{/.}} of {payload:?}");
        }
    }

    #[test]
    fn several_placeholders_stand_in_one_argument_and_around_text() {
        for (argument, expected) in [
            ("out/{/.}.png", "out/c.png"),
            ("{}{}", "a.b/c.da.b/c.d"),
            ("{//}:{/}:{.}", "a.b:c.d:a.b/c"),
            ("{{}}", "{a.b/c.d}"),
            ("{{/}", "{c.d"),
            ("--input={}", "--input=a.b/c.d"),
        ] {
            assert_eq!(filled(argument, "a.b/c.d"), expected, "{argument}");
        }
    }

    #[test]
    fn everything_else_in_braces_is_text() {
        for argument in
            ["", "plain", "{", "}", "{ }", "{1}", "{#}", "{///}", "{/./}", "${HOME}", "}{"]
        {
            assert_eq!(filled(argument, "payload"), argument);
            assert!(!has_place(argument.as_bytes()), "{argument}");
        }
        assert!(has_place(b"x{/.}"));
    }

    #[test]
    fn what_was_put_in_is_not_looked_at_again() {
        assert_eq!(filled("{} {/}", "{/}"), "{/} }");
        assert_eq!(filled("{{}", "}"), "{}");
    }

    #[test]
    fn bytes_that_are_no_text_come_through() {
        let pieces: Vec<_> = pieces(b"\xff{.}\xfe").map(|piece| piece.of(b"\x80.x")).collect();
        assert_eq!(pieces.concat(), b"\xff\x80\xfe");
    }
}
