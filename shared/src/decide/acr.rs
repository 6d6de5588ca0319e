//! How strongly a person must sign in for a request (OpenID Connect Core §3.1.2.1 `acr_values`, §5.5.1.1, and
//! Unmet Authentication Requirements 1.0).

use super::authorize::CheckedAsk;
use proto::oidc::acr::Acr;

/// The classes a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Best liked first; empty if none of those that were named is ours.
    values: Vec<Acr>,
    /// Whether a weaker sign-in is worth nothing to the app.
    pub is_essential: bool,
}

impl Wanted {
    /// What a request wants: `acr` of the `claims` parameter if it names values, else `acr_values`. `None` if
    /// every sign-in will do.
    #[must_use]
    pub fn of(ask: &CheckedAsk) -> Option<Self> {
        match ask.claims.id_token.get("acr").filter(|acr| !acr.values.is_empty()) {
            Some(acr) => Some(Self { values: Acr::known(acr.texts()), is_essential: acr.essential })
                .filter(|wanted| wanted.is_essential || !wanted.values.is_empty()),
            None => Some(Self { values: ask.acr_values.clone(), is_essential: false })
                .filter(|wanted| !wanted.values.is_empty()),
        }
    }

    /// Whether nobody can ever meet it: what it names is not known here.
    #[must_use]
    pub fn is_impossible(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether a sign-in of this class is strong enough for one of those wanted.
    #[must_use]
    pub fn is_met(&self, acr: Option<Acr>) -> bool {
        self.weakest().is_some_and(|weakest| acr >= Some(weakest))
    }

    /// The weakest class that will do.
    #[must_use]
    pub fn weakest(&self) -> Option<Acr> {
        self.values.iter().min().copied()
    }
}

/// The class to report: the best liked of those wanted that the sign-in meets, so that it is one of them
/// (§5.5.1.1); else the one of the sign-in.
#[must_use]
pub fn reported(ask: &CheckedAsk, acr: Option<Acr>) -> Option<Acr> {
    let wanted = Wanted::of(ask).map(|wanted| wanted.values).unwrap_or_default();
    wanted.into_iter().find(|value| acr >= Some(*value)).or(acr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::oidc::ClaimsRequest;

    fn ask(acr_values: &str, claims: &str) -> CheckedAsk {
        CheckedAsk {
            acr_values: Acr::known(acr_values.split(' ')),
            claims: ClaimsRequest::parse(claims).unwrap(),
            ..CheckedAsk::default()
        }
    }

    fn wanted(acr_values: &str, claims: &str) -> Option<(Vec<Acr>, bool)> {
        Wanted::of(&ask(acr_values, claims)).map(|w| (w.values, w.is_essential))
    }

    const VOLUNTARY: &str = r#"{"id_token":{"acr":{"values":["phrh","x"]}}}"#;
    const ESSENTIAL: &str = r#"{"id_token":{"acr":{"essential":true,"value":"phrh"}}}"#;
    const FOREIGN: &str = r#"{"id_token":{"acr":{"essential":true,"values":["urn:mace:silver",1]}}}"#;

    #[test]
    fn the_claims_parameter_comes_before_acr_values() {
        assert_eq!(wanted("", "{}"), None);
        assert_eq!(wanted("phr phrh", "{}"), Some((vec![Acr::Phr, Acr::Phrh], false)));
        assert_eq!(wanted("phr", VOLUNTARY), Some((vec![Acr::Phrh], false)));
        assert_eq!(wanted("phr", ESSENTIAL), Some((vec![Acr::Phrh], true)));
        // asked for without a value: it is told anyway
        assert_eq!(wanted("", r#"{"id_token":{"acr":{"essential":true}}}"#), None);
        assert_eq!(wanted("", r#"{"userinfo":{"acr":{"essential":true,"value":"phrh"}}}"#), None);
        // what is not known here is no wish that could be met, but an essential one is not forgotten
        assert_eq!(wanted("", r#"{"id_token":{"acr":{"value":"x"}}}"#), None);
        assert_eq!(wanted("phr", FOREIGN), Some((vec![], true)));
        assert!(Wanted::of(&ask("", FOREIGN)).unwrap().is_impossible());
    }

    #[test]
    fn a_stronger_sign_in_meets_a_weaker_wish() {
        let meets = |acr_values: &str, acr| Wanted::of(&ask(acr_values, "{}")).unwrap().is_met(acr);
        let all = [None, Some(Acr::Code), Some(Acr::Phr), Some(Acr::Phrh)];
        for (values, expected) in [
            ("urn:latchkey:acr:code", [false, true, true, true]),
            ("phr", [false, false, true, true]),
            ("phrh", [false, false, false, true]),
            ("phrh phr", [false, false, true, true]),
        ] {
            assert_eq!(all.map(|acr| meets(values, acr)), expected, "{values}");
        }
        assert!(!Wanted::of(&ask("", FOREIGN)).unwrap().is_met(Some(Acr::Phrh)));
    }

    #[test]
    fn the_reported_class_is_one_of_those_wanted_if_one_is_met() {
        let told = |acr_values: &str, acr| reported(&ask(acr_values, "{}"), acr);
        assert_eq!(told("", Some(Acr::Phrh)), Some(Acr::Phrh));
        assert_eq!(told("phr", Some(Acr::Phrh)), Some(Acr::Phr));
        assert_eq!(told("phrh phr", Some(Acr::Phrh)), Some(Acr::Phrh));
        assert_eq!(told("phrh phr", Some(Acr::Phr)), Some(Acr::Phr));
        assert_eq!(told("phrh", Some(Acr::Phr)), Some(Acr::Phr));
        assert_eq!(told("phr", None), None);
    }
}
