use proptest::prelude::*;

use super::*;

fn frames_of(framing: Framing, max: u32, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Dropped) {
    let mut framer = Framer::new(framing, max);
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(chunk, &mut frames);
        assert!(framer.buffered_bytes() <= framer.frame.limit);
    }
    (frames, framer.take_dropped())
}

fn frames(framing: Framing, bytes: &[u8]) -> Vec<Vec<u8>> {
    frames_of(framing, 0, &[bytes]).0
}

#[test]
fn lines_end_with_lf_or_crlf_and_empty_ones_are_left_out() {
    assert_eq!(frames(Framing::Lines, b"a\r\nb\n\n\r\nc\rd\nrest"), [&b"a"[..], b"b", b"c\rd"]);
}

#[test]
fn crlf_may_be_split_between_chunks() {
    let (frames, _) = frames_of(Framing::Lines, 0, &[b"a\r", b"\nb", b"\r", b"\n"]);
    assert_eq!(frames, [b"a", b"b"]);
}

#[test]
fn delimited_keeps_carriage_returns() {
    assert_eq!(frames(Framing::Delimited(b';'), b"a\r;;b;c"), [&b"a\r"[..], b"b"]);
}

#[test]
fn fixed_and_length_prefixed_packets() {
    assert_eq!(frames(Framing::Fixed(3), b"abcdefgh"), [b"abc", b"def"]);
    assert_eq!(frames(Framing::LengthPrefixed(1), b"\x02ab\x00\x01c\x05d"), [&b"ab"[..], b"c"]);
    assert_eq!(frames(Framing::LengthPrefixed(2), b"\x00\x02ab\x00"), [b"ab"]);
    assert_eq!(frames(Framing::LengthPrefixed(4), b"\x00\x00\x00\x01a"), [b"a"]);
}

#[test]
fn absurd_length_prefix_skips_without_keeping() {
    let mut framer = Framer::new(Framing::LengthPrefixed(4), 16);
    let mut out = Vec::new();
    framer.push(b"\xff\xff\xff\xff", &mut out);
    for _ in 0..1000 {
        framer.push(&[7; 1000], &mut out);
    }
    assert_eq!((out.len(), framer.buffered_bytes()), (0, 0));
}

#[test]
fn cobs_of_the_paper_and_of_a_real_capture() {
    assert_eq!(frames(Framing::Cobs, &[3, 0x11, 0x22, 2, 0x33, 0]), [[0x11, 0x22, 0, 0x33]]);
    assert_eq!(frames(Framing::Cobs, &[1, 1, 0]), [[0]]);
    // postcard {7, 4150, 182000, 3.4f32}, as its COBS flavour writes it.
    let packet = [0x0b, 0x07, 0xec, 0x40, 0xf0, 0x8d, 0x0b, 0x9a, 0x99, 0x59, 0x40, 0x00];
    assert_eq!(frames(Framing::Cobs, &packet), [&packet[1..11]]);
}

#[test]
fn broken_cobs_is_counted_and_the_next_packet_is_read() {
    let (frames, dropped) = frames_of(Framing::Cobs, 0, &[&[5, 1, 2, 0, 2, 9, 0]]);
    assert_eq!((frames, dropped.malformed), (vec![vec![9]], 1));
}

#[test]
fn slip_escapes_and_broken_escapes() {
    let bytes = [0xc0, 1, 0xdb, 0xdc, 0xdb, 0xdd, 2, 0xc0, 0xc0, 0xdb, 5, 6, 0xc0, 7, 0xc0];
    let (frames, dropped) = frames_of(Framing::Slip, 0, &[&bytes]);
    assert_eq!((frames, dropped.malformed), (vec![vec![1, 0xc0, 0xdb, 2], vec![7]], 1));
}

#[test]
fn too_long_frames_are_dropped_and_counted() {
    let (frames, dropped) = frames_of(Framing::Lines, 4, &[b"abcd\nabcde\nx\n"]);
    assert_eq!(
        (frames, dropped),
        (vec![b"abcd".to_vec(), b"x".to_vec()], Dropped { too_long: 1, malformed: 0 })
    );
}

fn cobs(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = data;
    loop {
        let block = rest.iter().take(254).take_while(|&&byte| byte != 0).count();
        out.push(u8::try_from(block + 1).unwrap());
        out.extend_from_slice(&rest[..block]);
        rest = &rest[block..];
        match rest.split_first() {
            None => break,
            Some((0, tail)) if block < 254 => rest = tail,
            Some(_) => {}
        }
    }
    out.push(0);
    out
}

fn slip(data: &[u8]) -> Vec<u8> {
    let escape = |&byte: &u8| match byte {
        0xc0 => vec![0xdb, 0xdc],
        0xdb => vec![0xdb, 0xdd],
        byte => vec![byte],
    };
    data.iter().flat_map(escape).chain([0xc0]).collect()
}

fn any_framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Lines),
        any::<u8>().prop_map(Framing::Delimited),
        Just(Framing::Cobs),
        Just(Framing::Slip),
        (0_u32..40).prop_map(Framing::Fixed),
        (0_u8..6).prop_map(Framing::LengthPrefixed),
    ]
}

/// Bytes in which delimiters and escapes are common.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\n\r\x00\x01\x02\xc0\xdb\xdc\xdd".to_vec())];
    prop::collection::vec(byte, 0..600)
}

proptest! {
    #[test]
    fn chunking_changes_nothing(
        framing in any_framing(),
        max in 1_u32..64,
        bytes in stream(),
        cuts in prop::collection::vec(0_usize..50, 1..40),
    ) {
        let whole = frames_of(framing, max, &[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&frames_of(framing, max, &single), &whole);
        let (mut rest, mut chunks, mut cut) = (&bytes[..], Vec::new(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(rest.len().min(cut.next().unwrap() + 1));
            chunks.push(chunk);
            rest = tail;
        }
        prop_assert_eq!(&frames_of(framing, max, &chunks), &whole);
        let longest = whole.0.iter().map(Vec::len).max().unwrap_or(0);
        prop_assert!(longest <= max as usize);
    }

    #[test]
    fn coded_packets_round_trip(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..700), 1..5)) {
        let coded: Vec<u8> = packets.iter().flat_map(|packet| cobs(packet)).collect();
        prop_assert_eq!(&frames(Framing::Cobs, &coded), &packets);
        let coded: Vec<u8> = packets.iter().flat_map(|packet| slip(packet)).collect();
        prop_assert_eq!(&frames(Framing::Slip, &coded), &packets);
    }
}
