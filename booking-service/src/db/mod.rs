//! The way to Postgres: one file a table, and one for the lock recipe that crosses them.
#![expect(clippy::disallowed_types, reason = "the one module that holds a pool")]

pub mod agent_keys;
pub mod appointment_lists;
pub mod appointments;
pub mod audit;
pub mod audit_events;
pub mod audit_seals;
pub mod auth_failures;
pub mod booking;
pub mod clinics;
mod doubt;
pub mod idempotency;
pub mod invitations;
pub mod organisations;
pub mod places;
pub mod profiles;
pub mod providers;
pub mod refresh_tokens;
mod row;
pub mod users;
pub mod webhook_credentials;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doubt::Doubt;
use prometheus_client::metrics::histogram::Histogram;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool, Postgres, Row as _, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    caller::Caller,
    config::Database,
    domain::{
        ids::{ClinicId, OrgId},
        scope::Scope,
    },
    error::{Error, Result},
    metrics::timer,
};

/// The schema, as the files in `migrations/`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// How long a statement may take for a client that named no deadline.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that was idle for longer is tried before it is used. Shorter pauses are covered by the test that the pool makes
/// whenever a connection comes back.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

/// A connection keeps the plans that it has made for its statements, and tables grow: one that was made for a handful of rows may go
/// through all of a large organisation. With the connection it is made anew.
const LIFETIME: Duration = Duration::from_mins(5);

/// People and keys are few, beside bookings.
const AUTH_CONNECTIONS: u32 = 4;

/// The service's connections.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    /// For people and keys, with a login of its own. Where there is none, nobody signs in.
    auth: PgPool,
    /// One connection for the probes alone: a busy service is not one that is down.
    probes: PgPool,
    doubt: Doubt,
    waits: Histogram,
}

tokio::task_local! {
    /// When the connection was asked for that the pool is about to give.
    static ASKED: Instant;
}

impl Db {
    /// Connects lazily: the database may come up after us. Without an address for people and keys, those are out of reach.
    pub fn connect(config: &Database, auth_url: Option<&SecretString>) -> anyhow::Result<Self> {
        let options = options(&config.database_url)?;
        let auth = auth_url.map_or(Ok(options.clone()), self::options)?;
        let (doubt, waits) = (Doubt::default(), timer());
        let main =
            pool(config, &doubt, &waits, config.database_connections).connect_lazy_with(options.clone());
        let few = config.database_connections.min(AUTH_CONNECTIONS);
        let auth = pool(config, &doubt, &waits, few).connect_lazy_with(auth);
        let probes = PgPoolOptions::new().max_connections(1).acquire_timeout(config.database_wait);
        Ok(Self { pool: main, auth, probes: probes.connect_lazy_with(options), doubt, waits })
    }

    /// How long requests waited for a connection.
    pub(crate) fn waits(&self) -> Histogram {
        self.waits.clone()
    }

    /// How many connections there are, and how many of them nobody is using.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let open = u64::from(self.pool.size()) + u64::from(self.auth.size());
        let idle = self.pool.num_idle() + self.auth.num_idle();
        (open, idle.try_into().unwrap_or(u64::MAX))
    }

    /// Begins a transaction that sees and writes only the caller's organisation, and that ends with the caller's patience.
    pub async fn tenant_tx(&self, caller: &Caller) -> Result<TenantTx> {
        self.tx(&self.pool, caller).await
    }

    /// The same with the login for people and keys, which sees nothing of patients and appointments.
    pub async fn auth_tx(&self, caller: &Caller) -> Result<TenantTx> {
        self.tx(&self.auth, caller).await
    }

    async fn tx(&self, pool: &PgPool, caller: &Caller) -> Result<TenantTx> {
        let patience = caller
            .request
            .deadline
            .map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()).min(PATIENCE));
        if patience.is_zero() {
            return Err(Error::DeadlineExceeded);
        }
        // One round trip. `SET LOCAL` takes no parameters; the id is a UUID by its type, the time a number.
        let begin = format!(
            "BEGIN; SET LOCAL app.org_id = '{}'; SET LOCAL statement_timeout = {}",
            caller.org,
            patience.as_millis().max(1),
        );
        let inner = match self.begin(pool, begin.clone()).await {
            // The connection died while it was idle. Nothing was done, so a second one, which is tried first, may do it.
            Err(Error::DatabaseUnavailable(sqlx::Error::Io(_) | sqlx::Error::Protocol(_))) => {
                self.doubt.raise();
                self.begin(pool, begin).await?
            }
            outcome => outcome?,
        };
        Ok(TenantTx { inner, org: caller.org, scope: caller.scope.clone() })
    }

    /// Begins in a task of its own, which no cancelled request can stop halfway: sqlx 0.9.0 would give the connection back inside
    /// the transaction, and the next request would find itself in this organisation (transact-rs/sqlx#4393).
    async fn begin(&self, pool: &PgPool, begin: String) -> Result<Transaction<'static, Postgres>> {
        let (pool, asked) = (pool.clone(), Instant::now());
        let beginning = ASKED.scope(asked, async move { pool.begin_with(AssertSqlSafe(begin)).await });
        let joined = tokio::spawn(beginning).await;
        if let Ok(Err(sqlx::Error::PoolTimedOut)) = &joined {
            self.waits.observe(asked.elapsed().as_secs_f64());
        }
        Ok(joined.map_err(|stopped| Error::Internal(stopped.into()))??)
    }

    /// Waits until all connections are closed.
    pub async fn close(&self) {
        self.pool.close().await;
        self.auth.close().await;
        self.probes.close().await;
    }

    /// The few statements that belong to no organisation.
    fn untenanted(&self) -> &PgPool {
        &self.pool
    }

    /// The same for people, before it is known where they want to go.
    fn untenanted_auth(&self) -> &PgPool {
        &self.auth
    }

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
        for (setting, pool, table) in
            [("DATABASE_URL", &self.pool, "appointment"), ("BOOKING_AUTH_URL", &self.auth, "profile")]
        {
            let risk: Option<String> = sqlx::query_scalar(
                "
                select case
                    when rolsuper then 'is a superuser'
                    when rolbypassrls then 'bypasses row security'
                    when exists (select from pg_class where relowner = pg_roles.oid) then 'owns tables'
                    when not has_table_privilege($1, 'select') then 'is not the role that it should be'
                end
                from pg_roles
                where rolname = current_user
                ",
            )
            .bind(table)
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

/// A pool whose connections are found out when they are dead or not clean.
fn pool(config: &Database, doubt: &Doubt, waits: &Histogram, connections: u32) -> PgPoolOptions {
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
fn options(url: &SecretString) -> anyhow::Result<PgConnectOptions> {
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

/// A transaction bound to one organisation by row security. Dropped without `commit`, it rolls back.
#[derive(Debug)]
pub struct TenantTx {
    inner: Transaction<'static, Postgres>,
    org: OrgId,
    scope: Arc<Scope>,
}

impl TenantTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The clinics that the caller's credential is limited to; `None`: it is not.
    fn clinics(&self) -> Option<&[ClinicId]> {
        self.scope.clinics.as_deref()
    }

    /// Makes it so.
    pub async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }
}

/// Whether the error is that the named constraint forbids it. A distributed Postgres appends a shard's number to the name.
fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
    let broken = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
    broken.is_some_and(|name| name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') == constraint)
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
