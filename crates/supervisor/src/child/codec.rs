//! Bodies of messages out of the bytes of a line.

use bytes::{Bytes, BytesMut};
use hearken_proto::{HEAD_LENGTH, Mode, Violation};
use std::io;
use tokio_util::codec::{AnyDelimiterCodec, Decoder, LengthDelimitedCodec};

/// Cuts the stream of a line into bodies: by length in MessagePack mode, by newline in JSON mode.
/// A length is checked before anything is allocated for it.
#[derive(Debug)]
pub(super) struct LineCodec {
    cut: Cut,
    max_frame: u32,
    /// How many bytes of a frame have come that is not whole yet; 0 between frames.
    begun: usize,
}

#[derive(Debug)]
enum Cut {
    Length(LengthDelimitedCodec),
    Newline(AnyDelimiterCodec),
}

/// Why nothing more can be read from a line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The stream ended in the middle of a frame.
    #[error(transparent)]
    Truncated(Violation),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl LineCodec {
    pub(super) fn new(mode: Mode, max_frame: u32) -> Self {
        let cut = match mode {
            Mode::MessagePack => Cut::Length(length_delimited(max_frame)),
            Mode::Json => Cut::Newline(newline_delimited(max_frame)),
        };
        Self { cut, max_frame, begun: 0 }
    }

    /// Whether a frame has begun and is not whole.
    pub(super) fn is_half(&self) -> bool {
        self.begun > 0
    }

    /// The bytes of the frame that has begun.
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    /// Changes the limit, for the frames that have not begun.
    pub(super) fn set_max_frame(&mut self, max_frame: u32) {
        if self.max_frame != max_frame {
            self.max_frame = max_frame;
            match &mut self.cut {
                Cut::Length(codec) => codec.set_max_frame_length(max_frame as usize),
                Cut::Newline(codec) => *codec = newline_delimited(max_frame),
            }
        }
    }
}

impl Decoder for LineCodec {
    type Item = Bytes;
    type Error = LineError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, LineError> {
        let before = source.len();
        let body = match &mut self.cut {
            Cut::Length(codec) => match codec.decode(source) {
                Ok(body) => body.map(BytesMut::freeze),
                // The codec hides the number behind its error; the head is still in the buffer.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let length = source.first_chunk().map_or(0, |head| u32::from_be_bytes(*head));
                    return Err(Violation::FrameTooLong {
                        length: length.into(),
                        max: self.max_frame,
                    }
                    .into());
                }
                Err(error) => return Err(error.into()),
            },
            Cut::Newline(codec) => match codec.decode(source) {
                Ok(body) => body,
                Err(_too_long) => {
                    let length = before as u64;
                    return Err(Violation::FrameTooLong { length, max: self.max_frame }.into());
                }
            },
        };
        match &body {
            Some(body) if body.is_empty() => return Err(Violation::EmptyFrame.into()),
            Some(_) => self.begun = 0,
            // Once its head was read, the length codec takes it out of the buffer.
            None if before > source.len() => self.begun = HEAD_LENGTH + source.len(),
            None if self.begun >= HEAD_LENGTH && self.takes_heads() => {
                self.begun = HEAD_LENGTH + before
            }
            None => self.begun = before,
        }
        Ok(body)
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, LineError> {
        match self.decode(source)? {
            Some(body) => Ok(Some(body)),
            None if self.is_half() => {
                Err(LineError::Truncated(Violation::HalfFrame { have: self.begun }))
            }
            None => Ok(None),
        }
    }
}

impl LineCodec {
    fn takes_heads(&self) -> bool {
        match self.cut {
            Cut::Length(_) => true,
            Cut::Newline(_) => false,
        }
    }
}

fn length_delimited(max_frame: u32) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .length_field_length(HEAD_LENGTH)
        .max_frame_length(max_frame as usize)
        .new_codec()
}

fn newline_delimited(max_frame: u32) -> AnyDelimiterCodec {
    AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\n".to_vec(), max_frame as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(codec: &mut LineCodec, source: &mut BytesMut) -> Result<Option<Bytes>, String> {
        codec.decode(source).map_err(|error| error.to_string())
    }

    #[test]
    fn a_frame_is_half_from_its_first_byte_to_its_last() {
        let mut codec = LineCodec::new(Mode::MessagePack, 1024);
        let mut source = BytesMut::new();
        for byte in [0, 0, 0, 3, 0x92, 2] {
            source.extend_from_slice(&[byte]);
            assert_eq!(decode(&mut codec, &mut source), Ok(None));
            assert!(codec.is_half());
        }
        assert_eq!(codec.begun(), 6);
        source.extend_from_slice(&[0x80]);
        assert_eq!(decode(&mut codec, &mut source), Ok(Some(Bytes::from_static(&[0x92, 2, 0x80]))));
        assert_eq!(decode(&mut codec, &mut source), Ok(None));
        assert!(!codec.is_half());
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_allocated() {
        let mut codec = LineCodec::new(Mode::MessagePack, 1024);
        let mut source = BytesMut::from(&[0xff_u8; 4][..]);
        let refusal = decode(&mut codec, &mut source).unwrap_err();
        assert_eq!(refusal, "a frame of 4294967295 bytes; this line allows 1024");
        assert!(source.capacity() < 1024);
    }

    #[test]
    fn an_empty_frame_is_a_violation() {
        let mut codec = LineCodec::new(Mode::MessagePack, 1024);
        assert!(decode(&mut codec, &mut BytesMut::from(&[0_u8; 4][..])).is_err());
        let mut codec = LineCodec::new(Mode::Json, 1024);
        assert!(decode(&mut codec, &mut BytesMut::from("\n")).is_err());
    }

    #[test]
    fn the_end_in_the_middle_of_a_frame_is_named() {
        for head in [&[0_u8, 0][..], &[0, 0, 0, 9, 0x92][..], &[0, 0, 0, 9][..]] {
            let mut codec = LineCodec::new(Mode::MessagePack, 1024);
            let mut source = BytesMut::from(head);
            let refusal = codec.decode_eof(&mut source).unwrap_err().to_string();
            assert_eq!(refusal, format!("a frame left half after {} bytes", head.len()));
        }
    }

    #[test]
    fn json_lines_are_bounded() {
        let mut codec = LineCodec::new(Mode::Json, 16);
        let mut source = BytesMut::from(r#"{"kind":"ready"}"#);
        assert_eq!(decode(&mut codec, &mut source), Ok(None));
        source.extend_from_slice(b"\n");
        assert!(decode(&mut codec, &mut source).unwrap().is_some());
        let mut long = BytesMut::from(&[b'x'; 40][..]);
        assert!(decode(&mut codec, &mut long).unwrap_err().contains("allows 16"));
    }
}
