//! Where one JSON value ends and the next begins.

/// What a byte is to the value it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Byte {
    /// It is between values.
    Between,
    /// It belongs to the value.
    Inside,
    /// It belongs to the value, which ends with it.
    Last,
    /// It belongs no more to the value, which has ended before it.
    Behind,
    /// It ends all values.
    End,
    /// It can stand nowhere here.
    Misplaced,
}

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// Before anything.
    #[default]
    Start,
    /// Before a value.
    Value,
    /// Behind a value of the outer array.
    Comma,
    /// In a number or a word.
    Word,
    /// In a string.
    Text,
    /// In a string, behind a backslash.
    Escape,
    /// In an object or an array.
    Container,
    /// Behind the outer array.
    End,
}

/// Finds the elements of one outer array, or values that stand one behind the other. It looks at
/// brackets, quotes and commas only: whether a value is JSON is said by who parses it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scan {
    at: At,
    /// There is an outer array.
    array: bool,
    /// How many containers of the value are open.
    depth: u64,
}

impl Scan {
    /// Takes in the next byte.
    pub(super) fn step(&mut self, byte: u8) -> Byte {
        let blank = byte.is_ascii_whitespace();
        match self.at {
            At::Start if byte == b'[' => {
                (self.array, self.at) = (true, At::Value);
                Byte::Between
            }
            At::Start | At::Value | At::Comma | At::End if blank => Byte::Between,
            At::Comma if byte == b',' => {
                self.at = At::Value;
                Byte::Between
            }
            At::Value | At::Comma if self.array && byte == b']' => {
                self.at = At::End;
                Byte::End
            }
            At::Start | At::Value if !matches!(byte, b',' | b']' | b'}' | b':') => self.begin(byte),
            At::Start | At::Value | At::Comma | At::End => Byte::Misplaced,
            At::Word if blank || matches!(byte, b',' | b']' | b'[' | b'{' | b'"') => {
                self.at = self.behind();
                Byte::Behind
            }
            At::Word => Byte::Inside,
            At::Escape => {
                self.at = At::Text;
                Byte::Inside
            }
            At::Text => self.in_text(byte),
            At::Container => self.in_container(byte),
        }
    }

    /// Whether the end of the file may come here.
    pub(super) fn may_end(&self) -> bool {
        match self.at {
            At::Start | At::End => true,
            At::Value | At::Word => !self.array,
            At::Comma | At::Text | At::Escape | At::Container => false,
        }
    }

    fn begin(&mut self, byte: u8) -> Byte {
        self.at = match byte {
            b'{' | b'[' => {
                self.depth = 1;
                At::Container
            }
            b'"' => At::Text,
            _ => At::Word,
        };
        Byte::Inside
    }

    fn in_text(&mut self, byte: u8) -> Byte {
        match (byte, self.depth) {
            (b'\\', _) => self.at = At::Escape,
            (b'"', 0) => {
                self.at = self.behind();
                return Byte::Last;
            }
            (b'"', _) => self.at = At::Container,
            _ => {}
        }
        Byte::Inside
    }

    fn in_container(&mut self, byte: u8) -> Byte {
        match byte {
            b'"' => self.at = At::Text,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.at = self.behind();
                    return Byte::Last;
                }
            }
            _ => {}
        }
        Byte::Inside
    }

    fn behind(&self) -> At {
        if self.array { At::Comma } else { At::Value }
    }
}
