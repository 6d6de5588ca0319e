//! Private keys: making, importing, signing.

use super::{Outcome, Report, same, unexpected};
use proto::b64;
use proto::jose::{Alg, Jwk, VerifyingKey};
use shared::ports::{KeyError, Keys};
use std::sync::Arc;

/// Runs the suite.
///
/// # Errors
/// The text of the report, if a check failed.
pub async fn keys(keys: Arc<dyn Keys>) -> Result<Report, String> {
    let mut report = Report::new("keys");
    for alg in Alg::ALL {
        report.add(alg.as_str(), generate_import_sign(&*keys, alg).await);
    }
    report.add("rfc8037_appendix_a4", ed25519_vector(&*keys).await);
    report.add("rsa_known_answers", rsa_known_answers(&*keys).await);
    report.add("each_generated_key_is_new", fresh(&*keys).await);
    report.add("foreign_bytes_are_no_key", garbage(&*keys).await);
    report.verdict()
}

async fn generate_import_sign(keys: &dyn Keys, alg: Alg) -> Outcome {
    let key = keys.generate(alg).await.map_err(unexpected)?;
    same("size of the public key", size(&key.public), expected_size(alg))?;
    let signer = keys.import(alg, &key.pkcs8).await.map_err(unexpected)?;
    let input = b"eyJhbGciOiJ4In0.e30";
    for _ in 0..2 {
        let signature = signer.sign(input).await.map_err(unexpected)?;
        same("bytes of the signature", signature.len(), signature_length(alg))?;
        same("verifies", verifies(alg, &key.public, input, &signature), true)?;
        same("other input", verifies(alg, &key.public, b"eyJhbGciOiJ4In0.e31", &signature), false)?;
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut tampered = signature.clone();
            if let Some(byte) = tampered.get_mut(at) {
                *byte ^= 1;
            }
            same("tampered signature", verifies(alg, &key.public, input, &tampered), false)?;
        }
    }
    let empty = signer.sign(b"").await.map_err(unexpected)?;
    same("empty input", verifies(alg, &key.public, b"", &empty), true)
}

