//! Identifiers and secrets made of random bytes that the caller draws.

use crate::b64;

/// A version 4 UUID (RFC 9562 §5.4) in lower case, from 16 random bytes.
#[must_use]
pub fn uuid_v4(random: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(random);
    let version = 0x4_u128 << 76;
    let variant = 0b10_u128 << 62;
    let uuid = bits & !(0xf_u128 << 76) & !(0b11_u128 << 62) | version | variant;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        uuid >> 96,
        uuid >> 80 & 0xffff,
        uuid >> 64 & 0xffff,
        uuid >> 48 & 0xffff,
        uuid & 0xffff_ffff_ffff
    )
}

/// A secret of 256 bits as 43 characters of base64url: sessions, codes, refresh tokens.
#[must_use]
pub fn random_token(random: [u8; 32]) -> String {
    b64::encode(random)
}

/// The `kid` of a new signing key: base64url of 8 random bytes, 11 characters.
#[must_use]
pub fn key_id(random: [u8; 8]) -> String {
    b64::encode(random)
}

/// `length` letters and digits, each of the 62 equally likely. `fill` fills a buffer with random bytes and is
/// called until enough of them could be used.
#[must_use]
pub fn alphanumeric(length: usize, fill: impl FnMut(&mut [u8])) -> String {
    from_alphabet(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length, fill)
}

/// `length` characters of an ASCII alphabet, each equally likely; empty for an alphabet of none or of more than 256.
/// `fill` as for [`alphanumeric`].
#[must_use]
pub fn from_alphabet(alphabet: &[u8], length: usize, mut fill: impl FnMut(&mut [u8])) -> String {
    let Some(uneven) = 256_usize.checked_rem(alphabet.len()) else { return String::new() };
    // larger bytes would make the first letters likelier
    let even = 256_usize.saturating_sub(uneven);
    if alphabet.len() > 256 {
        return String::new();
    }
    let letter = |byte: &u8| {
        let index = usize::from(*byte);
        (index < even)
            .then(|| index.checked_rem(alphabet.len()))
            .flatten()
            .and_then(|i| alphabet.get(i))
            .copied()
    };
    let mut text = String::with_capacity(length);
    let mut random = [0; 64];
    while text.len() < length {
        fill(&mut random);
        let missing = length.saturating_sub(text.len());
        text.extend(random.iter().filter_map(letter).take(missing).map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uuids_carry_version_and_variant() {
        assert_eq!(uuid_v4([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let counting: [u8; 16] = std::array::from_fn(|i| i as u8 * 0x11);
        assert_eq!(uuid_v4(counting), "00112233-4455-4677-8899-aabbccddeeff");
    }

    #[test]
    fn tokens_are_base64url() {
        assert_eq!(random_token([0xff; 32]), "__________________________________________8");
        assert_eq!(key_id([0; 8]), "AAAAAAAAAAA");
    }

    #[test]
    fn letters_and_digits_without_bias() {
        // every byte once: each letter four times, bytes from 248 on never
        let mut next = 0_u8;
        let text = alphanumeric(248, |buffer| {
            for byte in buffer {
                *byte = next;
                next = next.wrapping_add(1);
            }
        });
        for letter in ('A'..='Z').chain('a'..='z').chain('0'..='9') {
            assert_eq!(text.matches(letter).count(), 4, "{letter}");
        }
        let mut calls = 0;
        let text = alphanumeric(3, |buffer| {
            calls += 1;
            buffer.fill(if calls == 1 { 255 } else { 61 });
        });
        assert_eq!((text.as_str(), calls), ("999", 2));
        assert_eq!(alphanumeric(0, |_| unreachable!()), "");
    }

    proptest! {
        #[test]
        fn uuids_have_their_shape(random: [u8; 16]) {
            let uuid = uuid_v4(random);
            let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
            prop_assert_eq!(lengths, [8, 4, 4, 4, 12]);
            prop_assert_eq!(uuid.get(14..15), Some("4"));
        }
    }
}
