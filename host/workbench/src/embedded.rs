//! What `new` writes, as it was when this program was built: templates, the SDK of Rust, and the interfaces.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The manifest of the workspace that the SDK is part of here: versions and edition.
pub(crate) const SDK_WORKSPACE: &str = include_str!("../../../plugins/Cargo.toml");
/// The SDK's own manifest, which refers to that of the workspace.
pub(crate) const SDK_MANIFEST: &str = include_str!("../../../plugins/sdk/Cargo.toml");
