//! Latchkey, native.
fn main() {}
