//! Lines out of a stream of bytes: standard output and standard error of a child.

use std::borrow::Cow;

/// The longest line; a longer one is cut into pieces of this size, marked as partial.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// Cuts a stream into lines. Holds only a line that has begun.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    begun: Vec<u8>,
}

/// A line, or a piece of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// Its bytes, without the newline.
    pub(crate) bytes: &'a [u8],
    /// Whether the line goes on in the next piece.
    pub(crate) partial: bool,
}

impl<'a> Piece<'a> {
    /// The piece as text: bytes that are no UTF-8 are replaced, and so are the halves of a character
    /// that a cut runs through; the carriage return before a newline is dropped.
    #[must_use]
    pub(super) fn text(&self) -> Cow<'a, str> {
        let whole = self.bytes.strip_suffix(b"\r").filter(|_| !self.partial);
        String::from_utf8_lossy(whole.unwrap_or(self.bytes))
    }
}

impl Splitter {
    /// Takes in what was read and hands out every line it completes.
    ///
    /// A full piece is kept until the next byte is seen: only that tells whether the line goes on.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(Piece<'_>)) {
        while let Some(next) = bytes.first() {
            if self.begun.len() == LINE_MAX && *next != b'\n' {
                line(Piece { bytes: &self.begun, partial: true });
                self.begun.clear();
            }
            let room = LINE_MAX - self.begun.len();
            let newline = bytes.iter().take(room + 1).position(|byte| *byte == b'\n');
            let (piece, rest) = bytes.split_at(newline.unwrap_or(room.min(bytes.len())));
            match newline {
                Some(_) if self.begun.is_empty() => line(Piece { bytes: piece, partial: false }),
                Some(_) => {
                    self.begun.extend_from_slice(piece);
                    line(Piece { bytes: &self.begun, partial: false });
                    // The room goes back: a thousand quiet children must not keep their longest line.
                    self.begun = Vec::new();
                }
                None => self.begun.extend_from_slice(piece),
            }
            bytes = rest.get(usize::from(newline.is_some())..).unwrap_or_default();
        }
    }

    /// The stream has ended: hands out a last line that had no newline.
    pub(crate) fn finish(&mut self, line: impl FnOnce(Piece<'_>)) {
        if !self.begun.is_empty() {
            line(Piece { bytes: &self.begun, partial: false });
            self.begun = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |piece| lines.push((piece.bytes.to_vec(), piece.partial)));
        }
        splitter.finish(|piece| lines.push((piece.bytes.to_vec(), piece.partial)));
        lines
    }

    #[test]
    fn lines_come_whole_however_they_are_read() {
        let expected = [(b"one".to_vec(), false), (b"".to_vec(), false), (b"two".to_vec(), false)];
        assert_eq!(lines(&[b"one\n\ntwo\n"]), expected);
        assert_eq!(lines(&[b"on", b"e", b"\n\nt", b"wo"]), expected);
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let long = vec![b'x'; 2 * LINE_MAX + 5];
        let pieces = lines(&[&long, b"\nnext\n"]);
        let shape: Vec<_> = pieces.iter().map(|(bytes, partial)| (bytes.len(), *partial)).collect();
        assert_eq!(shape, [(LINE_MAX, true), (LINE_MAX, true), (5, false), (4, false)]);
    }

    #[test]
    fn a_line_of_just_the_limit_is_no_partial_one() {
        let full = vec![b'x'; LINE_MAX];
        assert_eq!(lines(&[&full, b"\n"]), [(full.clone(), false)]);
        assert_eq!(lines(&[&full]), [(full, false)]);
    }

    #[test]
    fn memory_is_bound_however_much_comes() {
        let mut splitter = Splitter::default();
        for _ in 0..100 {
            splitter.push(&vec![b'x'; 1 << 20], |piece| assert!(piece.bytes.len() <= LINE_MAX));
            assert!(splitter.begun.capacity() <= 2 * LINE_MAX);
        }
    }

    #[test]
    fn text_is_made_safe() {
        let text = |bytes, partial| Piece { bytes, partial }.text();
        assert_eq!(text(b"caf\xc3\xa9 \xff\r", false), "caf\u{e9} \u{fffd}");
        assert_eq!(text(b"cut\r", true), "cut\r");
    }
}
