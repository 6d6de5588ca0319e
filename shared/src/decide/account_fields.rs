//! What an account's names and address may look like.

use crate::pages::Problem;
use crate::text::nfc;

/// Fields as typed, or as accepted: trimmed and in Unicode NFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// Login name, 1 to 50 characters.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Given name, 1 to 50 characters.
    pub first_name: String,
    /// Family name, up to 50 characters.
    pub last_name: String,
    /// Given and family name; made from them.
    pub display_name: String,
}

/// Normalises and checks.
///
/// # Errors
/// The problem to show.
pub fn check(typed: &Fields) -> Result<Fields, Problem> {
    let clean = |text: &str| nfc(text.trim());
    let (first_name, last_name) = (clean(&typed.first_name), clean(&typed.last_name));
    let fields = Fields {
        username: clean(&typed.username),
        email: clean(&typed.email),
        display_name: format!("{first_name} {last_name}").trim().to_owned(),
        first_name,
        last_name,
    };
    if !is_username(&fields.username) {
        return Err(Problem::UsernameInvalid);
    }
    if !is_email(&fields.email) {
        return Err(Problem::EmailInvalid);
    }
    let names = [&fields.first_name, &fields.last_name];
    let too_long = names.iter().any(|n| n.chars().count() > 50 || n.chars().any(char::is_control));
    if fields.first_name.is_empty() || too_long {
        return Err(Problem::NameInvalid);
    }
    Ok(fields)
}

/// Letters, digits, `_ . @ -`; the first and last character is a letter or digit.
#[must_use]
pub fn is_username(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (1..=50).contains(&text.len())
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@' | '-'))
}

/// `local@domain` with a dot in the domain, without white space or control characters. Whether it exists, only a
/// mail can tell.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=64).contains(&local.len())
        && text.len() <= 254
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '@' | '<' | '>' | ',' | ';' | '"'))
        && (domain.contains('.') || domain == "localhost")
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(username: &str, email: &str, first_name: &str) -> Fields {
        Fields {
            username: username.into(),
            email: email.into(),
            first_name: first_name.into(),
            last_name: "Lovelace".into(),
            display_name: String::new(),
        }
    }

    #[test]
    fn good_fields_are_trimmed_and_normalised() {
        let ok = check(&fields(" ada ", "ada@example.com", "Ade\u{301}le")).unwrap();
        assert_eq!((ok.username.as_str(), ok.first_name.as_str()), ("ada", "Ad\u{e9}le"));
        assert_eq!(ok.display_name, "Ad\u{e9}le Lovelace");
    }

    #[test]
    fn bad_fields_name_themselves() {
        for bad in ["", "-ada", "ada.", "a b", "ada\u{202e}", "ädä", &"x".repeat(51)] {
            assert_eq!(check(&fields(bad, "a@b.c", "A")), Err(Problem::UsernameInvalid), "{bad}");
        }
        for bad in ["", "ada", "ada@", "@b.c", "a b@c.d", "a@b", "a@b..c", "a@-b.c", "<a>@b.c", "a@b.c\n"] {
            let result = check(&fields("ada", bad, "A"));
            // a trailing line break is trimmed away
            assert_eq!(result.is_err(), bad != "a@b.c\n", "{bad}");
        }
        assert_eq!(check(&fields("ada", "a@b.c", " ")), Err(Problem::NameInvalid));
        assert_eq!(check(&fields("ada", "a@b.c", &"x".repeat(51))), Err(Problem::NameInvalid));
    }
}
