use std::fs::{self, OpenOptions};
use std::path::PathBuf;

use bellwether_model::{Labels, Series, stale_nan};
use tempfile::TempDir;

use super::*;

/// The time at which everything happens unless a test says otherwise.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(millis: i64) -> Timestamp {
    NOW.offset_millis(millis)
}

fn labels(device: usize) -> Labels {
    Labels::from_pairs([("__name__", "temperature".to_owned()), ("device", format!("d{device}"))])
}

fn record(device: usize, millis: i64, value: f64) -> Record {
    Record::new(labels(device), after(millis), value)
}

fn open(dir: &Path) -> Store {
    Store::open(dir, StoreOptions::default(), NOW).unwrap()
}

fn everything(store: &Store) -> Vec<Series> {
    store.select(&[], Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap()
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(WAL_DIR).join(format!("{number:08}.log"))
}

fn wal_files(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir.join(WAL_DIR)).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_acknowledged_comes_back() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    for step in 0..500 {
        let batch: Vec<Record> = (0..10).map(|device| record(device, step * 15, step as f64 / 3.0)).collect();
        assert_eq!(store.append(&batch).unwrap().accepted, 10);
    }
    store.append(&[record(3, 100_000, stale_nan())]).unwrap();
    let before = everything(&store);
    // As after a kill: nothing of the store runs again, only its lock goes away with the process.
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join(WAL_DIR)).unwrap();
    fs::copy(segment(dir.path(), 1), segment(copy.path(), 1)).unwrap();
    let again = open(copy.path());
    assert_eq!(again.stats().head, store.stats().head);
    for (was, is) in before.iter().zip(everything(&again)) {
        assert_eq!(was.labels, is.labels);
        let bits = |series: &Series| -> Vec<_> {
            series.samples.iter().map(|sample| (sample.at, sample.value.to_bits())).collect()
        };
        assert_eq!(bits(was), bits(&is));
    }
    assert_eq!(again.append(&[record(3, 100_001, 1.0)]).unwrap().accepted, 1);
}

#[test]
fn late_and_contradicting_samples_are_counted_and_repeated_ones_are_not() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let appended = store
        .append(&[
            record(1, 10, 1.0),
            record(1, 10, 1.0),
            record(1, 10, 2.0),
            record(1, 5, 1.0),
            record(2, 5, 1.0),
        ])
        .unwrap();
    assert_eq!(appended, Appended { accepted: 2, out_of_order: 1, duplicate: 1 });
    assert_eq!(everything(&store)[0].samples.len(), 1);
    drop(store);
    let appended =
        open(dir.path()).append(&[record(1, 10, 1.0), record(1, 9, 1.0), record(1, 11, 1.0)]).unwrap();
    assert_eq!(appended, Appended { accepted: 1, out_of_order: 1, duplicate: 0 });
}

#[test]
fn a_log_cut_anywhere_in_its_last_batch_loses_only_that_batch() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.append(&[record(1, 0, 1.0), record(2, 0, 2.0)]).unwrap();
    let kept = everything(&store);
    let first_end = fs::metadata(segment(dir.path(), 1)).unwrap().len();
    store.append(&[record(1, 1, 1.5), record(3, 1, 3.0)]).unwrap();
    drop(store);
    let whole = fs::read(segment(dir.path(), 1)).unwrap();
    for length in first_end as usize..whole.len() {
        fs::write(segment(dir.path(), 1), &whole[..length]).unwrap();
        let store = open(dir.path());
        let found = everything(&store);
        let of_last: usize = found.iter().flat_map(|series| &series.samples).filter(|s| s.at > NOW).count();
        let of_first: Vec<Series> = found
            .into_iter()
            .filter_map(|mut series| {
                series.samples.retain(|sample| sample.at == NOW);
                (!series.samples.is_empty()).then_some(series)
            })
            .collect();
        assert_eq!(of_first, kept, "cut at {length}");
        assert_eq!(of_last, 0, "cut at {length}");
        // The store goes on where it was cut, and what it acknowledges now stays.
        store.append(&[record(4, 2, 4.0)]).unwrap();
        drop(store);
        assert_eq!(open(dir.path()).stats().head.samples, 3, "cut at {length}");
    }
}

