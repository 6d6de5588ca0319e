//! Strict JSON.

use crate::has_float;
use serde_json::Value;

/// Rules: it reads what `serde_json` reads, or less, and as the same; what it refuses beside that has a name twice.
pub fn json(data: &[u8]) {
    let lenient = serde_json::from_slice::<Value>(data);
    match (proto::json::parse_object(data), lenient) {
        (Ok(strict), lenient) => assert_eq!(Some(Value::Object(strict)), lenient.ok()),
        (Err(_), Ok(Value::Object(object))) => {
            // Written anew the names are distinct, so that it must be read.
            let value = Value::Object(object);
            let again = proto::json::parse_object(value.to_string().as_bytes()).map(Value::Object);
            assert!(again.is_ok());
            assert!(has_float(&value) || again == Ok(value));
        }
        (Err(_), _) => {}
    }
}
