//! APIs (resource servers, RFC 8707) with their permissions, and which client may use them.

mod reach;

pub use reach::{reach, reach_of_interaction, read_reach};
