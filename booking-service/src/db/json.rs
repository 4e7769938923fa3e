//! Documents in a column, as values of ours.

use serde::de::DeserializeOwned;
use sqlx::{Row as _, postgres::PgRow};

/// A column of JSON's text, if there is one.
pub(super) fn optional<T: DeserializeOwned>(row: &PgRow, column: &str) -> sqlx::Result<Option<T>> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(serde_json::from_str).transpose().map_err(|error| problem(column, error))
}

/// Somebody wrote to the table past us.
pub(super) fn problem(
    column: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: source.into() }
}
