//! Reading rows: times as jiff's, words as ours.

use jiff::Timestamp;
use sqlx::{Row as _, postgres::PgRow};

pub(super) trait RowExt {
    fn time(&self, column: &str) -> sqlx::Result<Timestamp>;
    fn optional_time(&self, column: &str) -> sqlx::Result<Option<Timestamp>>;
    /// A column whose text `parse` understands, unless somebody wrote to the table past us.
    fn parsed<T>(&self, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> sqlx::Result<T>;
}

impl RowExt for PgRow {
    fn time(&self, column: &str) -> sqlx::Result<Timestamp> {
        self.try_get::<jiff_sqlx::Timestamp, _>(column).map(jiff_sqlx::Timestamp::to_jiff)
    }

    fn optional_time(&self, column: &str) -> sqlx::Result<Option<Timestamp>> {
        let time = self.try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?;
        Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
    }

    fn parsed<T>(&self, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> sqlx::Result<T> {
        let text: &str = self.try_get(column)?;
        parse(text).ok_or_else(|| sqlx::Error::ColumnDecode {
            index: column.to_owned(),
            source: format!("{text:?} is not understood").into(),
        })
    }
}