async fn ed25519_vector(keys: &dyn Keys) -> Outcome {
    let mut pkcs8 = ED25519_PREFIX.to_vec();
    pkcs8.extend(b64::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").map_err(unexpected)?);
    let signer = keys.import(Alg::EdDSA, &pkcs8).await.map_err(unexpected)?;
    let signature = signer.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc").await;
    let want = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    same("signature", signature.map(b64::encode), Ok(want.to_owned()))
}

/// PKCS#1 v1.5 is deterministic; the answers are OpenSSL's.
async fn rsa_known_answers(keys: &dyn Keys) -> Outcome {
    for (alg, want) in [(Alg::RS256, RS256), (Alg::RS384, RS384), (Alg::RS512, RS512)] {
        let signer = keys.import(alg, RSA_2048).await.map_err(unexpected)?;
        let signature = signer.sign(b"Latchkey known answer").await.map(b64::encode);
        same(alg.as_str(), signature, Ok(want.to_owned()))?;
    }
    Ok(())
}

async fn fresh(keys: &dyn Keys) -> Outcome {
    for alg in [Alg::ES256, Alg::ES384, Alg::ES512, Alg::EdDSA] {
        let a = keys.generate(alg).await.map_err(unexpected)?;
        let b = keys.generate(alg).await.map_err(unexpected)?;
        same(alg.as_str(), a.public == b.public || a.pkcs8 == b.pkcs8, false)?;
    }
    Ok(())
}

async fn garbage(keys: &dyn Keys) -> Outcome {
    for alg in Alg::ALL {
        let good = keys.generate(alg).await.map_err(unexpected)?.pkcs8;
        let cut = good.get(..good.len() / 2).unwrap_or_default();
        let foreign = match alg {
            Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 => Alg::ES256,
            Alg::ES256 => Alg::ES384,
            Alg::ES384 => Alg::ES512,
            Alg::ES512 => Alg::EdDSA,
            Alg::EdDSA => Alg::ES256,
        };
        let foreign = keys.generate(foreign).await.map_err(unexpected)?.pkcs8;
        for (what, bytes) in
            [("nothing", &b""[..]), ("text", b"no key at all"), ("half", cut), ("foreign", &foreign)]
        {
            let error = keys.import(alg, bytes).await.err();
            same(&format!("{what} for {alg}"), error, Some(KeyError::NotAKey(alg)))?;
        }
    }
    Ok(())
}

const RSA_2048: &[u8] = include_bytes!("../../data/rsa2048.pk8");

/// PKCS#8 (RFC 8410 §7) up to the 32 bytes of the private key.
const ED25519_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

const fn signature_length(alg: Alg) -> usize {
    match alg {
        Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 => 256,
        Alg::ES256 | Alg::EdDSA => 64,
        Alg::ES384 => 96,
        Alg::ES512 => 132,
    }
}

/// Curve, or exponent, and lengths of the coordinates, or of the modulus.
fn expected_size(alg: Alg) -> (String, Vec<Option<usize>>) {
    let (kind, lengths) = match alg {
        Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 => ("AQAB", vec![Some(256)]),
        Alg::ES256 => ("P-256", vec![Some(32); 2]),
        Alg::ES384 => ("P-384", vec![Some(48); 2]),
        Alg::ES512 => ("P-521", vec![Some(66); 2]),
        Alg::EdDSA => ("Ed25519", vec![Some(32)]),
    };
    (kind.to_owned(), lengths)
}

fn size(public: &Jwk) -> (String, Vec<Option<usize>>) {
    let length = |text: &String| b64::decode(text).ok().map(|bytes| bytes.len());
    match public {
        Jwk::RSA { n, e } => (e.clone(), vec![length(n)]),
        Jwk::EC { crv, x, y } => (crv.clone(), vec![length(x), length(y)]),
        Jwk::OKP { crv, x } => (crv.clone(), vec![length(x)]),
    }
}

fn verifies(alg: Alg, public: &Jwk, input: &[u8], signature: &[u8]) -> bool {
    VerifyingKey::from_jwk(public, alg).is_ok_and(|key| key.verify(input, signature).is_ok())
}

const RS256: &str = "ir6vSxFUDAjpxE0mwniaUN1TVM35CF8fg9JpfTLHdT6NeEtF3bIGRNwU3z7FuOrM-fYUvh4fnqkp0WDjYHAwLAz_Fy\
    jVsCm8amCpZh2bGdCAf7Xbz3A9bXxPFB0z7ctngWjWCe9VPE2KUOgFKswHeqfmXAwo_-TdhTG_BUvmlXo9NrM4sSx2\
    GkLeAqJ2DaPRvXzWOrdWYkerxxH8vkrDc68e7fZH-yQZ2pSoD_LJ-2hfsmfTqmbjx5-aOl2HdgY4S1WhxxCutBDtgf\
    ppCBqcqfTaqIu0bAe4szm3mFhFU0F8b4X6kPh-OS1Ep_Jt7gWmdDQ8FRilvuDx9i0r2KEthg";
const RS384: &str = "c-dCFDqkQAQZOm3U7V3dnKUEuBZR9dWVLAGCg7HqZXUE25eW1e3SUD4AEvbbOlnX1wcM769_bWep2qoqHXmTXuUIHE\
    kOkSYZSde8DMLncSYIiIlcdK0ybYb4kXkQNOMiIHXsI06Mj98ho5HfPmZ31-flkTaY0F5FNuSXPTKwf884yPEOqGRk\
    al2tSFzmrXKpAK07K0d_KRTQBWfUjDleZqCjtPPlpMPaOp-SSWjBssKdEvlexLqsmHigDmGKQzdwEUaSqmGue85xpJ\
    25gWLUO1jp_A8WkdfHehn3cLk0LnTbDzVTD8yFcirx-n86Lo8AX_bpioFntC22xU8Cyh4bGg";
const RS512: &str = "b0NZRWMl9JP1_3wDco-Tj6HaOtWpDTFSFeCJUK_mb6kpE77uoi0zx7ULp-wVbfBE4FBIoeJzZ5EDXxaLImG6dBi-aj\
    5LF2l1WNtNhcWKujz4uNFghWWDLyMvbru5ZjMtDWeVQ73WNTxd85nKyNGVBtK02xZJTaOpFNydnPR5pkDYlmz3ISwd\
    1A6AavxymUYczhEj0Kkcjcas0TnVymZg0E0FaOqaX3mVXZYpFQSXWp9bcPW44xJGr7cDpitiaAOwjLt4P1uGELvhm8\
    pvNuN4T5ppxXL4Ykson_ijKgQtY8IqI6pJHzVv00sEK0Dg0A33ISHxMR1Y9MucfjeFGmn5MA";
