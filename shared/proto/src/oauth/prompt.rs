//! The `prompt` parameter (OpenID Connect Core §3.1.2.1).

use std::collections::BTreeSet;

/// One value of `prompt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prompt {
    /// No page may be shown; what would need one is an error.
    None,
    /// The person has to authenticate again.
    Login,
    /// The person has to be asked for consent.
    Consent,
    /// The person has to be asked which account to use.
    SelectAccount,
    /// The person wants to make an account (Initiating User Registration 1.0 §4).
    Create,
}

impl Prompt {
    /// Every value, in the order discovery lists them.
    pub const ALL: [Self; 5] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount, Self::Create];

    /// The value on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Create => "create",
        }
    }
}

/// Why a `prompt` value was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// A value that is not served.
    #[error("prompt holds an unknown value")]
    Unknown,
    /// `none` together with another value.
    #[error("prompt=none must stand alone")]
    NoneNotAlone,
}

/// The values of one `prompt` parameter; empty if it was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prompts(BTreeSet<Prompt>);

impl Prompts {
    /// Reads a `prompt` value: words separated by spaces.
    ///
    /// # Errors
    /// [`PromptError`].
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        let words = text.split(' ').filter(|word| !word.is_empty());
        let prompts = words
            .map(|word| Prompt::ALL.into_iter().find(|p| p.as_str() == word).ok_or(PromptError::Unknown))
            .collect::<Result<BTreeSet<_>, _>>()?;
        if prompts.contains(&Prompt::None) && prompts.len() > 1 {
            return Err(PromptError::NoneNotAlone);
        }
        Ok(Self(prompts))
    }

    /// Whether `prompt` was asked for.
    #[must_use]
    pub fn has(&self, prompt: Prompt) -> bool {
        self.0.contains(&prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn s09_words_of_prompt() {
        let set = |list: &[Prompt]| Ok(Prompts(list.iter().copied().collect()));
        for (text, expected) in [
            ("", set(&[])),
            ("none", set(&[Prompt::None])),
            ("none none", set(&[Prompt::None])),
            ("login", set(&[Prompt::Login])),
            ("consent  login ", set(&[Prompt::Login, Prompt::Consent])),
            ("select_account consent", set(&[Prompt::Consent, Prompt::SelectAccount])),
            ("none login", Err(PromptError::NoneNotAlone)),
            ("consent none", Err(PromptError::NoneNotAlone)),
            ("None", Err(PromptError::Unknown)),
            ("create", set(&[Prompt::Create])),
            ("create login", set(&[Prompt::Login, Prompt::Create])),
            ("login\tconsent", Err(PromptError::Unknown)),
            ("none create", Err(PromptError::NoneNotAlone)),
        ] {
            assert_eq!(Prompts::parse(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = Prompts::parse(&text);
        }
    }
}
