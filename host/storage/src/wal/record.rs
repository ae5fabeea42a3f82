//! One record of the log: a header with length and checksums around a batch of series definitions or samples.
//!
//! ```text
//! header   length u32 · CRC-32 of the payload u32 · CRC-32 of these eight bytes u32      (little endian)
//! payload  1, then for each series:  number · label count · (length, bytes) of each name and value
//!          2, then for each sample:  number less the previous one · time less the previous one · value
//! ```
//! Whole numbers are LEB128 varints, differences zigzag-coded. A value is the varint of its bits with the bytes
//! reversed: whole numbers and short binary fractions end in zeros, so most of them take two to five bytes.
//!
//! The header has a checksum of its own, so that a damaged length cannot pass for the torn end of the file.

use bellwether_model::{Labels, Sample, Timestamp};

use crate::head::LogRef;

/// Bytes of a record's header.
pub(super) const HEADER_BYTES: usize = 12;

/// A record is closed once its payload is this long, so that a damaged one costs little.
const TARGET_PAYLOAD_BYTES: usize = 1 << 20;

/// Longest varint of 64 bits, in bytes.
const MAX_VARINT_BYTES: usize = 10;

const KIND_SERIES: u8 = 1;
const KIND_SAMPLES: u8 = 2;

/// Writes records one after the other into a buffer.
#[derive(Debug, Default)]
pub(crate) struct RecordWriter {
    buffer: Vec<u8>,
    /// Where the open record's header begins, and of which kind it is.
    open: Option<(usize, u8)>,
    previous: (u64, i64),
}

impl RecordWriter {
    /// Adds the definition of a series.
    pub(crate) fn define(&mut self, log_ref: LogRef, labels: &Labels) {
        self.continue_record(KIND_SERIES);
        put_varint(&mut self.buffer, log_ref.0);
        put_varint(&mut self.buffer, labels.len() as u64);
        for label in labels {
            put_text(&mut self.buffer, &label.name);
            put_text(&mut self.buffer, &label.value);
        }
    }

    /// Adds a sample of a series that was defined before.
    pub(crate) fn sample(&mut self, log_ref: LogRef, sample: Sample) {
        self.continue_record(KIND_SAMPLES);
        let (previous_ref, previous_at) = self.previous;
        let at = sample.at.as_millis();
        put_varint(&mut self.buffer, zigzag(log_ref.0.wrapping_sub(previous_ref) as i64));
        put_varint(&mut self.buffer, zigzag(at.wrapping_sub(previous_at)));
        put_varint(&mut self.buffer, sample.value.to_bits().swap_bytes());
        self.previous = (log_ref.0, at);
    }

    /// Closes the last record and returns all of them.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.close();
        &self.buffer
    }

    /// How many bytes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Forgets everything but the memory it uses.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.open = None;
    }

    fn continue_record(&mut self, kind: u8) {
        let fits = |(start, open_kind)| {
            open_kind == kind && self.buffer.len() < start + HEADER_BYTES + TARGET_PAYLOAD_BYTES
        };
        if self.open.is_some_and(fits) {
            return;
        }
        self.close();
        self.open = Some((self.buffer.len(), kind));
        self.previous = (0, 0);
        self.buffer.extend_from_slice(&[0; HEADER_BYTES]);
        self.buffer.push(kind);
    }

    fn close(&mut self) {
        let Some((start, _)) = self.open.take() else {
            return;
        };
        let payload = &self.buffer[start + HEADER_BYTES..];
        let length = u32::try_from(payload.len()).expect("labels of one series fit into 4 GiB");
        let header = header(length, crc32fast::hash(payload));
        self.buffer[start..start + HEADER_BYTES].copy_from_slice(&header);
    }
}

fn header(length: u32, payload_crc: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&payload_crc.to_le_bytes());
    let own_crc = crc32fast::hash(&header[..8]);
    header[8..].copy_from_slice(&own_crc.to_le_bytes());
    header
}

/// What stands at the beginning of some bytes of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed<'a> {
    /// A whole record; its payload, and how many bytes the record takes.
    Record(&'a [u8], usize),
    /// Nothing more.
    End,
    /// The beginning of a record that was never finished.
    Torn,
    /// Something that no crash while appending leaves behind.
    Damaged(&'static str),
}

/// Looks at the record at the beginning of `bytes`, which reach to the end of the file.
pub(super) fn frame(bytes: &[u8]) -> Framed<'_> {
    if bytes.is_empty() {
        return Framed::End;
    }
    let Some((header_bytes, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Framed::Torn;
    };
    let word = |at: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&header_bytes[at..at + 4]);
        u32::from_le_bytes(word)
    };
    let (length, payload_crc) = (word(0), word(4));
    if *header_bytes != header(length, payload_crc) {
        return if is_blank(bytes) {
            Framed::Torn
        } else {
            Framed::Damaged("the record header has a wrong checksum")
        };
    }
    let Some(payload) = rest.get(..length as usize) else {
        return Framed::Torn;
    };
    if crc32fast::hash(payload) == payload_crc {
        return Framed::Record(payload, HEADER_BYTES + payload.len());
    }
    // A power cut may leave the length of the file without its last blocks.
    let last = is_blank(&rest[payload.len()..]);
    if last { Framed::Torn } else { Framed::Damaged("the record has a wrong checksum") }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// What a record says.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// A number stands for this series from here on.
    Series(LogRef, Labels),
    /// A sample of a series that was defined before.
    Sample(LogRef, Sample),
}

