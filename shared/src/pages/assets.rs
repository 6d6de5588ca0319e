//! Files that `ui/` builds, as the build found them in `ui/build/manifest.json`.

/// A style sheet, script or picture under a name that changes with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Name without hash, e.g. `passkey.js`.
    pub name: &'static str,
    /// Path on this host, e.g. `/assets/passkey-ab12cd34.js`.
    pub path: &'static str,
    /// Subresource Integrity value.
    pub integrity: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));
