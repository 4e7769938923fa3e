//! Prepares a database server: roles once a cluster, the database and its extension once a database. Can be repeated.
//!
//! `frontdesk_owner` owns everything and cannot log in. `frontdesk_migrator` alone may become it. The others own nothing, and row security holds
//! for them: requests run as `frontdesk_service`, those about people and keys as `frontdesk_auth`, those about calendars and the worker behind them as
//! `frontdesk_worker`, and the operator's verbs as `frontdesk_operator`. `frontdesk_router` sees where the worker has something to do.

use anyhow::{Context as _, bail};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::{
    config::{Passwords, WrongSetting},
    db::{MIGRATOR, migrator_connection, postgres},
};

/// A login and its setting.
const LOGINS: [(&str, &str); 6] = [
    ("frontdesk_service", "DATABASE_URL"),
    ("frontdesk_auth", "BOOKING_AUTH_URL"),
    ("frontdesk_worker", "BOOKING_WORKER_URL"),
    ("frontdesk_router", "BOOKING_ROUTER_URL"),
    ("frontdesk_migrator", "BOOKING_MIGRATOR_URL"),
    ("frontdesk_operator", "BOOKING_OPERATOR_URL"),
];

/// One setting of `.env`: a login's address. The password is in it only when it was set just now.
#[derive(Debug)]
pub struct Login {
    /// The setting's name.
    pub setting: &'static str,
    /// The address.
    pub url: SecretString,
    /// Whether the login keeps a password that only its owner knows.
    pub password_kept: bool,
}

/// What is so in the whole cluster. Each statement can be repeated.
const ROLES: &str = "
do $$
declare
    login text;
begin
    -- Two runs at once would both find no role.
    perform pg_advisory_xact_lock(hashtext('frontdesk bootstrap'));
    if not exists (select from pg_roles where rolname = 'frontdesk_owner') then
        create role frontdesk_owner nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'frontdesk_migrator') then
        create role frontdesk_migrator login noinherit;
    end if;
    alter role frontdesk_owner nosuperuser nobypassrls nocreatedb nocreaterole noreplication nologin;
    alter role frontdesk_migrator nosuperuser nobypassrls nocreatedb nocreaterole noreplication login noinherit;
    grant frontdesk_owner to frontdesk_migrator;
    foreach login in array array['frontdesk_service', 'frontdesk_auth', 'frontdesk_worker', 'frontdesk_router', 'frontdesk_operator'] loop
        if not exists (select from pg_roles where rolname = login) then
            execute format('create role %I login', login);
        end if;
        execute format('alter role %I nosuperuser nobypassrls nocreatedb nocreaterole noreplication login', login);
        -- A request that cannot have a lock soon is repeated by the gateway; one that forgot its transaction is ended.
        execute format('alter role %I set lock_timeout = ''500ms''', login);
        execute format('alter role %I set statement_timeout = ''10s''', login);
        execute format('alter role %I set idle_in_transaction_session_timeout = ''15s''', login);
        -- Each statement is planned once a connection. They are written so that one plan is right for all values.
        execute format('alter role %I set plan_cache_mode = ''force_generic_plan''', login);
        -- A failing statement would be logged with patients' data in its detail.
        execute format('alter role %I set log_min_error_statement = ''panic''', login);
        execute format('alter role %I set log_error_verbosity = ''terse''', login);
    end loop;
end $$";

/// What is so in the database.
const DATABASE: &str = "
create extension if not exists btree_gist;
create extension if not exists vector;
alter schema public owner to frontdesk_owner;
revoke all on schema public from public;
grant usage on schema public to frontdesk_service, frontdesk_auth, frontdesk_worker, frontdesk_router, frontdesk_operator, frontdesk_migrator;
";

/// Prepares the server and the database; gives the addresses of its logins.
pub async fn bootstrap(
    admin: &SecretString,
    database: &str,
    passwords: Passwords,
) -> anyhow::Result<Vec<Login>> {
    if !database.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        || !(1..=63).contains(&database.len())
    {
        bail!("the name of a database is made of 1 to 63 of a-z, 0-9 and _");
    }
    let options = postgres(admin).context(WrongSetting("BOOKING_ADMIN_URL"))?;
    let options = options.disable_statement_logging();
    let mut connection = options.connect().await.context("cannot connect as administrator")?;
    sqlx::raw_sql(ROLES).execute(&mut connection).await.context("cannot make the roles")?;
    create_database(&mut connection, database).await?;
    let mut logins = Vec::new();
    for (role, setting) in LOGINS {
        let password = set_password(&mut connection, role, passwords).await?;
        let password_kept = password.is_none() && passwords != Passwords::None;
        logins.push(Login {
            setting,
            url: url(&options, role, password.as_deref(), database),
            password_kept,
        });
    }
    connection.close().await?;
    let mut connection = options.clone().database(database).connect().await?;
    sqlx::raw_sql(DATABASE).execute(&mut connection).await.context("cannot prepare the database")?;
    let own = format!(
        "revoke all on database {database} from public;
        grant connect on database {database} to frontdesk_service, frontdesk_auth, frontdesk_worker, frontdesk_router, frontdesk_operator, frontdesk_migrator;
        grant create on database {database} to frontdesk_owner"
    );
    sqlx::raw_sql(AssertSqlSafe(own)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(logins)
}

/// Brings the schema up to date, as the owner.
pub async fn migrate(migrator: &SecretString) -> anyhow::Result<()> {
    let mut connection = migrator_connection(migrator).await.context("cannot connect as migrator")?;
    MIGRATOR.run(&mut connection).await?;
    Ok(connection.close().await?)
}

async fn create_database(connection: &mut PgConnection, database: &str) -> anyhow::Result<()> {
    let exists: Option<i32> = sqlx::query_scalar("select 1 from pg_database where datname = $1")
        .bind(database)
        .fetch_optional(&mut *connection)
        .await?;
    if exists.is_none() {
        let create = format!("create database {database} owner frontdesk_owner");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(connection).await.context("cannot make the database")?;
    }
    Ok(())
}

/// A new password, where the login is to get one.
async fn set_password(
    connection: &mut PgConnection,
    role: &str,
    passwords: Passwords,
) -> anyhow::Result<Option<String>> {
    let has_one: bool =
        sqlx::query_scalar("select rolpassword is not null from pg_authid where rolname = $1")
            .bind(role)
            .fetch_one(&mut *connection)
            .await?;
    match passwords {
        Passwords::None => return Ok(None),
        Passwords::Keep if has_one => return Ok(None),
        Passwords::Keep | Passwords::Rotate => {}
    }
    let mut secret = [0; 24];
    SystemRandom::new().fill(&mut secret)?;
    let password = BASE64_URL_SAFE_NO_PAD.encode(secret);
    // Neither name nor password has a character that would need quoting.
    let alter = format!("alter role {role} password '{password}'");
    sqlx::raw_sql(AssertSqlSafe(alter)).execute(connection).await?;
    Ok(Some(password))
}

/// The address for a role. Of the administrator's, it keeps how the server is reached and proven, and nothing else.
fn url(admin: &PgConnectOptions, role: &str, password: Option<&str>, database: &str) -> SecretString {
    let mut url = admin.clone().username(role).database(database).to_url_lossy();
    let _ = url.set_password(password);
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, value)| (name.starts_with("ssl") && value != "prefer") || name == "host")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url.to_string().into()
}
