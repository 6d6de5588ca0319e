//! CBOR as WebAuthn uses it: the CTAP2 canonical form and nothing else
//! (CTAP 2.1 §8 "Message Encoding", RFC 8949 §3).
//!
//! The bytes are walked once before a decoder sees them, so that the decoder meets only definite lengths that
//! the input really holds, bounded depth, and maps with one value per key.

use ciborium::Value;
use std::cmp::Ordering;

/// Why bytes are not one CBOR item in CTAP2 canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// More bytes than any attestation object needs.
    #[error("CBOR exceeds the size limit")]
    TooLarge,
    /// Arrays and maps nest deeper than any attestation statement does.
    #[error("CBOR nests too deep")]
    TooDeep,
    /// The input ends inside an item.
    #[error("CBOR ends early")]
    Truncated,
    /// An indefinite length, or a break without one.
    #[error("CBOR uses an indefinite length")]
    Indefinite,
    /// A number or length not in its shortest form, or map keys out of order.
    #[error("CBOR is not in canonical form")]
    NotCanonical,
    /// A map holds the same key twice.
    #[error("CBOR map repeats a key")]
    DuplicateKey,
    /// A tag, a reserved head, or a simple value other than `false`, `true` and `null`.
    #[error("CBOR uses a construct that CTAP2 excludes")]
    Excluded,
    /// A text string that is not UTF-8.
    #[error("CBOR text is not UTF-8")]
    NotUtf8,
    /// Bytes follow the item.
    #[error("bytes follow the CBOR item")]
    Trailing,
}

/// Decodes exactly one item.
///
/// # Errors
/// [`CborError`] if the bytes are anything but that item in canonical form.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    let (item, rest) = split_item(bytes)?;
    if !rest.is_empty() {
        return Err(CborError::Trailing);
    }
    // What was walked above is within everything the decoder supports.
    ciborium::from_reader(item).map_err(|_| CborError::Excluded)
}

/// Splits the first item, which is checked, from the bytes after it, which are not.
///
/// # Errors
/// [`CborError`] if the input does not start with an item in canonical form.
pub(super) fn split_item(bytes: &[u8]) -> Result<(&[u8], &[u8]), CborError> {
    if bytes.len() > MAX_BYTES {
        return Err(CborError::TooLarge);
    }
    split_at_depth(bytes, 0)
}

fn split_at_depth(bytes: &[u8], depth: usize) -> Result<(&[u8], &[u8]), CborError> {
    let rest = skip_item(bytes, depth)?;
    bytes.split_at_checked(bytes.len().saturating_sub(rest.len())).ok_or(CborError::Truncated)
}

/// Walks one item and returns what follows it.
fn skip_item(bytes: &[u8], depth: usize) -> Result<&[u8], CborError> {
    if depth > MAX_DEPTH {
        return Err(CborError::TooDeep);
    }
    let (first, rest) = bytes.split_first().ok_or(CborError::Truncated)?;
    let (major, info) = (first >> 5, first & 0x1f);
    if major == SIMPLE {
        return skip_simple(info, rest);
    }
    let (argument, rest) = argument(info, rest)?;
    match major {
        UNSIGNED | NEGATIVE => Ok(rest),
        BYTES => Ok(split_string(argument, rest)?.1),
        TEXT => {
            let (text, rest) = split_string(argument, rest)?;
            std::str::from_utf8(text).map(|_| rest).map_err(|_| CborError::NotUtf8)
        }
        // An element takes a byte at least, so a lying length ends with the input.
        ARRAY => (0..argument).try_fold(rest, |rest, _| skip_item(rest, depth + 1)),
        MAP => skip_map(argument, rest, depth),
        _ => Err(CborError::Excluded),
    }
}

fn skip_map(pairs: u64, bytes: &[u8], depth: usize) -> Result<&[u8], CborError> {
    let mut rest = bytes;
    let mut previous: Option<&[u8]> = None;
    for _ in 0..pairs {
        let (key, value) = split_at_depth(rest, depth + 1)?;
        match previous.map(|previous| key_order(previous, key)) {
            Some(Ordering::Equal) => return Err(CborError::DuplicateKey),
            Some(Ordering::Greater) => return Err(CborError::NotCanonical),
            Some(Ordering::Less) | None => previous = Some(key),
        }
        rest = skip_item(value, depth + 1)?;
    }
    Ok(rest)
}

/// CTAP2's order of map keys: by major type, then by length, then by bytes.
fn key_order(a: &[u8], b: &[u8]) -> Ordering {
    let major = |key: &[u8]| key.first().map(|first| first >> 5);
    major(a).cmp(&major(b)).then(a.len().cmp(&b.len())).then_with(|| a.cmp(b))
}

fn skip_simple(info: u8, bytes: &[u8]) -> Result<&[u8], CborError> {
    let payload = match info {
        FALSE | TRUE | NULL => 0,
        FLOAT16 => 2,
        FLOAT32 => 4,
        FLOAT64 => 8,
        INDEFINITE => return Err(CborError::Indefinite),
        _ => return Err(CborError::Excluded),
    };
    Ok(split_string(payload, bytes)?.1)
}

