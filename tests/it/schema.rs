//! The rules of `migrations/README.md`, asked of the catalogue.

use sqlx::Executor as _;

use crate::harness::TestApp;

async fn names(app: &TestApp, sql: &'static str) -> Vec<String> {
    let mut database = app.database.superuser().await;
    sqlx::query_scalar(sql).fetch_all(&mut database).await.unwrap()
}

#[tokio::test]
async fn every_table_is_an_organisations_but_for_three() {
    let app = TestApp::start().await;
    let global = "
        select c.relname::text from pg_class c
        where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
            and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped)
        order by 1";
    assert_eq!(names(&app, global).await, ["_sqlx_migrations", "app_user", "auth_failure"]);
}

#[tokio::test]
async fn every_key_begins_with_the_organisation() {
    let app = TestApp::start().await;
    // Primary, unique and exclusion: of the index; foreign: of the referencing columns, and of the referenced ones.
    let elsewhere = "
        select i.indexrelid::regclass::text
        from pg_index i
        join pg_class c on c.oid = i.indrelid and c.relnamespace = 'public'::regnamespace
        join pg_attribute o on o.attrelid = c.oid and o.attname = 'org_id'
        where i.indkey[0] <> o.attnum
        union all
        select f.conname::text
        from pg_constraint f
        join pg_attribute o on o.attrelid = f.conrelid and o.attname = 'org_id'
        join pg_attribute p on p.attrelid = f.confrelid and p.attname = 'org_id'
        where f.contype = 'f' and (f.conkey[1] <> o.attnum or f.confkey[1] <> p.attnum)";
    // Asked before there is a tenant: where may this user go?
    assert_eq!(names(&app, elsewhere).await, ["membership_by_user"]);
}

#[tokio::test]
async fn every_constraint_has_a_name_that_begins_with_its_table() {
    let app = TestApp::start().await;
    let nameless = "
        select f.conname::text from pg_constraint f
        join pg_class c on c.oid = f.conrelid and c.relnamespace = 'public'::regnamespace
        where c.relname <> '_sqlx_migrations' and f.contype <> 'n'
            and (f.conname not like c.relname || '\\_%' or f.conname ~ '_(check|key|fkey|excl)\\d*$')";
    assert_eq!(names(&app, nameless).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_column_has_a_type_whose_operators_leak() {
    let app = TestApp::start().await;
    let leaky = "
        select c.relname || '.' || a.attname
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
        join pg_type t on t.oid = a.atttypid
        where a.attnum > 0 and not a.attisdropped and t.typtype in ('e', 'r', 'm')";
    assert_eq!(names(&app, leaky).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_function_runs_with_more_rights_than_its_caller() {
    let app = TestApp::start().await;
    let definers = "
        select p.proname::text from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.prosecdef";
    assert_eq!(names(&app, definers).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_can_be_prepared_again_and_again() {
    let app = TestApp::start().await;
    let admin = crate::harness::database::admin_url().into();
    for _ in 0..2 {
        let logins = booking_service::bootstrap::bootstrap(
            &admin,
            "prepared_twice",
            booking_service::config::Passwords::None,
        )
        .await
        .unwrap();
        let migrator = logins.iter().find(|login| login.setting == "BOOKING_MIGRATOR_URL").unwrap();
        booking_service::bootstrap::migrate(&migrator.url).await.unwrap();
    }
    let mut database = app.database.superuser().await;
    database.execute("drop database prepared_twice with (force)").await.unwrap();
}
