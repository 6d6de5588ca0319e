//! Fakes of the ports and suites that hold every adapter to its port. Development only.

pub mod authenticator;
pub mod contract;
mod fakes;
#[cfg(feature = "native")]
mod native;
pub mod schema;

pub use fakes::{
    FixedClock, MapBlob, RecordingMailer, RunAtOnce, ScriptedFetch, ScriptedLimit, ShiftedClock,
};
#[cfg(feature = "native")]
pub use fakes::{RustCryptoKeys, SeededRng};
#[cfg(feature = "native")]
pub use native::{Browser, FetchTarget, HranaServer, PostgresServer, TempDir, World};
