//! A section of a text: a header and the lines below it, up to the next header.

use toml::de::{DeTable, DeValue};

/// The section that holds a mistake.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// The last byte of the header's line; where the text starts, if the section has no header.
    pub(super) start: usize,
    /// Where the lines to blank start: the header, if the mistake is in it.
    from: usize,
    /// Where the next section starts.
    pub(super) body_end: usize,
    header_stays: bool,
}

impl Section {
    /// The section of a mistake at `at` of `text`. If it was noticed only long after it was made
    /// (a text or an array that is not closed), it is in the section of the last key that the
    /// parser understood before it noticed.
    pub(super) fn of(text: &str, at: usize, noticed_late: Option<&DeTable<'_>>) -> Self {
        let origin = noticed_late.map_or(Some(at), |table| last_key(table, at));
        let origin = origin.unwrap_or(0).min(text.len());
        let header = headers(text).take_while(|header| *header <= origin).last();
        let Some(header) = header else {
            let body_end = headers(text).next().unwrap_or(text.len());
            return Self { start: 0, from: 0, body_end, header_stays: true };
        };
        let line_end = text[header..].find('\n').map_or(text.len(), |length| header + length);
        let body_end = next_header(text, line_end).unwrap_or(text.len());
        let header_stays = at > line_end;
        let from = if header_stays { line_end } else { header };
        Self { start: line_end, from, body_end, header_stays }
    }

    /// Blanks the section in `text`, leaving every offset as it is.
    pub(super) fn blank(&self, text: &mut String) -> Blanked {
        let blank = |c: char| if c == '\n' { "\n".into() } else { " ".repeat(c.len_utf8()) };
        let body: String = text[self.from..self.body_end].chars().map(blank).collect();
        if text[self.from..self.body_end] == body {
            return Blanked::NothingLeft;
        }
        text.replace_range(self.from..self.body_end, &body);
        if self.header_stays { Blanked::Body } else { Blanked::All }
    }
}

/// What was blanked of a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blanked {
    /// The lines below the header.
    Body,
    /// The header, too: nobody knows any more what it declared.
    All,
    /// It was blank already.
    NothingLeft,
}

/// Where the next line that is a header starts, after `from`.
pub(super) fn next_header(text: &str, from: usize) -> Option<usize> {
    headers(text).find(|header| *header > from)
}

/// Where the lines start that are headers, even one that is not closed.
fn headers(text: &str) -> impl Iterator<Item = usize> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        is_header(line).then_some(start)
    })
}

/// `[name.name]`, also where the last bracket is missing; not an element of an array that stands
/// on a line of its own, `["a", "b"],`.
fn is_header(line: &str) -> bool {
    let line = line.trim();
    let Some(name) = line.strip_prefix("[[").or_else(|| line.strip_prefix('[')) else {
        return false;
    };
    let name = name.split(['#', ']']).next().unwrap_or_default().trim();
    let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let first = name.starts_with(|c: char| c.is_alphabetic());
    first && name.chars().all(plain) && !line.ends_with(',')
}

/// The start of the last key at or before `at`.
fn last_key(table: &DeTable<'_>, at: usize) -> Option<usize> {
    let keys = table.iter().filter(|(key, _)| key.span().start <= at);
    keys.filter_map(|(key, value)| {
        let below = match value.get_ref() {
            DeValue::Table(table) => last_key(table, at),
            DeValue::Array(elements) => {
                let tables = elements.iter().filter_map(|element| element.get_ref().as_table());
                tables.filter_map(|table| last_key(table, at)).max()
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => None,
        };
        below.max(Some(key.span().start))
    })
    .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_from_arrays() {
        for line in ["[a]", "  [service.web] # x", "[[rule]]", "[service.web", "[a.b-c_d]\n"] {
            assert!(is_header(line), "{line}");
        }
        for line in ["", "a = [", "[\"x\"]", "[1, 2],", "[x],", "# [a]", "[]", "[{ a = 1 }]"] {
            assert!(!is_header(line), "{line}");
        }
    }

    fn blanked(text: &str, at: usize, late: bool) -> (String, Blanked) {
        let (table, _) = DeTable::parse_recoverable(text);
        let section = Section::of(text, at, late.then_some(table.get_ref()));
        let mut text = text.to_owned();
        let blanked = section.blank(&mut text);
        (text, blanked)
    }

    #[test]
    fn a_section_is_blanked_up_to_the_next_header() {
        let text = "[a]\nx = 1x\ny = 2\n[b]\nz = 3\n";
        let mended = "[a]\n      \n     \n[b]\nz = 3\n";
        assert_eq!(blanked(text, 9, false), (mended.into(), Blanked::Body));
        assert_eq!(blanked(mended, 9, false), (mended.into(), Blanked::NothingLeft));
        assert_eq!(blanked("x = ü\n[b]\n", 4, false), ("      \n[b]\n".into(), Blanked::Body));
        let text = "[a]\n[b\nz = 3\n";
        assert_eq!(blanked(text, 6, false), ("[a]\n  \n     \n".into(), Blanked::All));
    }

    #[test]
    fn what_is_not_closed_is_blanked_where_it_starts() {
        for open in ["\"\"\"", "[1,"] {
            let text = format!("[a]\nx = {open}\n[b]\nz = 3\n");
            let (mended, what) = blanked(&text, text.len() - 1, true);
            assert_eq!((mended.as_str(), what), ("[a]\n       \n[b]\nz = 3\n", Blanked::Body));
        }
    }
}
