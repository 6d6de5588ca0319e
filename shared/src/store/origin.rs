//! Web origins of clients: whose scripts may read token and userinfo answers (Fetch standard, CORS protocol).

use super::client::Client;
use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::uri::{CallbackPattern, RedirectUri};

/// Most patterns that are looked at for one request.
const MOST_PATTERNS: i64 = 200;

/// Replaces a client's origins by those of its callback URLs.
#[must_use]
pub fn replace(client: &Client) -> Vec<Stmt> {
    let mut stmts = vec![Stmt::new("DELETE FROM client_origins WHERE client_id = ?1").bind(&client.id)];
    stmts.extend(client.callback_urls.iter().filter_map(|pattern| origin_of(pattern)).map(|(origin, is_pattern)| {
        Stmt::new(
            "INSERT INTO client_origins (client_id, origin, is_pattern) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .bind(&client.id)
        .bind(origin)
        .bind(is_pattern)
    }));
    stmts
}

/// The origin of a callback pattern, and whether it stands for more than itself: it has a wildcard, or it is an
/// address of the person's own machine, where any port will do. Such an address is stored without its port, so that
/// there are only as many of them as there are names of that machine.
fn origin_of(pattern: &str) -> Option<(String, bool)> {
    if pattern == "*" {
        return Some(("*".to_owned(), true));
    }
    let (scheme, rest) = pattern.split_once("://")?;
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?.to_lowercase();
    let at_own_machine = |host: &&&str| {
        let port = authority.strip_prefix(**host);
        // The name gets any port only if it was registered without one (RFC 8252 §8.3).
        port.is_some_and(|port| port.is_empty() || (port.starts_with(':') && **host != "localhost"))
    };
    if scheme == "http"
        && let Some(host) = ["127.0.0.1", "[::1]", "localhost"].iter().find(at_own_machine)
    {
        return Some((format!("http://{host}"), true));
    }
    Some((format!("{scheme}://{authority}"), authority.contains('*')))
}

/// Candidates for an origin, itself first, of clients that can be used; [`is_registered`] decides.
#[must_use]
pub fn candidates(origin: &str) -> Stmt {
    Stmt::new(
        "SELECT DISTINCT o.origin, o.is_pattern FROM client_origins o JOIN clients c ON c.id = o.client_id \
         WHERE (o.origin = ?1 OR o.is_pattern = 1) AND c.approval = 'approved' \
         ORDER BY o.is_pattern, o.origin LIMIT ?2",
    )
    .bind(origin)
    .bind(MOST_PATTERNS)
}

/// Whether one of the rows of [`candidates`] stands for the origin.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn is_registered(rows: &Rows, origin: &str) -> Result<bool, DbError> {
    let Ok(page) = RedirectUri::parse(&format!("{origin}/")) else { return Ok(false) };
    for row in rows {
        let registered = row.text("origin")?;
        let pattern =
            CallbackPattern::parse(&if registered == "*" { registered } else { format!("{registered}/") });
        if pattern.is_ok_and(|p| p.matches(&page)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Row, Value};

    fn allowed(registered: &str, asked: &str) -> bool {
        let (origin, _) = origin_of(registered).unwrap();
        let row = Row { columns: ["origin".to_owned()].into(), values: vec![Value::Text(origin)] };
        is_registered(&vec![row], asked).unwrap()
    }

    #[test]
    fn s58_only_registered_origins() {
        assert!(allowed("https://spa.example/cb", "https://spa.example"));
        assert!(allowed("https://*.example.com/cb", "https://a.example.com"));
        assert!(allowed("http://127.0.0.1/cb", "http://127.0.0.1:5173"));
        assert!(allowed("http://localhost/cb", "http://localhost:5173"));
        for (registered, stored, is_pattern) in [
            ("http://127.0.0.1:8080/cb", "http://127.0.0.1", true),
            ("http://127.0.0.1:*/cb", "http://127.0.0.1", true),
            ("http://[::1]:1/", "http://[::1]", true),
            ("http://localhost/cb", "http://localhost", true),
            ("http://localhost:3000/cb", "http://localhost:3000", false),
            ("http://127.0.0.1.example/cb", "http://127.0.0.1.example", false),
        ] {
            assert_eq!(origin_of(registered), Some((stored.to_owned(), is_pattern)), "{registered}");
        }
        assert!(allowed("http://127.0.0.1:8080/cb", "http://127.0.0.1:5173"));
        assert!(!allowed("http://localhost:3000/cb", "http://localhost:5173"));
        for bad in
            ["http://spa.example", "https://spa.example:444", "https://spa.example.evil.example", "null", ""]
        {
            assert!(!allowed("https://spa.example/cb", bad), "{bad}");
        }
        assert!(!allowed("https://*.example.com/cb", "https://example.com.evil.example"));
        assert_eq!(origin_of("com.example.app:/cb"), None);
    }
}
