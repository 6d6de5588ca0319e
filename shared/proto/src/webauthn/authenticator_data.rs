//! Authenticator data: the bytes an authenticator vouches for (WebAuthn §6.1).

use super::cbor::{self, CborError};

/// Authenticator data, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// SHA-256 of the RP ID the authenticator was asked for.
    pub rp_id_hash: &'a [u8; 32],
    /// What was done to be sure of the person, and how the key is kept.
    pub flags: Flags,
    /// Signature counter; 0 from authenticators without one.
    pub sign_count: u32,
    /// The credential that was made; present with flag AT.
    pub attested_credential: Option<AttestedCredentialData<'a>>,
    /// Authenticator extension outputs, a CBOR map; present with flag ED.
    pub extensions: Option<&'a [u8]>,
}

/// Attested credential data (WebAuthn §6.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttestedCredentialData<'a> {
    /// The authenticator's model, all zero if it does not say; unproven without attestation.
    pub aaguid: &'a [u8; 16],
    /// Credential id, of any length that 16 bits can count.
    pub credential_id: &'a [u8],
    /// Credential public key, a `COSE_Key`.
    pub public_key: &'a [u8],
}

/// The flags byte (WebAuthn §6.1). Bits reserved for future use are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// UP: someone was there.
    pub const USER_PRESENT: u8 = 1;
    /// UV: it was the authenticator's user, by PIN, biometrics or the like.
    pub const USER_VERIFIED: u8 = 1 << 2;
    /// BE: the credential may be backed up or synced.
    pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
    /// BS: the credential is backed up now.
    pub const BACKUP_STATE: u8 = 1 << 4;
    /// AT: attested credential data follows.
    pub const ATTESTED_CREDENTIAL: u8 = 1 << 6;
    /// ED: extension outputs follow.
    pub const EXTENSIONS: u8 = 1 << 7;

    /// Whether all bits of `mask` are set.
    #[must_use]
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }

    /// Whether BS is set without BE, which no authenticator may claim (§6.1.3).
    #[must_use]
    pub const fn is_backed_up_without_eligibility(self) -> bool {
        self.has(Self::BACKUP_STATE) && !self.has(Self::BACKUP_ELIGIBLE)
    }
}

/// Why bytes are not authenticator data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticatorDataError {
    /// More bytes than authenticator data ever needs.
    #[error("authenticator data exceeds the size limit")]
    TooLarge,
    /// The bytes end before what the flags announce.
    #[error("authenticator data ends early")]
    Truncated,
    /// The credential public key is not one CBOR item.
    #[error("credential public key: {0}")]
    PublicKey(CborError),
    /// The extension outputs are not one CBOR item.
    #[error("extension outputs: {0}")]
    Extensions(CborError),
    /// The extension outputs are CBOR, but not a map.
    #[error("extension outputs are not a map")]
    ExtensionsNotAMap,
    /// Bytes follow what the flags announce.
    #[error("bytes follow the authenticator data")]
    Trailing,
}

impl<'a> AuthenticatorData<'a> {
    /// Parses authenticator data.
    ///
    /// # Errors
    /// [`AuthenticatorDataError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AuthenticatorDataError> {
        use AuthenticatorDataError::{ExtensionsNotAMap, TooLarge, Trailing, Truncated};
        if bytes.len() > MAX_BYTES {
            return Err(TooLarge);
        }
        let (rp_id_hash, rest) = bytes.split_first_chunk().ok_or(Truncated)?;
        let (flags, rest) = rest.split_first().ok_or(Truncated)?;
        let (sign_count, mut rest) = rest.split_first_chunk().ok_or(Truncated)?;
        let flags = Flags(*flags);
        let mut attested_credential = None;
        if flags.has(Flags::ATTESTED_CREDENTIAL) {
            let (attested, after) = AttestedCredentialData::split(rest)?;
            (attested_credential, rest) = (Some(attested), after);
        }
        let mut extensions = None;
        if flags.has(Flags::EXTENSIONS) {
            let (outputs, after) = cbor::split_item(rest).map_err(AuthenticatorDataError::Extensions)?;
            if outputs.first().is_none_or(|head| head >> 5 != CBOR_MAP) {
                return Err(ExtensionsNotAMap);
            }
            (extensions, rest) = (Some(outputs), after);
        }
        if !rest.is_empty() {
            return Err(Trailing);
        }
        let sign_count = u32::from_be_bytes(*sign_count);
        Ok(Self { rp_id_hash, flags, sign_count, attested_credential, extensions })
    }
}