#[test]
fn damage_before_the_end_is_refused_with_file_and_offset() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.append(&[record(1, 0, 1.0)]).unwrap();
    let second_batch = fs::metadata(segment(dir.path(), 1)).unwrap().len();
    store.append(&[record(1, 1, 1.0)]).unwrap();
    store.append(&[record(1, 2, 1.0)]).unwrap();
    drop(store);
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[second_batch as usize + 14] ^= 0x10;
    fs::write(&path, &bytes).unwrap();
    let error = Store::open(dir.path(), StoreOptions::default(), NOW).unwrap_err();
    assert!(matches!(&error, OpenError::DamagedLog { offset, .. } if *offset == second_batch), "{error}");
    let text = error.to_string();
    assert!(text.contains("00000001.log") && text.contains("truncate -s"), "{text}");
    // The remedy that the message names works.
    OpenOptions::new().write(true).open(&path).unwrap().set_len(second_batch).unwrap();
    assert_eq!(open(dir.path()).stats().head.samples, 1);
}

#[test]
fn a_missing_segment_is_refused() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions { segment_bytes: 100, ..StoreOptions::default() };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    for step in 0..20 {
        store.append(&[record(1, step, 1.0)]).unwrap();
    }
    drop(store);
    assert!(wal_files(dir.path()).len() > 3);
    fs::remove_file(segment(dir.path(), 2)).unwrap();
    let error = Store::open(dir.path(), options, NOW).unwrap_err();
    assert!(matches!(error, OpenError::MissingSegment { .. }), "{error}");
}

#[test]
fn a_log_of_a_later_version_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let mut bytes = fs::read(segment(dir.path(), 1)).unwrap();
    bytes[7] = 9;
    fs::write(segment(dir.path(), 1), &bytes).unwrap();
    let error = Store::open(dir.path(), StoreOptions::default(), NOW).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9, known: 1, .. }), "{error}");
}

#[test]
fn two_stores_cannot_share_a_directory() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let error = Store::open(dir.path(), StoreOptions::default(), NOW).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    drop(store);
    open(dir.path());
}

#[test]
fn a_data_directory_that_is_a_file_is_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("data");
    fs::write(&path, "x").unwrap();
    let error = Store::open(&path, StoreOptions::default(), NOW).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[test]
fn retention_forgets_chunks_and_then_the_series() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions { retention: Duration::from_secs(3600), ..StoreOptions::default() };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    for minute in 0..180 {
        store.append(&[record(1, minute * 60_000, 1.0)]).unwrap();
    }
    store.append(&[record(2, 0, 1.0)]).unwrap();
    assert_eq!(store.apply_retention(after(180 * 60_000)), 1);
    let left = everything(&store);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].samples.len(), 60);
    assert_eq!(store.apply_retention(after(400 * 60_000)), 1);
    assert_eq!(store.stats().head, HeadStats { bytes: store.stats().head.bytes, ..HeadStats::default() });
    // The place of a forgotten series is used again, under a number of its own in the log.
    store.append(&[record(3, 400 * 60_000, 3.0), record(1, 400 * 60_000, 1.0)]).unwrap();
    let before = everything(&store);
    drop(store);
    let again = Store::open(dir.path(), options, after(400 * 60_000)).unwrap();
    assert_eq!(everything(&again), before);
}

#[test]
fn the_limit_of_series_refuses_new_ones_and_keeps_known_ones_going() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions { max_series: 2, ..StoreOptions::default() };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    store.append(&[record(1, 0, 1.0), record(2, 0, 1.0)]).unwrap();
    let error = store.append(&[record(3, 1, 1.0), record(1, 1, 1.0)]).unwrap_err();
    assert!(matches!(error, AppendError::TooManySeries { limit: 2 }));
    assert_eq!(store.stats().head.samples, 3);
    assert_eq!(store.stats().refused, 1);
}

