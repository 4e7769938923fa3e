//! What is asked of the database itself: its schema, its version, and who we are there.

use super::{Db, MIGRATOR};
use crate::error::Result;

impl Db {
    /// The migrations that the database still needs, or that differ from ours.
    pub async fn pending_migrations(&self) -> Result<Vec<i64>> {
        // Before the first migration there is no such table.
        let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
            .fetch_one(&self.probes)
            .await?;
        let applied: Vec<(i64, Vec<u8>)> = if exists {
            sqlx::query_as("select version, checksum from _sqlx_migrations where success")
                .fetch_all(&self.probes)
                .await?
        } else {
            Vec::new()
        };
        let is_applied = |m: &&sqlx::migrate::Migration| {
            applied.iter().any(|(version, checksum)| *version == m.version && checksum[..] == m.checksum[..])
        };
        Ok(MIGRATOR.iter().filter(|m| !is_applied(m)).map(|m| m.version).collect())
    }

    /// Why one of our logins is one for which row security would not hold, or is not the one that it should be; `None`: they are as they should be.
    pub async fn login_risk(&self) -> Result<Option<String>> {
        // What each must see, and what it must not.
        let logins = [
            ("DATABASE_URL", &self.pool, ["appointment", "confirmation_code"], ["app_user", "password_hash"]),
            ("BOOKING_AUTH_URL", &self.auth, ["profile", "email"], ["patient", "name"]),
            ("BOOKING_WORKER_URL", &self.worker, ["calendar", "secret"], ["patient", "email"]),
            ("BOOKING_ROUTER_URL", &self.router, ["calendar_sync", "due_at"], ["calendar_sync", "version"]),
        ];
        for (setting, pool, seen, unseen) in logins {
            let risk: Option<String> = sqlx::query_scalar(
                "
                select case
                    when rolsuper then 'is a superuser'
                    when rolbypassrls then 'bypasses row security'
                    when exists (select from pg_class where relowner = pg_roles.oid) then 'owns tables'
                    -- Before the first migration there is nothing to see.
                    when not coalesce(has_column_privilege(to_regclass($1), $2, 'select'), true)
                        or coalesce(has_column_privilege(to_regclass($3), $4, 'select'), false)
                        then 'is not the role that it should be'
                end
                from pg_roles
                where rolname = current_user
                ",
            )
            .bind(seen[0])
            .bind(seen[1])
            .bind(unseen[0])
            .bind(unseen[1])
            .fetch_one(pool)
            .await?;
            if let Some(risk) = risk {
                return Ok(Some(format!("the login of {setting} {risk}")));
            }
        }
        Ok(None)
    }

    /// Whether our login may seal the audit: any other would see no organisation, and find nothing to do.
    pub async fn is_operator(&self) -> Result<bool> {
        Ok(sqlx::query_scalar("select has_table_privilege('audit_seal', 'insert') and not rolsuper from pg_roles where rolname = current_user")
            .fetch_one(&self.probes)
            .await?)
    }

    /// The server's version as a number: 150020 is 15.20.
    pub async fn server_version(&self) -> Result<i32> {
        Ok(sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&self.probes)
            .await?)
    }
}
