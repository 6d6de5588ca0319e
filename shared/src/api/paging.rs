//! Listings: `pagination[page]`, `pagination[limit]`, `sort[column]`, `sort[direction]`, `search`.

use crate::db::{Rows, Stmt};
use crate::failure::Failure;
use crate::http::{Cx, Req};
use crate::store;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a listing asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Page, from 1.
    pub page: i64,
    /// Rows a page, 1 to 100.
    pub limit: i64,
    /// Column to sort by.
    pub sort: Option<String>,
    /// Whether the order is descending.
    pub descending: bool,
    /// Text to look for.
    pub search: String,
    /// Values of `filters[…]`, by field.
    pub filters: BTreeMap<String, String>,
}

/// Longest search term, in bytes: D1 refuses LIKE patterns above 50 bytes, and two are the wildcards.
const LONGEST_TERM: usize = 48;

impl Listing {
    /// Reads the query. Anything unknown or malformed falls back to its default.
    #[must_use]
    pub fn read(req: &Req) -> Self {
        let pairs: BTreeMap<String, String> =
            url::form_urlencoded::parse(req.uri.query().unwrap_or("").as_bytes())
                .take(100)
                .map(|(k, v)| (k.into_owned(), v.into_owned()))
                .collect();
        let number = |name: &str| pairs.get(name).and_then(|v| v.parse::<i64>().ok());
        Self {
            page: number("pagination[page]").filter(|p| *p >= 1).unwrap_or(1),
            limit: number("pagination[limit]").filter(|l| *l >= 1).unwrap_or(20).min(100),
            sort: pairs.get("sort[column]").cloned(),
            descending: pairs.get("sort[direction]").is_some_and(|d| d == "desc"),
            search: pairs.get("search").cloned().unwrap_or_default(),
            filters: pairs.iter().filter_map(|(name, value)| Some((field(name)?, value.clone()))).collect(),
        }
    }

    /// The search term as a LIKE pattern over folded columns, with `\` as escape character.
    #[must_use]
    pub fn pattern(&self) -> String {
        let mut escaped = String::new();
        for c in self.search.trim().to_lowercase().chars().filter(|c| !c.is_control()) {
            let mut piece = String::new();
            if matches!(c, '%' | '_' | '\\') {
                piece.push('\\');
            }
            piece.push(c);
            if escaped.len().saturating_add(piece.len()) > LONGEST_TERM {
                break;
            }
            escaped.push_str(&piece);
        }
        format!("%{escaped}%")
    }

    /// A filter by `true` or `false`; anything else does not filter.
    #[must_use]
    pub fn flag(&self, field: &str) -> Option<bool> {
        match self.filters.get(field).map(String::as_str) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        }
    }

    /// Rows before the page that is asked for.
    #[must_use]
    pub const fn offset(&self) -> i64 {
        self.page.saturating_sub(1).saturating_mul(self.limit)
    }

    /// Loads a page. `stmts` gives the statements for an offset; the first of them counts all rows as `n`. A page
    /// behind the last one is the last one, which costs a second load.
    ///
    /// # Errors
    /// A fault.
    pub async fn load<const N: usize>(
        &self,
        cx: &Cx,
        stmts: impl Fn(i64) -> [Stmt; N] + Send + Sync,
    ) -> Result<([Rows; N], Pagination), Failure> {
        let total = |rows: &[Rows; N]| rows.first().and_then(|r| r.first()).map_or(Ok(0), |row| row.int("n"));
        let mut rows = store::load(&*cx.host.db, stmts(self.offset())).await?;
        let mut window = self.window(total(&rows)?);
        if window.offset != self.offset() {
            rows = store::load(&*cx.host.db, stmts(window.offset)).await?;
            window = self.window(total(&rows)?);
        }
        Ok((rows, window.pagination))
    }

    /// Where the page begins, once the number of rows is known. A page behind the last is the last.
    #[must_use]
    pub fn window(&self, total: i64) -> Window {
        let total_pages =
            total.saturating_add(self.limit).saturating_sub(1).checked_div(self.limit).unwrap_or(1).max(1);
        let page = self.page.min(total_pages);
        Window {
            offset: page.saturating_sub(1).saturating_mul(self.limit),
            pagination: Pagination {
                total_pages,
                total_items: total,
                current_page: page,
                items_per_page: self.limit,
            },
        }
    }
}

/// The field that `filters[field]` or `filters[field][0]` names.
fn field(name: &str) -> Option<String> {
    name.strip_prefix("filters[")?.split(']').next().map(str::to_owned)
}

/// One page of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows before the page.
    pub offset: i64,
    /// What the answer says about paging.
    pub pagination: Pagination,
}

/// `pagination` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// Number of pages, at least 1.
    pub total_pages: i64,
    /// Number of rows.
    pub total_items: i64,
    /// This page.
    pub current_page: i64,
    /// Rows a page.
    pub items_per_page: i64,
}

/// An answer with one page of rows.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Paging.
    pub pagination: Pagination,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(page: i64, limit: i64, search: &str) -> Listing {
        Listing {
            page,
            limit,
            sort: None,
            descending: false,
            search: search.into(),
            filters: BTreeMap::new(),
        }
    }

    #[test]
    fn windows_clamp_to_the_last_page() {
        let table =
            [(1, 20, 0, 0, 1, 1), (3, 20, 41, 40, 3, 3), (9, 20, 41, 40, 3, 3), (2, 100, 100, 0, 1, 1)];
        for (page, limit, total, offset, current, pages) in table {
            let w = listing(page, limit, "").window(total);
            assert_eq!(
                (w.offset, w.pagination.current_page, w.pagination.total_pages),
                (offset, current, pages)
            );
        }
    }

    #[test]
    fn patterns_are_escaped_folded_and_short() {
        assert_eq!(listing(1, 1, " 50%_\\A ").pattern(), "%50\\%\\_\\\\a%");
        assert_eq!(listing(1, 1, &"é".repeat(40)).pattern().len(), 50);
        assert!(listing(1, 1, &"%".repeat(60)).pattern().len() <= 50);
    }
}