#[test]
fn a_checkpoint_replaces_the_log_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let options =
        StoreOptions { segment_bytes: 2_000, retention: Duration::from_secs(60), ..StoreOptions::default() };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    for step in 0..200 {
        let batch: Vec<Record> = (0..20).map(|device| record(device, step * 1_000, step as f64)).collect();
        store.append(&batch).unwrap();
    }
    store.apply_retention(after(200_000));
    let before_bytes = store.stats().log_bytes;
    store.checkpoint().unwrap();
    assert!(store.stats().log_bytes < before_bytes / 2, "{} of {before_bytes}", store.stats().log_bytes);
    assert_eq!(wal_files(dir.path()).len(), 2, "{:?}", wal_files(dir.path()));
    store.append(&[record(5, 300_000, 5.0), record(99, 300_000, 9.0)]).unwrap();
    let before = everything(&store);
    drop(store);
    let again = Store::open(dir.path(), options, after(200_000)).unwrap();
    let found = everything(&again);
    assert_eq!(found.len(), before.len());
    for (was, is) in before.iter().zip(&found) {
        let kept = was.samples.iter().filter(|sample| sample.at >= after(140_000));
        assert!(kept.eq(is.samples.iter()), "{}", was.labels);
    }
}

#[test]
fn a_checkpoint_that_was_not_finished_counts_for_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    store.append(&[record(1, 0, 1.0)]).unwrap();
    let mut checkpoint = store.shared.writer().wal_mut().begin_checkpoint().unwrap();
    checkpoint.flush().unwrap();
    drop(checkpoint);
    store.append(&[record(1, 1, 2.0)]).unwrap();
    let before = everything(&store);
    drop(store);
    let again = open(dir.path());
    assert_eq!(everything(&again), before);
    assert_eq!(wal_files(dir.path()), vec!["00000001.log", "00000002.log"]);
}

#[test]
fn a_series_that_came_back_survives_restart_checkpoint_and_restart() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions { retention: Duration::from_secs(10), ..StoreOptions::default() };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    store.append(&[record(1, 0, 1.0)]).unwrap();
    store.apply_retention(after(20_000));
    store.append(&[record(2, 20_000, 2.0), record(1, 20_000, 1.0)]).unwrap();
    drop(store);
    let store = Store::open(dir.path(), options, after(20_000)).unwrap();
    store.checkpoint().unwrap();
    store.append(&[record(1, 21_000, 1.5)]).unwrap();
    let before = everything(&store);
    assert_eq!(store.stats().head.samples, 3);
    drop(store);
    assert_eq!(everything(&Store::open(dir.path(), options, after(20_000)).unwrap()), before);
}

#[test]
fn readers_and_a_checkpoint_go_on_beside_a_writer() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions { segment_bytes: 4_000, ..StoreOptions::default() };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0..300 {
                let batch: Vec<Record> = (0..50).map(|device| record(device, step, step as f64)).collect();
                store.append(&batch).unwrap();
            }
        });
        scope.spawn(|| (0..10).for_each(|_| store.checkpoint().unwrap()));
        scope.spawn(|| {
            for _ in 0..100 {
                // A batch becomes visible as a whole.
                let counts: Vec<usize> =
                    everything(&store).iter().map(|series| series.samples.len()).collect();
                assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{counts:?}");
            }
        });
    });
    let before = everything(&store);
    drop(store);
    assert_eq!(everything(&Store::open(dir.path(), options, NOW).unwrap()), before);
}

#[test]
fn the_stores_own_thread_keeps_the_log_short() {
    let dir = TempDir::new().unwrap();
    let options = StoreOptions {
        retention: Duration::from_secs(1),
        sync_interval: Duration::from_millis(1),
        log_bytes: 10_000,
        ..StoreOptions::default()
    };
    let store = Store::open(dir.path(), options, NOW).unwrap();
    let mut written = 0;
    for step in 0..100_000 {
        let batch: Vec<Record> = (0..50).map(|device| record(device, step * 1_000, step as f64)).collect();
        store.append(&batch).unwrap();
        store.apply_retention(after(step * 1_000));
        written += 50;
        if store.shared.writer().stats().log_bytes < 10_000 && written > 20_000 {
            return;
        }
    }
    panic!("the log still holds {} bytes", store.stats().log_bytes);
}