/// Reads a payload and hands its entries on in order; the error says what cannot be understood.
pub(super) fn decode(payload: &[u8], mut each: impl FnMut(Entry)) -> Result<(), &'static str> {
    let (kind, mut rest) = payload.split_first().ok_or("the record is empty")?;
    match *kind {
        KIND_SERIES => {
            while !rest.is_empty() {
                let entry = take_series(&mut rest).ok_or("the record holds a broken series definition")?;
                each(entry);
            }
        }
        KIND_SAMPLES => {
            let mut previous = (0, 0);
            while !rest.is_empty() {
                let entry =
                    take_sample(&mut rest, &mut previous).ok_or("the record holds a broken sample")?;
                each(entry);
            }
        }
        _ => return Err("the record is of an unknown kind"),
    }
    Ok(())
}

fn take_series(rest: &mut &[u8]) -> Option<Entry> {
    let log_ref = LogRef(take_varint(rest)?);
    let count = usize::try_from(take_varint(rest)?).ok()?;
    // Each label takes at least two bytes: a count that is larger cannot be true and must not reserve memory.
    if count > rest.len() / 2 {
        return None;
    }
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push((take_text(rest)?, take_text(rest)?));
    }
    Some(Entry::Series(log_ref, Labels::from_pairs(pairs)))
}

fn take_sample(rest: &mut &[u8], previous: &mut (u64, i64)) -> Option<Entry> {
    let log_ref = previous.0.wrapping_add_signed(unzigzag(take_varint(rest)?));
    let at = previous.1.wrapping_add(unzigzag(take_varint(rest)?));
    let value = f64::from_bits(take_varint(rest)?.swap_bytes());
    *previous = (log_ref, at);
    Some(Entry::Sample(LogRef(log_ref), Sample::new(Timestamp::from_millis(at), value)))
}

fn put_text(buffer: &mut Vec<u8>, text: &str) {
    put_varint(buffer, text.len() as u64);
    buffer.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_varint(rest)?).ok()?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

fn put_varint(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..MAX_VARINT_BYTES {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<Entry> {
        let (mut entries, mut at) = (Vec::new(), 0);
        loop {
            match frame(&bytes[at..]) {
                Framed::Record(payload, length) => {
                    decode(payload, |entry| entries.push(entry)).unwrap();
                    at += length;
                }
                Framed::End => return entries,
                other => panic!("{other:?} at {at}"),
            }
        }
    }

    proptest! {
        #[test]
        fn samples_come_back_bit_for_bit(samples: Vec<(u64, i64, u64)>) {
            let mut writer = RecordWriter::default();
            for &(log_ref, at, bits) in &samples {
                writer.sample(LogRef(log_ref), Sample::new(Timestamp::from_millis(at), f64::from_bits(bits)));
            }
            let read = read_all(writer.finish());
            let read: Vec<_> = read.into_iter().map(|entry| match entry {
                Entry::Sample(log_ref, sample) => (log_ref.0, sample.at.as_millis(), sample.value.to_bits()),
                Entry::Series(..) => panic!("no series was written"),
            }).collect();
            prop_assert_eq!(read, samples);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = frame(&bytes);
            let _ = decode(&bytes, |_| {});
            for kind in [KIND_SERIES, KIND_SAMPLES] {
                let _ = decode(&[&[kind], bytes.as_slice()].concat(), |_| {});
            }
        }
    }

    #[test]
    fn definitions_and_samples_alternate() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "ü")]);
        let sample = Sample::new(Timestamp::from_millis(5), 1.0);
        let mut writer = RecordWriter::default();
        writer.define(LogRef(3), &labels);
        writer.sample(LogRef(3), sample);
        writer.define(LogRef(4), &Labels::empty());
        let wanted = vec![
            Entry::Series(LogRef(3), labels),
            Entry::Sample(LogRef(3), sample),
            Entry::Series(LogRef(4), Labels::empty()),
        ];
        assert_eq!(read_all(writer.finish()), wanted);
    }

    #[test]
    fn a_flipped_bit_in_the_middle_is_damage_and_at_the_end_is_a_torn_record() {
        let mut writer = RecordWriter::default();
        writer.sample(LogRef(1), Sample::new(Timestamp::from_millis(1), 1.0));
        let one = writer.finish().to_vec();
        let two = [one.as_slice(), one.as_slice()].concat();
        for bit in 0..one.len() * 8 {
            let mut damaged = two.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(frame(&damaged), Framed::Damaged(_)), "bit {bit}");
        }
        let mut last = one.clone();
        *last.last_mut().unwrap() ^= 1;
        assert_eq!(frame(&last), Framed::Torn);
        assert_eq!(frame(&[0; 100]), Framed::Torn);
    }
}
