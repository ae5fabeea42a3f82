//! Byte-wise decoders of COBS and SLIP.

/// What one byte of the coded stream means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    Nothing,
    /// One byte of the frame.
    Byte(u8),
    /// The frame is complete; it may be empty.
    End,
    /// The frame cannot be decoded and is over.
    Broken,
}

/// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1997).
#[derive(Debug, Clone, Default)]
pub(super) struct CobsDecoder {
    /// Bytes left of the block.
    left: u8,
    /// Whether a zero comes before the next block, if there is one.
    zero_pending: bool,
    in_frame: bool,
}

impl CobsDecoder {
    pub(super) fn step(&mut self, byte: u8) -> Step {
        match (byte, self.left) {
            (0, 0) => {
                *self = Self::default();
                Step::End
            }
            (0, _) => {
                *self = Self::default();
                Step::Broken
            }
            (code, 0) => self.begin_block(code),
            (byte, _) => {
                self.left -= 1;
                Step::Byte(byte)
            }
        }
    }

    /// A code byte: so many minus one bytes follow, and then a zero unless it is 255 or the end of the frame.
    fn begin_block(&mut self, code: u8) -> Step {
        let zero = self.zero_pending && self.in_frame;
        self.in_frame = true;
        self.left = code - 1;
        self.zero_pending = code != u8::MAX;
        if zero { Step::Byte(0) } else { Step::Nothing }
    }
}

const SLIP_END: u8 = 0xc0;
const SLIP_ESC: u8 = 0xdb;
const SLIP_ESC_END: u8 = 0xdc;
const SLIP_ESC_ESC: u8 = 0xdd;

/// RFC 1055.
#[derive(Debug, Clone, Default)]
pub(super) enum SlipDecoder {
    #[default]
    Plain,
    /// After an escape byte.
    Escaped,
    /// After a broken escape, up to the next end.
    Skipping,
}

impl SlipDecoder {
    pub(super) fn step(&mut self, byte: u8) -> Step {
        let (next, step) = match (&*self, byte) {
            (Self::Plain, SLIP_END) => (Self::Plain, Step::End),
            (Self::Plain, SLIP_ESC) => (Self::Escaped, Step::Nothing),
            (Self::Plain, byte) => (Self::Plain, Step::Byte(byte)),
            (Self::Escaped, SLIP_ESC_END) => (Self::Plain, Step::Byte(SLIP_END)),
            (Self::Escaped, SLIP_ESC_ESC) => (Self::Plain, Step::Byte(SLIP_ESC)),
            (Self::Escaped | Self::Skipping, SLIP_END) => (Self::Plain, Step::Broken),
            (Self::Escaped | Self::Skipping, _) => (Self::Skipping, Step::Nothing),
        };
        *self = next;
        step
    }
}
