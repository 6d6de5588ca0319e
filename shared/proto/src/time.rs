//! Instants as whole unix seconds. The clock itself is a port of the hosts.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// This instant moved by `seconds`, saturating at the ends of the range.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative if it lies before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC, e.g. `2026-01-02T03:04:05Z`; instants that RFC 3339 cannot name give year 1970.
    #[must_use]
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.0)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .format(&Rfc3339)
            .unwrap_or_default()
    }

    /// Reads RFC 3339; fractions of a second are cut off. `None` if the text is something else.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(|t| Self(t.unix_timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_both_ways() {
        let t = UnixTime(1_767_323_045);
        assert_eq!(t.rfc3339(), "2026-01-02T03:04:05Z");
        assert_eq!(UnixTime::parse_rfc3339("2026-01-02T05:04:05.9+02:00"), Some(t));
        assert_eq!(UnixTime::parse_rfc3339("yesterday"), None);
    }
}
