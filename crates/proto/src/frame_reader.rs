//! Cuts a stream of bytes into frame bodies, without I/O.

use bytes::{Buf, Bytes, BytesMut};

use crate::frame::{HEAD_LENGTH, MAX_FRAME};
use crate::violation::Violation;

/// Collects bytes and gives out whole frame bodies.
///
/// ```
/// use hearken_proto::FrameReader;
///
/// let mut reader = FrameReader::new(1024);
/// reader.push(&[0, 0, 0, 3, 0x92, 0x02]);
/// assert_eq!(reader.pop(), Ok(None));
/// assert!(reader.is_half());
/// reader.push(&[0x80]);
/// assert_eq!(reader.pop().unwrap().unwrap()[..], [0x92, 0x02, 0x80]);
/// ```
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    max: u32,
}

impl FrameReader {
    /// A reader for bodies of 1 to `max` bytes; `max` is at most [`MAX_FRAME`].
    #[must_use]
    pub fn new(max: u32) -> Self {
        FrameReader { buffer: BytesMut::new(), max: max.min(MAX_FRAME) }
    }

    /// Changes the limit for the frames whose head has not been looked at yet.
    pub fn set_max(&mut self, max: u32) {
        self.max = max.min(MAX_FRAME);
    }

    /// Adds bytes as they came. Holds no more than what is pushed: take the frames out between two pushes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes out the next whole body, if there is one.
    ///
    /// # Errors
    ///
    /// [`Violation::EmptyFrame`] and [`Violation::FrameTooLong`] as soon as the head says so, before anything is
    /// reserved for the body. The stream cannot be read on after that.
    pub fn pop(&mut self) -> Result<Option<Bytes>, Violation> {
        let Some(&head) = self.buffer.first_chunk::<HEAD_LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(head);
        if length == 0 {
            return Err(Violation::EmptyFrame);
        }
        if length > self.max {
            return Err(Violation::FrameTooLong { length: length.into(), max: self.max });
        }
        let length = length as usize;
        if self.buffer.len() - HEAD_LENGTH < length {
            return Ok(None);
        }
        self.buffer.advance(HEAD_LENGTH);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Whether bytes of an unfinished frame are held: ask once [`pop`](Self::pop) gives nothing more.
    #[must_use]
    pub fn is_half(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What an end of the stream means now.
    ///
    /// A reset is an end like any other: the kernel reports ECONNRESET instead of 0 bytes when the other side left
    /// without reading all that was sent to it, a child for example that exits on SIGTERM with the `drain` unread.
    /// What it said before is read first.
    ///
    /// # Errors
    ///
    /// [`Violation::HalfFrame`] if it comes in the middle of a frame.
    pub fn end(&self) -> Result<(), Violation> {
        match self.buffer.len() {
            0 => Ok(()),
            have => Err(Violation::HalfFrame { have }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_went_in() {
        let stream = [0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9];
        for piece in 1..=stream.len() {
            let mut reader = FrameReader::new(2);
            let mut bodies = Vec::new();
            for bytes in stream.chunks(piece) {
                reader.push(bytes);
                while let Some(body) = reader.pop().unwrap() {
                    bodies.push(body);
                }
            }
            assert_eq!(bodies, [&[7][..], &[8, 9]]);
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn a_bad_length_is_refused_at_the_head() {
        let mut reader = FrameReader::new(16);
        reader.push(&[0, 0, 0, 0]);
        assert_eq!(reader.pop(), Err(Violation::EmptyFrame));

        let mut reader = FrameReader::new(16);
        reader.push(&[0xff, 0xff, 0xff, 0xff]);
        let too_long = Violation::FrameTooLong { length: u32::MAX.into(), max: 16 };
        assert_eq!(reader.pop(), Err(too_long));
    }

    #[test]
    fn an_end_inside_a_frame_is_told_from_an_end_between_frames() {
        let mut reader = FrameReader::new(16);
        assert_eq!(reader.end(), Ok(()));
        reader.push(&[0, 0, 0]);
        assert_eq!(reader.end(), Err(Violation::HalfFrame { have: 3 }));
    }
}
