//! The fakes against the contracts of their ports.

mod fakes;
mod hrana;
mod world;
