//! Private keys in WebCrypto (<https://www.w3.org/TR/webcrypto-2/>). Signing costs no CPU time in wasm, and an imported
//! key cannot be read back from JavaScript.

use async_trait::async_trait;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use proto::jose::{Alg, Jwk};
use shared::ports::{KeyError, Keys, NewKey, Signer};
use std::ops::Range;
use std::sync::Arc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};
use worker::send::{SendFuture, SendWrapper};
use zeroize::Zeroizing;

/// AlgorithmIdentifier of Ed25519 (RFC 8410 §3), DER.
const ED25519_ID: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// Where it stands in a PKCS#8 structure shorter than 128 bytes: after two headers and the version.
const ED25519_AT: Range<usize> = 5..12;

/// The runtime's crypto provider.
pub(crate) struct WebCrypto;

#[async_trait]
impl Keys for WebCrypto {
    async fn generate(&self, alg: Alg) -> Result<NewKey, KeyError> {
        SendFuture::new(generate(alg)).await
    }

    async fn import(&self, alg: Alg, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, KeyError> {
        SendFuture::new(import(alg, pkcs8)).await
    }
}

struct WebKey {
    key: SendWrapper<CryptoKey>,
    params: SendWrapper<Object>,
}

#[async_trait]
impl Signer for WebKey {
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let work = async {
            let input = Uint8Array::from(input);
            // ECDSA signatures come as r ‖ s, which is the form JWS wants.
            settle(subtle()?.sign_with_object_and_js_u8_array(&self.params, &self.key, &input)).await
        };
        SendFuture::new(async {
            work.await.map(|bytes| Uint8Array::new(&bytes).to_vec()).map_err(|e| failed(&e))
        })
        .await
    }
}

async fn generate(alg: Alg) -> Result<NewKey, KeyError> {
    let work = async {
        let subtle = subtle()?;
        let params = key_params(alg)?;
        if name(alg).starts_with("RSA") {
            set(&params, "modulusLength", &2048.into())?;
            set(&params, "publicExponent", &Uint8Array::from([1, 0, 1].as_slice()))?;
        }
        let usages = Array::of2(&"sign".into(), &"verify".into());
        let pair = settle(subtle.generate_key_with_object(&params, true, &usages)).await?;
        let private: CryptoKey = Reflect::get(&pair, &"privateKey".into())?.unchecked_into();
        let public: CryptoKey = Reflect::get(&pair, &"publicKey".into())?.unchecked_into();
        let pkcs8 = settle(subtle.export_key("pkcs8", &private)).await?;
        let jwk = settle(subtle.export_key("jwk", &public)).await?;
        Ok((Zeroizing::new(Uint8Array::new(&pkcs8).to_vec()), js_sys::JSON::stringify(&jwk)?))
    };
    let (pkcs8, jwk) = work.await.map_err(|e| refused(alg, &e).unwrap_or_else(|| failed(&e)))?;
    let public: Jwk = serde_json::from_str(&String::from(jwk))
        .map_err(|_| KeyError::Provider("the exported public key is of no known kind".to_owned()))?;
    Ok(NewKey { pkcs8, public })
}

async fn import(alg: Alg, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, KeyError> {
    if alg == Alg::EdDSA && pkcs8.get(ED25519_AT) != Some(ED25519_ID) {
        // workerd takes a key of any other kind for an Ed25519 key, and fails when it is used.
        return Err(KeyError::NotAKey(alg));
    }
    let work = async {
        let usages = Array::of1(&"sign".into());
        let bytes = Uint8Array::from(pkcs8);
        let key = subtle()?.import_key_with_object("pkcs8", &bytes, &key_params(alg)?, false, &usages);
        let key: CryptoKey = settle(key).await?.unchecked_into();
        Ok(WebKey { key: SendWrapper::new(key), params: SendWrapper::new(sign_params(alg)?) })
    };
    match work.await {
        Ok(key) => Ok(Arc::new(key)),
        Err(e) => Err(refused(alg, &e).unwrap_or(KeyError::NotAKey(alg))),
    }
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle())
}

async fn settle(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

/// WebCrypto's name of the algorithm.
const fn name(alg: Alg) -> &'static str {
    match alg {
        Alg::RS256 | Alg::RS384 | Alg::RS512 => "RSASSA-PKCS1-v1_5",
        Alg::PS256 => "RSA-PSS",
        Alg::ES256 | Alg::ES384 | Alg::ES512 => "ECDSA",
        Alg::EdDSA => "Ed25519",
    }
}

const fn hash(alg: Alg) -> &'static str {
    match alg {
        Alg::RS256 | Alg::PS256 | Alg::ES256 => "SHA-256",
        Alg::RS384 | Alg::ES384 => "SHA-384",
        Alg::RS512 | Alg::ES512 | Alg::EdDSA => "SHA-512",
    }
}

/// Parameters that belong to the key: its kind, and for RSA the hash.
fn key_params(alg: Alg) -> Result<Object, JsValue> {
    let params = Object::new();
    set(&params, "name", &name(alg).into())?;
    match alg {
        Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 => set(&params, "hash", &hash(alg).into())?,
        Alg::ES256 => set(&params, "namedCurve", &"P-256".into())?,
        Alg::ES384 => set(&params, "namedCurve", &"P-384".into())?,
        Alg::ES512 => set(&params, "namedCurve", &"P-521".into())?,
        Alg::EdDSA => {}
    }
    Ok(params)
}

/// Parameters that belong to the signature: for ECDSA the hash, for PSS the length of the salt.
fn sign_params(alg: Alg) -> Result<Object, JsValue> {
    let params = Object::new();
    set(&params, "name", &name(alg).into())?;
    match alg {
        Alg::ES256 | Alg::ES384 | Alg::ES512 => set(&params, "hash", &hash(alg).into())?,
        // RFC 7518 §3.5: as long as the hash.
        Alg::PS256 => set(&params, "saltLength", &32.into())?,
        Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::EdDSA => {}
    }
    Ok(params)
}

fn set(object: &Object, name: &str, value: &JsValue) -> Result<(), JsValue> {
    Reflect::set(object, &name.into(), value).map(|_| ())
}

/// [`KeyError::Unsupported`] if the error says that the runtime lacks the algorithm.
fn refused(alg: Alg, error: &JsValue) -> Option<KeyError> {
    let name = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.name()));
    (name.as_deref() == Some("NotSupportedError")).then_some(KeyError::Unsupported(alg))
}

fn failed(error: &JsValue) -> KeyError {
    let message = error.dyn_ref::<js_sys::Error>().map_or_else(String::new, |e| e.message().into());
    KeyError::Provider(message)
}
