//! Forms, queries and cookies.

use proto::cookie::{self, Transport};
use proto::form::{self, Params};

/// Rules: what is read is written and read again as the same; no name twice; a cookie that may be set is found.
pub fn form(data: &[u8]) {
    if let Ok(params) = Params::parse(data) {
        let again = Params::parse(params.render());
        assert_eq!(again.as_ref(), Ok(&params));
        assert!(params.is_empty() || Params::merge(params.clone(), params.clone()).is_err());
        assert_eq!(Params::merge(params.clone(), Params::default()).as_ref(), Ok(&params));
    }
    let _ = form::decode(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = form::is_form(text);
    let _ = cookie::find([text], "session", Transport::Https);
    let _ = cookie::find(text.split('\n'), "session", Transport::Http);
    for transport in [Transport::Http, Transport::Https] {
        if let Ok(line) = cookie::set("session", text, transport, cookie::Lifetime::BrowserSession) {
            assert!(!line.contains(['\r', '\n']));
            let pair = line.split(';').next().unwrap_or_default();
            assert_eq!(cookie::find([pair], "session", transport), Some(text));
        }
    }
}
