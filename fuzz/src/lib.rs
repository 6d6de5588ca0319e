//! What is fuzzed: each function takes any bytes, hands them to a group of parsers and panics if one of them panics
//! or breaks a rule that holds for every input.

mod client;
mod form;
mod jose;
mod json;
mod remote;
mod uri;
mod webauthn;

pub use client::client;
pub use form::form;
pub use jose::jose;
pub use json::json;
pub use remote::remote;
pub use uri::uri;
pub use webauthn::webauthn;

/// Every target by its name.
pub const TARGETS: [(&str, fn(&[u8])); 7] = [
    ("form", form),
    ("client", client),
    ("uri", uri),
    ("json", json),
    ("jose", jose),
    ("webauthn", webauthn),
    ("remote", remote),
];

/// The parts between zero bytes, as text where they are text.
fn parts(data: &[u8]) -> impl Iterator<Item = &str> {
    data.split(|b| *b == 0).map(|part| std::str::from_utf8(part).unwrap_or_default())
}

/// Whether a number that is no integer is in it: reading and writing one need not give the same last digit.
fn has_float(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(items) => items.iter().any(has_float),
        serde_json::Value::Object(members) => members.values().any(has_float),
        _ => false,
    }
}
