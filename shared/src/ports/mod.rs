//! The world as arguments: one trait a file. A host supplies an implementation of each.

mod after;
mod blob;
mod clock;
mod db;
mod fetch;
mod keys;
mod limit;
mod mail;
mod rng;

pub use after::{After, Job};
pub use blob::{Blob, BlobError};
pub use clock::Clock;
pub use db::{Db, DbError};
pub use fetch::{FetchError, FetchPolicy, HttpFetch, PrivateAddresses};
pub use keys::{KeyError, Keys, NewKey, Signer};
pub use limit::{Bucket, Limit, LimitError, Verdict};
pub use mail::{Mail, MailError, Mailer};
pub use rng::{Rng, RngError};
