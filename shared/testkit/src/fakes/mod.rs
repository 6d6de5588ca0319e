//! The ports as a test wants them: what they give is scripted, what they got is kept.

mod after;
mod blob;
mod clock;
mod fetch;
#[cfg(feature = "native")]
mod keys;
mod limit;
mod mail;
#[cfg(feature = "native")]
mod rng;

pub use after::RunAtOnce;
pub use blob::MapBlob;
pub use clock::{FixedClock, ShiftedClock};
pub use fetch::ScriptedFetch;
#[cfg(feature = "native")]
pub use keys::RustCryptoKeys;
pub use limit::ScriptedLimit;
pub use mail::RecordingMailer;
#[cfg(feature = "native")]
pub use rng::SeededRng;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value, also after a test panicked while it held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
