//! The way to Postgres: one file a table, and one for the lock recipe that crosses them.
#![expect(clippy::disallowed_types, reason = "the one module that holds a pool")]

pub mod absences;
pub mod agent_keys;
pub mod appointment_lists;
pub mod appointments;
mod archive;
pub mod audit;
pub mod audit_events;
pub mod audit_seals;
pub mod auth_failures;
pub mod booking;
pub mod calendar_consents;
pub mod calendar_sync;
pub mod calendars;
pub mod calls;
pub mod candidates;
pub mod clinics;
pub mod documents;
mod doubt;
pub mod idempotency;
pub mod invitations;
mod json;
pub mod offers;
pub mod organisations;
pub mod passages;
pub mod patients;
pub mod places;
mod pool;
pub mod preparing;
mod probes;
pub mod profiles;
pub mod providers;
pub mod refresh_tokens;
mod row;
pub mod schedules;
pub mod services;
pub mod users;
pub mod webhook_credentials;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doubt::Doubt;
pub(crate) use pool::{migrator_connection, postgres};
use prometheus_client::metrics::histogram::Histogram;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction, postgres::PgPoolOptions};

use crate::{
    caller::Caller,
    config::{Database, Logins},
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

/// People, keys and calendars are few, beside bookings; and they must not be in their way.
const FEW_CONNECTIONS: u32 = 4;

/// The service's connections.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    /// For people and keys, with a login of its own. Where there is none, nobody signs in.
    auth: PgPool,
    /// For calendars, with a login of its own.
    worker: PgPool,
    /// Sees where the worker has something to do.
    router: PgPool,
    /// One connection for the probes alone: a busy service is not one that is down.
    probes: PgPool,
    doubt: Doubt,
    waits: Histogram,
}

impl Db {
    /// Connects lazily: the database may come up after us. Without the other logins, what needs them is out of reach.
    pub fn connect(config: &Database, logins: Option<&Logins>) -> anyhow::Result<Self> {
        let (doubt, waits) = (Doubt::default(), timer());
        let options = pool::options(&config.database_url)?;
        let few = config.database_connections.min(FEW_CONNECTIONS);
        let other = |url: fn(&Logins) -> &SecretString, connections| {
            let options = logins.map_or(Ok(options.clone()), |logins| pool::options(url(logins)))?;
            anyhow::Ok(pool::pool(config, &doubt, &waits, connections).connect_lazy_with(options))
        };
        let probes = PgPoolOptions::new().max_connections(1).acquire_timeout(config.database_wait);
        Ok(Self {
            auth: other(|logins| &logins.auth_url, few)?,
            worker: other(|logins| &logins.worker_url, few)?,
            router: other(|logins| &logins.router_url, 1)?,
            pool: pool::pool(config, &doubt, &waits, config.database_connections)
                .connect_lazy_with(options.clone()),
            probes: probes.connect_lazy_with(options),
            doubt,
            waits,
        })
    }

    /// How long requests waited for a connection.
    pub(crate) fn waits(&self) -> Histogram {
        self.waits.clone()
    }

    /// How many connections there are, and how many of them nobody is using.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let pools = [&self.pool, &self.auth, &self.worker, &self.router];
        let open = pools.iter().map(|pool| u64::from(pool.size())).sum();
        let idle: usize = pools.iter().map(|pool| pool.num_idle()).sum();
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

    /// The same with the login for calendars, which sees their secrets, and of patients what an event may show.
    pub async fn worker_tx(&self, caller: &Caller) -> Result<TenantTx> {
        self.tx(&self.worker, caller).await
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
        let beginning = pool::ASKED.scope(asked, async move { pool.begin_with(AssertSqlSafe(begin)).await });
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
        self.worker.close().await;
        self.router.close().await;
        self.probes.close().await;
    }

    /// The few statements that belong to no organisation.
    fn untenanted(&self) -> &PgPool {
        &self.pool
    }

    /// Of all organisations, when something is due.
    fn router(&self) -> &PgPool {
        &self.router
    }

    /// The same for people, before it is known where they want to go.
    fn untenanted_auth(&self) -> &PgPool {
        &self.auth
    }
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

/// Lets one transaction of the organisation at a time do something that has no row to lock: what, and to whom.
async fn one_at_a_time(tx: &mut TenantTx, what: &str, name: &str) -> Result<()> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($2 || ' ' || $1::text || ' ' || $3, 0))")
        .bind(tx.org)
        .bind(what)
        .bind(name)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether the error is that the named constraint forbids it. A distributed Postgres appends a shard's number to the name.
fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
    let broken = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
    broken.is_some_and(|name| name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') == constraint)
}
