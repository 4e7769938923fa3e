//! Connections: how they are made, found out when they are dead, and tried before they are used.

use std::time::{Duration, Instant};

use prometheus_client::metrics::histogram::Histogram;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    ConnectOptions as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::doubt::Doubt;
use crate::config::Database;

/// A connection that was idle for longer is tried before it is used. Shorter pauses are covered by the test that the pool makes
/// whenever a connection comes back.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

/// A connection keeps the plans that it has made for its statements, and tables grow: one that was made for a handful of rows may go
/// through all of a large organisation. With the connection it is made anew.
const LIFETIME: Duration = Duration::from_mins(5);

tokio::task_local! {
    /// When the connection was asked for that the pool is about to give.
    pub(super) static ASKED: Instant;
}

/// A pool whose connections are found out when they are dead or not clean.
pub(super) fn pool(config: &Database, doubt: &Doubt, waits: &Histogram, connections: u32) -> PgPoolOptions {
    let doubted = doubt.clone();
    let (waited, waited_anew) = (waits.clone(), waits.clone());
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.database_wait)
        .max_lifetime(LIFETIME)
        // Instead of a ping before every use, which would be one more round trip in each request.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let trusted = meta.idle_for < TRUSTED_IDLE && !doubted.is_raised();
            observe(&waited);
            Box::pin(async move { if trusted { Ok(true) } else { is_clean(connection).await } })
        })
        .after_connect(move |_, _| {
            observe(&waited_anew);
            Box::pin(async { Ok(()) })
        })
}

/// Statements carry patients' data in their parameters; none is logged.
pub(super) fn options(url: &SecretString) -> anyhow::Result<PgConnectOptions> {
    Ok(postgres(url)?.application_name("booking-service").disable_statement_logging())
}

/// The connection that was asked for is there.
fn observe(waits: &Histogram) {
    // What belongs to no request is not timed.
    if let Ok(asked) = ASKED.try_with(|asked| *asked) {
        waits.observe(asked.elapsed().as_secs_f64());
    }
}

/// Alive, in no transaction, and of no organisation. A connection that is not gets closed.
async fn is_clean(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // The simple protocol: outside a transaction it begins one with the statement, so that both times are the same.
    let state =
        "select now() = statement_timestamp() and coalesce(current_setting('app.org_id', true), '') = ''";
    sqlx::raw_sql(state).fetch_one(connection).await?.try_get(0)
}

/// Reads an address. sqlx would take any scheme for Postgres.
pub(crate) fn postgres(url: &SecretString) -> anyhow::Result<PgConnectOptions> {
    let text = url.expose_secret();
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        anyhow::bail!("it does not begin with postgres://");
    }
    text.parse()
        .map_err(|_| anyhow::anyhow!("it is not an address like postgres://user:password@host:5432/database"))
}

/// A connection for the migrator, as the owner of everything.
pub(crate) async fn migrator_connection(url: &SecretString) -> anyhow::Result<PgConnection> {
    let options = postgres(url)?;
    let mut connection = options.disable_statement_logging().connect().await?;
    sqlx::query("set role frontdesk_owner").execute(&mut connection).await?;
    Ok(connection)
}
