//! Who is on the other end, from what Cloudflare itself knows. `X-Forwarded-For` is never looked at: a visitor can
//! send any.

use js_sys::Array;
use js_sys::Intl::{DisplayNames, DisplayNamesOptions, DisplayNamesType};
use shared::http::Peer;
use std::net::IpAddr;
use worker::Request;

/// Facts about the sender of a request.
pub(crate) fn peer(request: &Request) -> Peer {
    let ip = request.headers().get("CF-Connecting-IP").ok().flatten();
    let place = request.cf();
    Peer {
        ip: ip.and_then(|ip| ip.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical()),
        country: place.and_then(worker::Cf::country).as_deref().and_then(country_name),
        city: place.and_then(worker::Cf::city),
    }
}

/// English name of an ISO 3166 code. Cloudflare also says `XX` for unknown and `T1` for Tor.
fn country_name(code: &str) -> Option<String> {
    if code.len() != 2 || code == "XX" || !code.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let options = DisplayNamesOptions::new();
    options.set_type(DisplayNamesType::Region);
    let names = DisplayNames::new(&Array::of1(&"en".into()), &options);
    names.of(code).map(String::from)
}
