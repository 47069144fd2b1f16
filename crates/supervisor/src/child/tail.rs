//! The last lines of an output: what a program that died said last is often why.

use super::splitter::Piece;
use std::collections::VecDeque;

/// How many lines are kept.
const LINES: usize = 8;
/// How many bytes they may have together.
const BYTES: usize = 1024;

/// The last lines of an output.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<Box<str>>,
    bytes: usize,
}

impl Tail {
    /// Takes in a line, and lets go of the oldest that find no room. Empty lines say nothing.
    pub(super) fn push(&mut self, piece: &Piece<'_>) {
        // Replacing what is no UTF-8 makes three bytes of one, and a flood need not be looked at.
        let start = Piece { bytes: piece.bytes.get(..BYTES).unwrap_or(piece.bytes), ..*piece };
        let text = start.text();
        let line = crate::ledger::cut(text.trim_end(), BYTES);
        if line.is_empty() {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(gone) = self.lines.pop_front() else { break };
            self.bytes -= gone.len();
        }
    }

    /// The lines, oldest first.
    pub(super) fn into_lines(self) -> Box<[Box<str>]> {
        self.lines.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(lines: &[&[u8]]) -> Vec<String> {
        let mut tail = Tail::default();
        for bytes in lines {
            tail.push(&Piece { bytes, partial: false });
        }
        tail.into_lines().iter().map(|line| (**line).to_owned()).collect()
    }

    #[test]
    fn the_last_eight_lines_are_kept() {
        let lines: Vec<_> = (0..20).map(|n| format!("line {n}").into_bytes()).collect();
        let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        assert_eq!(kept(&lines), (12..20).map(|n| format!("line {n}")).collect::<Vec<_>>());
        assert_eq!(kept(&[b"one", b"", b"  ", b"two\r"]), ["one", "two"]);
    }

    #[test]
    fn and_no_more_than_a_kilobyte_of_them() {
        let long = vec![b'x'; 700];
        assert_eq!(kept(&[b"first", &long, &long]).len(), 1);
        for flood in [vec![b'y'; 60_000], vec![0xff; 60_000]] {
            let kept = kept(&[b"first", &flood]);
            assert_eq!(kept.len(), 1);
            assert!(kept[0].len() <= BYTES && kept[0].len() > BYTES - 8, "{}", kept[0].len());
        }
    }
}