/// The number in an item's head, which must be in its shortest form.
fn argument(info: u8, bytes: &[u8]) -> Result<(u64, &[u8]), CborError> {
    match info {
        0..=23 => Ok((u64::from(info), bytes)),
        24 => wide_argument::<1>(bytes, 24),
        25 => wide_argument::<2>(bytes, 1 << 8),
        26 => wide_argument::<4>(bytes, 1 << 16),
        27 => wide_argument::<8>(bytes, 1 << 32),
        INDEFINITE => Err(CborError::Indefinite),
        _ => Err(CborError::Excluded),
    }
}

fn wide_argument<const N: usize>(bytes: &[u8], least: u64) -> Result<(u64, &[u8]), CborError> {
    let (raw, rest) = bytes.split_first_chunk::<N>().ok_or(CborError::Truncated)?;
    let value = raw.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte));
    if value < least { Err(CborError::NotCanonical) } else { Ok((value, rest)) }
}

fn split_string(length: u64, bytes: &[u8]) -> Result<(&[u8], &[u8]), CborError> {
    usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length)).ok_or(CborError::Truncated)
}

/// Room for a TPM statement with its chain of certificates.
const MAX_BYTES: usize = 16 * 1024;
/// A `compound` attestation object nests five deep.
const MAX_DEPTH: usize = 6;

// Major types (RFC 8949 §3.1); 6, tags, is left out on purpose.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

// Additional information (RFC 8949 §3, §3.3).
const FALSE: u8 = 20;
const TRUE: u8 = 21;
const NULL: u8 = 22;
const FLOAT16: u8 = 25;
const FLOAT32: u8 = 26;
const FLOAT64: u8 = 27;
const INDEFINITE: u8 = 31;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_items_decode() {
        let map = decode(&[0xa2, 0x01, 0x02, 0x61, b'a', 0x82, 0xf5, 0x41, 0xff]).unwrap();
        let list = Value::Array(vec![true.into(), Value::Bytes(vec![0xff])]);
        assert_eq!(map, Value::Map(vec![(1.into(), 2.into()), ("a".into(), list)]));
        assert_eq!(decode(&[0x19, 0x01, 0x00]), Ok(256.into()));
        assert_eq!(decode(&[0xf9, 0x3c, 0x00]), Ok(1.0.into()));
        assert_eq!(decode(&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]), Ok((1_u64 << 32).into()));
    }

    #[test]
    fn s38_each_departure_from_the_canonical_form_has_its_error() {
        use CborError::*;
        let nested = [vec![0x81; MAX_DEPTH + 1], vec![0x00]].concat();
        let cases: &[(&[u8], CborError)] = &[
            (&[], Truncated),
            (&[0x42, 0x00], Truncated),
            (&[0x82, 0x00], Truncated),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Truncated),
            (&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Truncated),
            (&[0xf9, 0x3c], Truncated),
            (&[0x9f, 0x00, 0xff], Indefinite),
            (&[0xbf, 0x00, 0x00, 0xff], Indefinite),
            (&[0x5f, 0x40, 0xff], Indefinite),
            (&[0x7f, 0x60, 0xff], Indefinite),
            (&[0xff], Indefinite),
            (&[0x18, 0x17], NotCanonical),
            (&[0x19, 0x00, 0xff], NotCanonical),
            (&[0x1a, 0x00, 0x00, 0xff, 0xff], NotCanonical),
            (&[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], NotCanonical),
            (&[0x58, 0x01, 0x00], NotCanonical),
            (&[0xa2, 0x02, 0x00, 0x01, 0x00], NotCanonical),
            (&[0xa2, 0x20, 0x00, 0x01, 0x00], NotCanonical),
            (&[0xa2, 0x62, b'a', b'a', 0x00, 0x61, b'b', 0x00], NotCanonical),
            (&[0xa2, 0x01, 0x00, 0x01, 0x01], DuplicateKey),
            (&[0x81, 0xa2, 0x61, b'a', 0x00, 0x61, b'a', 0x01], DuplicateKey),
            (&[0xc0, 0x60], Excluded),
            (&[0xf7], Excluded),
            (&[0xf8, 0x20], Excluded),
            (&[0x1c], Excluded),
            (&[0x61, 0xff], NotUtf8),
            (&[0x00, 0x00], Trailing),
            (&nested, TooDeep),
        ];
        for (bytes, error) in cases {
            assert_eq!(decode(bytes), Err(*error), "{bytes:02x?}");
        }
        assert_eq!(decode(&vec![0; MAX_BYTES + 1]), Err(TooLarge));
    }

    #[test]
    fn s38_depth_is_counted_to_the_limit() {
        let deepest = [vec![0x81; MAX_DEPTH], vec![0x00]].concat();
        assert!(decode(&deepest).is_ok());
    }

    proptest! {
        #[test]
        fn s38_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn s38_what_decodes_has_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(value) = decode(&bytes) {
                let mut again = Vec::new();
                ciborium::into_writer(&value, &mut again).unwrap();
                // The encoder shortens floats, which CTAP2 leaves as they are.
                if !bytes.iter().any(|b| (0xf9..=0xfb).contains(b)) {
                    prop_assert_eq!(again, bytes);
                }
            }
        }
    }
}
