//! Reads MessagePack one head at a time. Every claimed length is checked against the bytes that are left.

use rmp::Marker;

/// Why no head could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The bytes end before the value does, or a claim goes beyond them.
    Truncated,
    /// The byte `0xc1`.
    Reserved,
}

/// The head of a value, with the content of everything that has no elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Head<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// Below zero, whatever the encoding.
    Negative(i64),
    Float(f64),
    /// Not yet checked to be UTF-8: PHP writes binary strings so.
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Ext(i8, &'a [u8]),
    /// So many elements follow.
    Array(u32),
    /// So many pairs follow.
    Map(u32),
}

impl Head<'_> {
    /// How many values follow that belong to this one.
    pub(crate) fn children(&self) -> u64 {
        match *self {
            Head::Array(count) => u64::from(count),
            Head::Map(count) => 2 * u64::from(count),
            Head::Nil
            | Head::Bool(_)
            | Head::Unsigned(_)
            | Head::Negative(_)
            | Head::Float(_)
            | Head::Str(_)
            | Head::Bin(_)
            | Head::Ext(..) => 0,
        }
    }

    /// What it is, for a message that says what was expected instead.
    pub(crate) fn describe(&self) -> String {
        match self {
            Head::Nil => "nil".to_owned(),
            Head::Bool(value) => format!("the boolean {value}"),
            Head::Unsigned(value) => format!("the integer {value}"),
            Head::Negative(value) => format!("the integer {value}"),
            Head::Float(value) => format!("the float {value}"),
            Head::Str(_) => "a string".to_owned(),
            Head::Bin(_) => "binary".to_owned(),
            Head::Ext(tag, _) => format!("an extension of type {tag}"),
            Head::Array(count) => format!("an array of {count}"),
            Head::Map(_) => "a map".to_owned(),
        }
    }
}

/// A position in a run of MessagePack values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The bytes not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads one head. The children of an array or map follow as values of their own.
    #[inline]
    pub(crate) fn head(&mut self) -> Result<Head<'a>, Broken> {
        let [marker] = self.fixed::<1>()?;
        Ok(match Marker::from_u8(marker) {
            Marker::FixPos(value) => Head::Unsigned(value.into()),
            Marker::FixNeg(value) => Head::Negative(value.into()),
            Marker::FixMap(count) => Head::Map(count.into()),
            Marker::FixArray(count) => Head::Array(count.into()),
            Marker::FixStr(length) => Head::Str(self.take(length.into())?),
            Marker::Null => Head::Nil,
            Marker::Reserved => return Err(Broken::Reserved),
            Marker::False => Head::Bool(false),
            Marker::True => Head::Bool(true),
            Marker::U8 => Head::Unsigned(u8::from_be_bytes(self.fixed()?).into()),
            Marker::U16 => Head::Unsigned(u16::from_be_bytes(self.fixed()?).into()),
            Marker::U32 => Head::Unsigned(u32::from_be_bytes(self.fixed()?).into()),
            Marker::U64 => Head::Unsigned(u64::from_be_bytes(self.fixed()?)),
            Marker::I8 => signed(i8::from_be_bytes(self.fixed()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.fixed()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.fixed()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.fixed()?)),
            Marker::F32 => Head::Float(f32::from_be_bytes(self.fixed()?).into()),
            Marker::F64 => Head::Float(f64::from_be_bytes(self.fixed()?)),
            Marker::Str8 => Head::Str(self.counted8()?),
            Marker::Str16 => Head::Str(self.counted16()?),
            Marker::Str32 => Head::Str(self.counted32()?),
            Marker::Bin8 => Head::Bin(self.counted8()?),
            Marker::Bin16 => Head::Bin(self.counted16()?),
            Marker::Bin32 => Head::Bin(self.counted32()?),
            Marker::Array16 => Head::Array(u16::from_be_bytes(self.fixed()?).into()),
            Marker::Array32 => Head::Array(u32::from_be_bytes(self.fixed()?)),
            Marker::Map16 => Head::Map(u16::from_be_bytes(self.fixed()?).into()),
            Marker::Map32 => Head::Map(u32::from_be_bytes(self.fixed()?)),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => {
                let length = u8::from_be_bytes(self.fixed()?);
                self.extension(length.into())?
            }
            Marker::Ext16 => {
                let length = u16::from_be_bytes(self.fixed()?);
                self.extension(length.into())?
            }
            Marker::Ext32 => {
                let length = u32::from_be_bytes(self.fixed()?);
                self.extension(length)?
            }
        })
    }

    /// Reads one whole value and gives its bytes. A counter instead of recursion: depth costs nothing.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], Broken> {
        let start = self.rest;
        let mut pending: u64 = 1;
        while pending > 0 {
            pending = pending - 1 + self.head()?.children();
            // Every value takes a byte, so a claim beyond the rest is known false before it is followed.
            if pending > self.rest.len() as u64 {
                return Err(Broken::Truncated);
            }
        }
        let length = start.len() - self.rest.len();
        start.get(..length).ok_or(Broken::Truncated)
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| Broken::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Broken::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn counted8(&mut self) -> Result<&'a [u8], Broken> {
        let length = u8::from_be_bytes(self.fixed()?);
        self.take(length.into())
    }

    fn counted16(&mut self) -> Result<&'a [u8], Broken> {
        let length = u16::from_be_bytes(self.fixed()?);
        self.take(length.into())
    }

    fn counted32(&mut self) -> Result<&'a [u8], Broken> {
        let length = u32::from_be_bytes(self.fixed()?);
        self.take(length)
    }

    fn extension(&mut self, length: u32) -> Result<Head<'a>, Broken> {
        let tag = i8::from_be_bytes(self.fixed()?);
        Ok(Head::Ext(tag, self.take(length)?))
    }
}

fn signed<'a>(value: i64) -> Head<'a> {
    match u64::try_from(value) {
        Ok(value) => Head::Unsigned(value),
        Err(_) => Head::Negative(value),
    }
}
