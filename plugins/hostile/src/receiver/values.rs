//! Keeping more than is its to keep.

use bellwether_plugin_sdk::receiver::{Failure, kv};

/// What came of a deed of this kind; none where it is of another kind.
pub(super) fn perform(deed: &str) -> Option<Result<String, Failure>> {
    Some(match deed {
        "hoard-values" => Ok(hoard()),
        "giant-value" => outcome(kv::set("k", &vec![1; 3 << 20])),
        "giant-key" => outcome(kv::set(&"k".repeat(1 << 20), b"v")),
        // How often it was called: kept from call to call, though each has an instance of its own.
        "count" => count(),
        _ => return None,
    })
}

/// How many KiB could be kept.
fn hoard() -> String {
    let kept = (0..1_000_000).take_while(|i| kv::set(&format!("{i:06}"), &[1; 1018]).is_ok()).count();
    kept.to_string()
}

fn outcome(done: Result<(), kv::Error>) -> Result<String, Failure> {
    match done {
        Ok(()) => Ok("kept".into()),
        Err(kv::Error::Full) => Err(Failure::Permanent("full".into())),
        Err(kv::Error::Io(why)) => Err(Failure::Permanent(why)),
    }
}

fn count() -> Result<String, Failure> {
    let failed = |_| Failure::Permanent("no value".into());
    let before = kv::get("count").map_err(failed)?.and_then(|value| value.first().copied()).unwrap_or(0);
    kv::set("count", &[before + 1]).map_err(failed)?;
    Ok((before + 1).to_string())
}
