//! What one organisation has, no other sees, touches or hears of: not through the API, and not in Postgres either.

use booking_service::ops::audit_seals;
use proto::booking::v1 as pb;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking},
    people::signature,
    with_token,
};

/// From the catalogue, so that a new table is covered without a change here.
const TENANT_TABLES: &str = "
    select c.relname::text
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
    order by 1";

/// Tables of an organisation's things that are not shut, each with what is wrong.
const OPEN_TABLES: &str = "
    select c.relname::text
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
        and not (
            c.relrowsecurity and c.relforcerowsecurity and a.attnotnull
            and (
                select count(*) = 1 and bool_and(
                    p.polpermissive and p.polcmd = '*' and p.polname = c.relname || '_tenant'
                    and pg_get_expr(p.polqual, p.polrelid) is not distinct from pg_get_expr(p.polwithcheck, p.polrelid)
                    and pg_get_expr(p.polqual, p.polrelid)
                        = '(org_id = (NULLIF(current_setting(''app.org_id''::text, true), ''''::text))::uuid)'
                )
                from pg_policy p where p.polrelid = c.oid
                    -- What one role has to see before there is a tenant: `SEEN_WITHOUT_A_TENANT` says why.
                    and not (p.polname = c.relname || '_directory' and p.polcmd = 'r' and p.polroles <> '{0}'
                        and c.relname in ('calendar_sync', 'knowledge', 'membership', 'organisation'))
            )
        )
    order by 1";

/// Every login that requests or operators run as.
const LOGINS: [&str; 5] =
    ["frontdesk_service", "frontdesk_auth", "frontdesk_worker", "frontdesk_router", "frontdesk_operator"];

/// All that a login sees of an organisation's things without being told which organisation it is for.
const SEEN_WITHOUT_A_TENANT: [(&str, &str); 4] = [
    // Where may this user sign in to? Ids alone.
    ("frontdesk_auth", "membership"),
    // Which organisations are there to be sealed? Ids alone.
    ("frontdesk_operator", "organisation"),
    // Where is something due for a calendar? Ids of organisations, and times.
    ("frontdesk_router", "calendar_sync"),
    // Where are documents to be prepared? Ids of organisations, times, and names of models.
    ("frontdesk_router", "knowledge"),
];

/// An organisation with something in every table.
async fn lived_in(app: &TestApp) -> Clinic {
    let clinic = app.clinic().await;
    app.book_once(&clinic.admin, "key", booking(&clinic, "2027-01-05T15:00:00Z")).await.unwrap();
    app.join(&clinic.admin, &format!("sam@{}.example", clinic.org), pb::Role::Staff).await;
    app.agent_key(&clinic, pb::MachineScope::default()).await;
    let secret = "a-secret-of-some-length";
    let plan = pb::SignaturePlan { without_timestamp: true, ..Default::default() };
    let webhook = app.webhook_credential(&clinic, plan, secret).await.webhook_credential.unwrap();
    app.exchange(&webhook.id, &signature(secret, "{}"), "{}").await.unwrap();
    app.something_for_calendars(&clinic).await;
    app.service(&clinic, "Cleaning", 30).await;
    app.hours(&clinic, &[("monday", "09:00-17:00")]).await;
    app.closed(&clinic, "2027-07-01", "2027-07-02").await;
    let search = pb::SearchSlotsRequest { date: "2027-01-04".into(), offered: true, ..Default::default() };
    app.availability().search_slots(with_token(&clinic.admin, search)).await.unwrap();
    app.documents(&clinic).await;
    let mut operator = app.database.operator();
    operator.clock = app.app.clock.clone();
    audit_seals::seal(&operator, |_| Ok(())).await.unwrap();
    clinic
}

async fn tables(database: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(TENANT_TABLES).fetch_all(database).await.unwrap();
    assert!(tables.len() >= 25, "{tables:?}");
    tables
}

async fn be(database: &mut PgConnection, org: &str) {
    let sql = "select set_config('app.org_id', $1, false)";
    sqlx::query(sql).bind(org).execute(database).await.unwrap();
}

async fn count(database: &mut PgConnection, sql: String) -> sqlx::Result<i64> {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
}

/// Reading is either not allowed at all or shows nothing.
fn nothing_seen(seen: sqlx::Result<i64>) -> bool {
    match seen {
        Ok(rows) => rows == 0,
        Err(error) => code(&error) == "42501",
    }
}

#[tokio::test]
async fn without_a_tenant_nothing_is_seen_and_nothing_can_be_written() {
    let app = TestApp::start().await;
    let clinic = lived_in(&app).await;
    let mut superuser = app.database.superuser().await;
    let tables = tables(&mut superuser).await;
    for role in LOGINS {
        let mut login = app.database.login(role).await.unwrap();
        // Never set; and empty, as it is after a transaction that had set it.
        for state in ["never set", "empty"] {
            for table in &tables {
                let rows = count(&mut superuser, format!("select count(*) from {table}")).await.unwrap();
                assert!(rows > 0, "nothing in {table} to be seen");
                let seen = count(&mut login, format!("select count(*) from {table}")).await;
                let is_shut = nothing_seen(seen);
                assert_eq!(
                    is_shut,
                    !SEEN_WITHOUT_A_TENANT.contains(&(role, table)),
                    "{role}: {table}, {state}"
                );
                let insert = format!("insert into {table} (org_id) values ('{}')", clinic.org);
                let refused = login.execute(AssertSqlSafe(insert)).await.unwrap_err();
                assert_eq!(code(&refused), "42501", "{role}: {table}, {state}: {refused}");
            }
            let over = format!("begin; set local app.org_id = '{}'; commit", clinic.org);
            login.execute(sqlx::raw_sql(AssertSqlSafe(over))).await.unwrap();
        }
    }
    // Of those, nothing but ids and times.
    let mut router = app.database.login("frontdesk_router").await.unwrap();
    for column in ["appointment_id", "version", "event_id", "state", "calendar_id"] {
        let select = format!("select {column} from calendar_sync");
        assert_eq!(code(&router.execute(AssertSqlSafe(select)).await.unwrap_err()), "42501", "{column}");
    }
    let mut operator = app.database.login("frontdesk_operator").await.unwrap();
    assert_eq!(code(&operator.execute("select name from organisation").await.unwrap_err()), "42501");
    // Users belong to nobody's organisation: auth sees them, and nobody else does.
    for role in LOGINS {
        let mut login = app.database.login(role).await.unwrap();
        let seen = login.execute("select password_hash from app_user").await;
        assert_eq!(seen.is_ok(), role == "frontdesk_auth", "{role}");
    }
}

#[tokio::test]
async fn in_postgres_one_organisation_can_do_nothing_to_another() {
    let app = TestApp::start().await;
    let (ours, theirs) = (lived_in(&app).await, lived_in(&app).await);
    let mut superuser = app.database.superuser().await;
    let their = format!("where org_id = '{}'", theirs.org);
    for role in LOGINS {
        let mut login = app.database.login(role).await.unwrap();
        be(&mut login, &ours.org.to_string()).await;
        for table in tables(&mut superuser).await {
            let before =
                count(&mut superuser, format!("select count(*) from {table} {their}")).await.unwrap();
            let seen = count(&mut login, format!("select count(*) from {table} {their}")).await;
            let is_shut = nothing_seen(seen);
            assert_eq!(is_shut, !SEEN_WITHOUT_A_TENANT.contains(&(role, &table)), "{role}: select {table}");
            let locked = count(
                &mut login,
                format!("with x as (select from {table} {their} for update) select count(*) from x"),
            );
            assert!(nothing_seen(locked.await), "{role}: lock {table}");

            let columns: Vec<String> = sqlx::query_scalar(
                "select a.attname::text from pg_attribute a
                where a.attrelid = $1::regclass and a.attnum > 0 and has_column_privilege($2, a.attrelid, a.attnum, 'update')",
            )
            .bind(&table)
            .bind(role)
            .fetch_all(&mut superuser)
            .await
            .unwrap();
            for column in columns {
                let update = format!("update {table} set {column} = null {their}");
                let done = login.execute(AssertSqlSafe(update)).await.unwrap();
                assert_eq!(done.rows_affected(), 0, "{role}: update {table}.{column}");
            }
            match login.execute(AssertSqlSafe(format!("delete from {table} {their}"))).await {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{role}: delete {table}"),
                Err(error) => assert_eq!(code(&error), "42501", "{role}: delete {table}"),
            }
            let insert = format!("insert into {table} (org_id) values ('{}')", theirs.org);
            let refused = login.execute(AssertSqlSafe(insert)).await.unwrap_err();
            assert_eq!(code(&refused), "42501", "{role}: insert {table}: {refused}");
            let after = count(&mut superuser, format!("select count(*) from {table} {their}")).await.unwrap();
            assert_eq!(before, after, "{role}: {table}");
        }
    }
}

#[tokio::test]
async fn a_row_cannot_point_into_another_organisation() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.clinic().await, app.clinic().await);
    let mut service = app.database.service_login().await;
    be(&mut service, &ours.org.to_string()).await;
    for (clinic, provider) in [(&theirs.id, &ours.provider), (&ours.id, &theirs.provider)] {
        let refused = sqlx::query(
            "insert into clinic_provider (org_id, clinic_id, provider_id) values ($1, $2::uuid, $3::uuid)",
        )
        .bind(ours.org)
        .bind(clinic)
        .bind(provider)
        .execute(&mut service)
        .await
        .unwrap_err();
        assert_eq!(code(&refused), "23503");
    }
}

#[tokio::test]
async fn every_table_of_an_organisations_things_is_shut_and_a_rogue_one_is_noticed() {
    let app = TestApp::start().await;
    let mut superuser = app.database.superuser().await;
    let mut open =
        async || -> Vec<String> { sqlx::query_scalar(OPEN_TABLES).fetch_all(&mut superuser).await.unwrap() };
    assert_eq!(open().await, Vec::<String>::new());
    let mut rogue = app.database.superuser().await;
    for (table, shut) in [
        ("rogue_without", ""),
        ("rogue_unforced", "alter table rogue_unforced enable row level security"),
        (
            "rogue_half",
            "alter table rogue_half enable row level security; alter table rogue_half force row level security;
            create policy rogue_half_tenant on rogue_half using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)",
        ),
        (
            "rogue_second_policy",
            "alter table rogue_second_policy enable row level security; alter table rogue_second_policy force row level security;
            create policy rogue_second_policy_tenant on rogue_second_policy using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
                with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
            create policy q on rogue_second_policy using (true) with check (true)",
        ),
    ] {
        let sql = format!("create table {table} (org_id uuid not null); {shut}");
        rogue.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        assert_eq!(open().await, [table]);
        rogue.execute(sqlx::raw_sql(AssertSqlSafe(format!("drop table {table}")))).await.unwrap();
    }
}

#[tokio::test]
async fn no_login_owns_bypasses_or_becomes_anything() {
    let app = TestApp::start().await;
    let mut superuser = app.database.superuser().await;
    let strong: Vec<String> = sqlx::query_scalar(
        "select rolname::text from pg_roles where rolname like 'frontdesk\\_%' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(strong, Vec::<String>::new());
    let owned: i64 = sqlx::query_scalar(
        "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner where r.rolcanlogin and not r.rolsuper",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(owned, 0);

    for role in LOGINS {
        let mut login = app.database.login(role).await.unwrap();
        for attempt in [
            "set role frontdesk_owner",
            "set role frontdesk_migrator",
            "alter role current_user set app.org_id = '01936f00-0000-7000-8000-000000000001'",
            "set row_security = off; select count(*) from appointment",
            "create table mine (x int)",
            "create temp table mine (x int)",
            "create schema mine",
            "alter table appointment disable row level security",
            "alter table appointment no force row level security",
            "drop policy appointment_tenant on appointment",
            "truncate appointment",
            "update audit set outcome = 'done'",
            "delete from audit",
            "delete from auth_failure",
            "delete from appointment",
            "copy patient from stdin",
            "update audit_seal set seq = 1",
            "delete from audit_seal",
            "delete from app_user",
            "update app_user set password_hash = 'x'",
        ] {
            let refused = login.execute(sqlx::raw_sql(attempt)).await.unwrap_err();
            assert!(["42501", "0A000"].contains(&code(&refused).as_str()), "{role}: {attempt}: {refused}");
        }
    }
    // The migrator is nobody until it says who it is.
    let mut migrator = app.database.login("frontdesk_migrator").await.unwrap();
    assert_eq!(code(&migrator.execute("select from appointment").await.unwrap_err()), "42501");
    assert!(app.database.login("frontdesk_owner").await.is_err());
}