impl<'a> AttestedCredentialData<'a> {
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), AuthenticatorDataError> {
        use AuthenticatorDataError::{PublicKey, Truncated};
        let (aaguid, rest) = bytes.split_first_chunk().ok_or(Truncated)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (credential_id, rest) = rest.split_at_checked(length).ok_or(Truncated)?;
        let (public_key, rest) = cbor::split_item(rest).map_err(PublicKey)?;
        Ok((Self { aaguid, credential_id, public_key }, rest))
    }
}

/// A credential id of 1023 bytes, an RSA key of 4096 bits and generous extension outputs.
const MAX_BYTES: usize = 4096;
const CBOR_MAP: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(flags: u8, rest: &[u8]) -> Vec<u8> {
        [&[7; 32][..], &[flags], &[0, 0, 1, 2], rest].concat()
    }

    const ATTESTED: &[u8] = &[3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 2, 8, 9, 0xa1, 0x01, 0x02];
    const OUTPUTS: &[u8] = &[0xa1, 0x61, b'x', 0xf5];

    #[test]
    fn all_parts_are_found() {
        let data = bytes(0xdd, &[ATTESTED, OUTPUTS].concat());
        let data = AuthenticatorData::parse(&data).unwrap();
        assert_eq!(data.rp_id_hash, &[7; 32]);
        assert_eq!(data.sign_count, 258);
        let attested = data.attested_credential.unwrap();
        assert_eq!(attested.aaguid, &[3; 16]);
        assert_eq!(attested.credential_id, [8, 9]);
        assert_eq!(attested.public_key, [0xa1, 0x01, 0x02]);
        assert_eq!(data.extensions, Some(OUTPUTS));
        assert!(data.flags.has(Flags::USER_PRESENT | Flags::USER_VERIFIED | Flags::BACKUP_STATE));
        assert!(!Flags(0x18).is_backed_up_without_eligibility());
        assert!(Flags(0x10).is_backed_up_without_eligibility());

        let bare = bytes(0x01, &[]);
        let bare = AuthenticatorData::parse(&bare).unwrap();
        assert_eq!((bare.attested_credential, bare.extensions), (None, None));
    }

    #[test]
    fn s38_each_departure_has_its_error() {
        use AuthenticatorDataError::*;
        let long_id = [&[0; 16][..], &[0xff, 0xff], &[0; 10]].concat();
        let cases = [
            (bytes(0x01, &[]).split_off(1), Truncated),
            (Vec::new(), Truncated),
            (vec![0; 32], Truncated),
            (vec![0; 33], Truncated),
            (bytes(0x41, &[]), Truncated),
            (bytes(0x41, &[0; 17]), Truncated),
            (bytes(0x41, &long_id), Truncated),
            (bytes(0x41, &ATTESTED[..20]), PublicKey(CborError::Truncated)),
            (bytes(0x41, &[&ATTESTED[..20], &[0xbf, 0xff]].concat()), PublicKey(CborError::Indefinite)),
            (bytes(0x81, &[]), Extensions(CborError::Truncated)),
            (bytes(0x81, &[0xa2, 0x01, 0x00, 0x01, 0x00]), Extensions(CborError::DuplicateKey)),
            (bytes(0x81, &[0x80]), ExtensionsNotAMap),
            (bytes(0x01, &[0]), Trailing),
            (bytes(0x01, OUTPUTS), Trailing),
            (bytes(0x41, &[ATTESTED, OUTPUTS].concat()), Trailing),
            (bytes(0xc1, &[ATTESTED, OUTPUTS, &[0]].concat()), Trailing),
            (bytes(0x01, &[0; MAX_BYTES]), TooLarge),
        ];
        for (bytes, error) in cases {
            assert_eq!(AuthenticatorData::parse(&bytes), Err(error), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn s38_arbitrary_bytes_never_panic(flags: u8, rest in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = AuthenticatorData::parse(&rest);
            let _ = AuthenticatorData::parse(&bytes(flags, &rest));
        }
    }
}
