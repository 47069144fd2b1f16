//! A config text, and places in it.

use std::fmt;
use std::ops::Range;

/// A stretch of bytes of a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A text with the name it is known by.
pub(crate) struct Source {
    name: String,
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len());
        let lines = std::iter::once(0).chain(starts).collect();
        Self { name: name.into(), text, lines }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same text with stars in the place of `secrets`. Bytes and lines stay where they are, so
    /// that every span still fits.
    pub(crate) fn masked(&self, secrets: &[Span]) -> Self {
        let secret = |at: usize| secrets.iter().any(|span| (span.start..span.end).contains(&at));
        let mut text = String::with_capacity(self.text.len());
        for (at, c) in self.text.char_indices() {
            if c != '\n' && secret(at) {
                text.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                text.push(c);
            }
        }
        Self { name: self.name.clone(), text, lines: self.lines.clone() }
    }

    /// The text of `span`; empty if it is none of ours.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The span moved inside the text and onto whole characters, so that it can be drawn: a
    /// problem "at the end of the file" is drawn after the last character of the last line.
    pub(crate) fn fit(&self, span: Span) -> Span {
        let last = self.text.trim_end_matches(['\n', '\r']).len();
        let mut start = span.start.min(last);
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end.clamp(start, last.max(start));
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Span { start, end }
    }

    /// The line of an offset, from 0.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Line and column, both from 1; a column is a character, not a byte.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.slice(Span { start: self.lines[line], end: offset });
        (line + 1, before.chars().count() + 1)
    }

    /// The lines that hold all of `spans`: the offset they start at, the number of the first
    /// (from 1), and their text.
    pub(crate) fn excerpt(&self, spans: impl Iterator<Item = Span>) -> (usize, usize, &str) {
        let (start, end) =
            spans.fold((usize::MAX, 0), |(start, end), s| (start.min(s.start), end.max(s.end)));
        let first = self.line(start.min(end));
        let from = self.lines[first];
        let to = self.text[end..].find('\n').map_or(self.text.len(), |more| end + more);
        (from, first + 1, &self.text[from..to])
    }
}

/// Without the text: it may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new("x", "a = 1\nü = \"é\" # x\n");
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place(6), (2, 1));
        assert_eq!(source.place(8), (2, 2));
        assert_eq!(source.fit(Span { start: 400, end: 500 }), Span { start: 19, end: 19 });
        assert_eq!(source.place(19), (2, 12));
    }

    #[test]
    fn a_mask_moves_nothing() {
        let source = Source::new("x", "a = \"gr\u{fc}n\nb\"\nc = 1\n");
        let masked = source.masked(&[Span { start: 4, end: 13 }]);
        assert_eq!(masked.text, "a = ******\n**\nc = 1\n");
        assert_eq!(masked.text.len(), source.text.len());
    }

    #[test]
    fn an_excerpt_is_whole_lines() {
        let source = Source::new("x", "one\ntwo\nthree\nfour");
        let span = |start, end| Span { start, end };
        assert_eq!(source.excerpt([span(5, 6), span(9, 10)].into_iter()), (4, 2, "two\nthree"));
        assert_eq!(source.excerpt([span(18, 18)].into_iter()), (14, 4, "four"));
        assert_eq!(Source::new("x", "").excerpt([span(0, 0)].into_iter()), (0, 1, ""));
    }
}
