use bellwether_model::plugin_store::{Kept, PluginStore};

use super::state;

#[test]
fn a_plugin_keeps_values_of_its_own_within_its_quota() {
    let (_dir, state) = state();
    assert_eq!(state.value("a", "k").unwrap(), None);
    assert_eq!(state.put_value("a", "k", b"12345", 10).unwrap(), Kept::Yes);
    assert_eq!(state.put_value("b", "k", b"other", 10).unwrap(), Kept::Yes);
    assert_eq!(state.put_value("a", "k2", b"123", 10).unwrap(), Kept::Full, "keys count");
    assert_eq!(state.put_value("a", "k", b"123456789", 10).unwrap(), Kept::Yes, "in place of the one before");
    assert_eq!(state.put_value("a", "k", b"1234567890", 10).unwrap(), Kept::Full);
    assert_eq!(state.value("a", "k").unwrap().as_deref(), Some(&b"123456789"[..]));
    state.forget_value("a", "k").unwrap();
    state.forget_value("a", "k").unwrap();
    assert_eq!(
        (state.value("a", "k").unwrap(), state.value("b", "k").unwrap()),
        (None, Some(b"other".to_vec()))
    );
}

#[test]
fn values_outlive_the_process() {
    let (dir, state) = state();
    state.put_value("a", "k", b"v", 10).unwrap();
    drop(state);
    let again = super::SqliteState::open(&dir.path().join("state.db")).unwrap();
    assert_eq!(again.value("a", "k").unwrap().as_deref(), Some(&b"v"[..]));
}
