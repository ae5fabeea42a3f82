use bellwether_model::{is_stale, stale_nan};
use proptest::prelude::*;

use super::*;

/// `prometheus.WriteRequest` as a sender writes it.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<LabelPair>,
}

fn series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> TimeSeries {
    let pair = |&(name, value): &(&str, &str)| LabelPair { name: name.to_owned(), value: value.to_owned() };
    TimeSeries {
        labels: labels.iter().map(pair).collect(),
        samples: samples.iter().map(|&(value, timestamp)| PushedSample { value, timestamp }).collect(),
        histograms: Vec::new(),
    }
}

fn body(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    let metadata = vec![LabelPair { name: "x".to_owned(), value: "y".to_owned() }];
    compressed(&WriteRequest { timeseries, metadata }.encode_to_vec())
}

fn compressed(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

#[test]
fn samples_and_stale_markers_arrive() {
    let up = [("__name__", "up"), ("job", "a")];
    let push = decode(&body(vec![series(&up, &[(1.0, 5), (stale_nan(), 6)])]), RemoteWriteLimits::default())
        .unwrap();
    assert_eq!(push.records.len(), 2);
    assert_eq!(push.records[0], Record::new(Labels::from_pairs(up), Timestamp::from_millis(5), 1.0));
    assert!(is_stale(push.records[1].sample.value));
}

#[test]
fn invalid_series_are_left_out_and_counted() {
    let sample = &[(1.0, 5)][..];
    let push = decode(
        &body(vec![
            series(&[("job", "a")], sample),
            series(&[("__name__", "a"), ("x", "1"), ("x", "2")], sample),
            series(&[("__name__", "a"), ("", "1")], sample),
            TimeSeries { histograms: vec![Histogram {}], ..series(&[("__name__", "h")], &[]) },
            series(&[("__name__", "good"), ("empty", "")], sample),
        ]),
        RemoteWriteLimits::default(),
    )
    .unwrap();
    assert_eq!((push.invalid_series, push.histograms), (3, 1));
    assert_eq!(push.records[0].labels.to_string(), "good");
}

#[test]
fn limits_hold_before_the_memory_is_taken() {
    let limits = RemoteWriteLimits { decompressed_bytes: 1000, samples: 2 };
    let up = [("__name__", "up")];
    let many = decode(&body(vec![series(&up, &[(1.0, 1), (1.0, 2), (1.0, 3)])]), limits).unwrap_err();
    assert_eq!((many.status(), many), (413, RemoteWriteError::TooManySamples { limit: 2 }));
    let large = decode(&compressed(&[0; 2000]), limits).unwrap_err();
    assert_eq!((large.status(), large), (413, RemoteWriteError::TooLarge { found: 2000, limit: 1000 }));
    let wide = body(vec![series(&[("__name__", &"x".repeat(MAX_SERIES_BYTES))], &[])]);
    assert_eq!(decode(&wide, RemoteWriteLimits::default()).unwrap_err().status(), 413);
}

#[test]
fn bodies_that_are_something_else_are_refused() {
    let limits = RemoteWriteLimits::default();
    assert!(matches!(decode(b"\xff\xff\xff\xff\xff\xff", limits), Err(RemoteWriteError::Snappy(_))));
    let broken = decode(&compressed(b"\x0a\x7fxx"), limits).unwrap_err();
    assert_eq!(broken.status(), 400);
    assert_eq!(decode(&compressed(b""), limits).unwrap(), Push::default());
}

#[test]
fn headers_tell_the_versions_apart() {
    let v1 = "application/x-protobuf;proto=prometheus.WriteRequest";
    for (content_type, encoding) in
        [(None, None), (Some("application/x-protobuf"), Some("snappy")), (Some(v1), None)]
    {
        assert_eq!(check_headers(content_type, encoding), Ok(()));
    }
    let v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(check_headers(Some(v2), Some("snappy")).unwrap_err().status(), 415);
    assert_eq!(check_headers(Some("application/json"), None).unwrap_err().status(), 415);
    assert_eq!(check_headers(None, Some("gzip")).unwrap_err().status(), 415);
}

proptest! {
    #[test]
    fn any_message_is_read_without_a_panic(message: Vec<u8>) {
        for body in [compressed(&message), message] {
            let records = decode(&body, RemoteWriteLimits::default()).map_or(0, |push| push.records.len());
            prop_assert!(records <= body.len() * 100);
        }
    }
}
