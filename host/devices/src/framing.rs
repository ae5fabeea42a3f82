//! Cuts a byte stream into frames, whatever the chunks in which it arrives.
//!
//! Pure, and indifferent to chunking: the same bytes give the same frames however they are split. A frame longer
//! than the limit is dropped and counted; its bytes are never kept, so a stream without delimiters takes no memory.

use bellwether_model::device::Framing;

use decode::{CobsDecoder, SlipDecoder};

mod decode;

/// No driver gets frames longer than this, whatever it asks for.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// The longest frame of a driver that asks for none.
pub const DEFAULT_FRAME_BYTES: usize = 4096;

/// What was dropped on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Frames longer than the limit.
    pub too_long: u64,
    /// Packets whose coding is broken.
    pub malformed: u64,
}

impl Dropped {
    /// All together.
    pub const fn total(self) -> u64 {
        self.too_long + self.malformed
    }
}

/// Cuts one stream. Begin a new one for each connection.
#[derive(Debug, Clone)]
pub struct Framer {
    cutter: Cutter,
    frame: Bounded,
    dropped: Dropped,
}

#[derive(Debug, Clone)]
enum Cutter {
    Raw,
    Lines,
    Delimited(u8),
    Cobs(CobsDecoder),
    Slip(SlipDecoder),
    Fixed(usize),
    LengthPrefixed(Prefix),
}

/// Where in a length-prefixed packet the stream is.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    width: u8,
    seen: u8,
    length: usize,
}

/// The frame that is being collected: keeps no more than `limit` bytes, and remembers when there were more.
#[derive(Debug, Clone)]
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    /// Length so far, bytes that were not kept included.
    length: usize,
    overflowed: bool,
}

impl Bounded {
    const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, length: 0, overflowed: false }
    }

    fn extend(&mut self, part: &[u8]) {
        self.length = self.length.saturating_add(part.len());
        if self.overflowed || self.bytes.len() + part.len() > self.limit {
            self.overflowed = true;
            // Gives the memory back at once: the frame is lost already.
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(part);
        }
    }

    /// The frame, or none where it was too long; begins the next one.
    fn take(&mut self) -> Option<Vec<u8>> {
        self.length = 0;
        let frame = std::mem::take(&mut self.bytes);
        if std::mem::take(&mut self.overflowed) { None } else { Some(frame) }
    }
}

impl Framer {
    /// A framer for a new stream. `max_frame_bytes` of 0 means [`DEFAULT_FRAME_BYTES`].
    pub fn new(framing: Framing, max_frame_bytes: u32) -> Self {
        let asked = usize::try_from(max_frame_bytes).unwrap_or(MAX_FRAME_BYTES);
        let limit = if asked == 0 { DEFAULT_FRAME_BYTES } else { asked.min(MAX_FRAME_BYTES) };
        let cutter = match framing {
            // A stream has no datagrams: what was read together stands for one.
            Framing::Raw | Framing::Message => Cutter::Raw,
            Framing::Lines => Cutter::Lines,
            Framing::Delimited(byte) => Cutter::Delimited(byte),
            Framing::Cobs => Cutter::Cobs(CobsDecoder::default()),
            Framing::Slip => Cutter::Slip(SlipDecoder::default()),
            // No packet of zero bytes ever ends.
            Framing::Fixed(size) => Cutter::Fixed(usize::try_from(size).unwrap_or(MAX_FRAME_BYTES).max(1)),
            Framing::LengthPrefixed(width) => {
                Cutter::LengthPrefixed(Prefix { width: width.clamp(1, 4), seen: 0, length: 0 })
            }
        };
        Self { cutter, frame: Bounded::new(limit), dropped: Dropped::default() }
    }

    /// Takes the next bytes of the stream and appends every frame that they complete. Lines, delimited and coded
    /// frames without content are left out.
    pub fn push(&mut self, chunk: &[u8], frames: &mut Vec<Vec<u8>>) {
        match self.cutter {
            Cutter::Raw => self.push_raw(chunk, frames),
            Cutter::Lines => self.push_delimited(b'\n', true, chunk, frames),
            Cutter::Delimited(byte) => self.push_delimited(byte, false, chunk, frames),
            Cutter::Fixed(size) => self.push_fixed(size, chunk, frames),
            Cutter::Cobs(_) | Cutter::Slip(_) => chunk.iter().for_each(|&byte| self.push_coded(byte, frames)),
            Cutter::LengthPrefixed(prefix) => self.push_prefixed(prefix, chunk, frames),
        }
    }

    /// What was dropped since the last call.
    pub fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// How much memory the unfinished frame takes, in bytes.
    pub const fn buffered_bytes(&self) -> usize {
        self.frame.bytes.len()
    }

    fn push_raw(&self, chunk: &[u8], frames: &mut Vec<Vec<u8>>) {
        frames.extend(chunk.chunks(self.frame.limit).map(<[u8]>::to_vec));
    }

    fn push_delimited(&mut self, end: u8, strip_cr: bool, mut rest: &[u8], frames: &mut Vec<Vec<u8>>) {
        while let Some(at) = rest.iter().position(|&byte| byte == end) {
            self.frame.extend(&rest[..at]);
            rest = &rest[at + 1..];
            self.finish(strip_cr, frames);
        }
        self.frame.extend(rest);
    }

    fn finish(&mut self, strip_cr: bool, frames: &mut Vec<Vec<u8>>) {
        match self.frame.take() {
            None => self.dropped.too_long += 1,
            Some(mut frame) => {
                if strip_cr && frame.last() == Some(&b'\r') {
                    frame.pop();
                }
                if !frame.is_empty() {
                    frames.push(frame);
                }
            }
        }
    }

    fn push_fixed(&mut self, size: usize, mut rest: &[u8], frames: &mut Vec<Vec<u8>>) {
        while !rest.is_empty() {
            let part = rest.len().min(size - self.frame.length);
            self.frame.extend(&rest[..part]);
            rest = &rest[part..];
            if self.frame.length == size {
                self.finish(false, frames);
            }
        }
    }

    fn push_prefixed(&mut self, mut prefix: Prefix, mut rest: &[u8], frames: &mut Vec<Vec<u8>>) {
        loop {
            while prefix.seen < prefix.width
                && let Some((&byte, tail)) = rest.split_first()
            {
                prefix.length = (prefix.length << 8) | usize::from(byte);
                prefix.seen += 1;
                rest = tail;
            }
            if prefix.seen < prefix.width {
                break;
            }
            let part = rest.len().min(prefix.length - self.frame.length);
            self.frame.extend(&rest[..part]);
            rest = &rest[part..];
            if self.frame.length < prefix.length {
                break;
            }
            self.finish(false, frames);
            prefix = Prefix { width: prefix.width, seen: 0, length: 0 };
        }
        self.cutter = Cutter::LengthPrefixed(prefix);
    }

    fn push_coded(&mut self, byte: u8, frames: &mut Vec<Vec<u8>>) {
        let step = match &mut self.cutter {
            Cutter::Cobs(decoder) => decoder.step(byte),
            Cutter::Slip(decoder) => decoder.step(byte),
            _ => return,
        };
        match step {
            decode::Step::Nothing => {}
            decode::Step::Byte(byte) => self.frame.extend(&[byte]),
            decode::Step::End => self.finish(false, frames),
            decode::Step::Broken => {
                drop(self.frame.take());
                self.dropped.malformed += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
