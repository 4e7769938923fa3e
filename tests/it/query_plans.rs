//! What Postgres makes of the booking's statements when there is much to look through: as the service's own login, under row security, with
//! the plan that the service gets.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};
use tests::{
    crowd,
    statements::{
        AMEND, BUSY, ENTER, FIND, GET, GET_BY_CODE, LIST, LIST_OF_NUMBER, MADE_IN_CALL, Statement, WRITE,
    },
};

use crate::harness::database::TestDatabase;

/// The nodes of a plan.
pub(crate) fn nodes(plan: &Value) -> Vec<&Value> {
    let children = plan["Plans"].as_array().into_iter().flatten();
    std::iter::once(plan).chain(children.flat_map(nodes)).collect()
}

pub(crate) async fn run(connection: &mut PgConnection, sql: String) -> Vec<PgRow> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}

/// The service's own login, inside the organisation, with all statements prepared.
async fn prepared(database: &TestDatabase) -> PgConnection {
    let mut service = database.service_login().await;
    run(&mut service, format!("set app.org_id = {ORG}")).await;
    for statement in [FIND, BUSY, ENTER, WRITE, AMEND, MADE_IN_CALL, GET, GET_BY_CODE, LIST, LIST_OF_NUMBER] {
        run(&mut service, statement.prepare()).await;
    }
    service
}

/// What running the statement comes to; what it writes is taken back.
pub(crate) async fn plan(service: &mut PgConnection, statement: Statement, values: &[&str]) -> Value {
    run(service, "begin".to_owned()).await;
    let explain = format!("explain (analyze, timing off, format json) {}", statement.execute(values));
    let rows = run(service, explain).await;
    run(service, "rollback".to_owned()).await;
    let text: String = rows[0].try_get_unchecked(0).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[0]["Plan"].clone()
}

/// Each table by an index on `org_id`, appointments by more than that, and nowhere many rows.
fn check(statement: Statement, plan: &Value) {
    let nodes = nodes(plan);
    assert!(nodes.iter().any(|node| node["Relation Name"].is_string()), "{}: {plan:#}", statement.name);
    for node in
        nodes.iter().filter(|node| node["Node Type"].as_str().is_some_and(|kind| kind.contains("Scan")))
    {
        let (table, kind) = (node["Relation Name"].as_str(), node["Node Type"].as_str().unwrap());
        let condition = node["Index Cond"].as_str().unwrap_or_default();
        // A table of a hundred rows is read as fast without an index.
        if matches!(table, Some("organisation" | "clinic" | "provider" | "clinic_provider")) {
            continue;
        }
        let read = node["Actual Rows"].as_f64().unwrap()
            + node["Rows Removed by Filter"].as_f64().unwrap_or_default();
        assert!(read < 100.0, "{}: {read} rows in one go: {node:#}", statement.name);
        if matches!(table, Some("appointment" | "patient" | "calendar_sync" | "idempotency"))
            && kind != "Bitmap Heap Scan"
        {
            assert!(kind.starts_with("Index"), "{}: {node:#}", statement.name);
            assert!(condition.contains("org_id ="), "{}: {node:#}", statement.name);
        }
        if table == Some("appointment") {
            let narrow =
                ["block_from", "starts_at", "appointment_id", "patient_id", "call_id", "confirmation_code"];
            assert!(narrow.iter().any(|column| condition.contains(column)), "{}: {node:#}", statement.name);
            let index = node["Index Name"].as_str().unwrap();
            assert_ne!(index, "appointment_no_overlap", "{}: {node:#}", statement.name);
        }
    }
    assert!(
        plan["Actual Rows"].as_f64().unwrap() > 0.0 || statement.name == "busy",
        "{}: {plan:#}",
        statement.name
    );
}

// Values as SQL has them. In the middle of what is booked there is no room, at its end there is.
const ORG: &str = "'00000000-0000-0000-0000-000000000000'";
const CLINIC: &str = ORG;
const ONE: &str = "'{0a000000-0000-0000-0000-000000000007}'";
const PROVIDER: &str = "'0a000000-0000-0000-0000-000000000007'";
const SEVERAL: &str = "'{0a000000-0000-0000-0000-000000000001,0a000000-0000-0000-0000-000000000007}'";
const NOW: &str = "'2026-11-22 12:00Z'";
const BUSY_START: &str = "'2027-03-01 15:00Z'";
const BUSY_END: &str = "'2027-03-01 15:30Z'";
const BUSY_EARLIEST: &str = "'2027-02-28 15:00Z'";
const START: &str = "'2030-03-01 15:00Z'";
const END: &str = "'2030-03-01 15:30Z'";
const EARLIEST: &str = "'2030-02-28 15:00Z'";
const LATEST: &str = "'9999-12-30 22:00Z'";
const LOCAL_FROM: &str = "'2027-02-01 00:00'";
const LOCAL_TO: &str = "'2027-04-01 00:00'";
const SOME: &str = "'0c000000-0000-0000-0000-000000000077'";
const NEW: &str = "'0d000000-0000-0000-0000-000000000001'";
const NIL: &str = "'00000000-0000-0000-0000-000000000000'";
const PATIENT: &str = "'0b000000-0000-0000-0000-000000000001'";
const RPC: &str = "'BookAppointment'";
const HASH: &str = "decode(repeat('ab', 32), 'hex')";
const NULL: &str = "null";

const ASKED: &[(Statement, &[&str])] = &[
    (FIND, &[ORG, CLINIC, ONE, "10", NULL, NULL, LOCAL_FROM, LOCAL_TO]),
    (FIND, &[ORG, NULL, NULL, "10", NULL, "'cleaning'", LOCAL_FROM, LOCAL_TO]),
    (BUSY, &[ORG, SEVERAL, BUSY_START, BUSY_END, NOW, BUSY_EARLIEST, NULL]),
    // A new patient, and room.
    (
        ENTER,
        &[
            ORG,
            RPC,
            "'key-1'",
            HASH,
            NEW,
            NOW,
            NEW,
            "'Dana'",
            "'dana'",
            "'+17185550199'",
            NULL,
            SEVERAL,
            START,
            END,
            EARLIEST,
            NULL,
        ],
    ),
    // A patient who is known, and no room.
    (
        ENTER,
        &[
            ORG,
            RPC,
            "'key-1'",
            HASH,
            NEW,
            NOW,
            NEW,
            "'Patient 7'",
            "'patient 7'",
            "'+17180000007'",
            NULL,
            ONE,
            BUSY_START,
            BUSY_END,
            BUSY_EARLIEST,
            PROVIDER,
        ],
    ),
    (
        WRITE,
        &[
            ORG, SEVERAL, NOW, START, END, EARLIEST, NEW, CLINIC, PATIENT, "'KKKKKK'", NULL, NEW, "'call-x'",
            "'me'", "'agent'", RPC, NULL, START, END, NULL, NULL, "'{}'", NULL,
        ],
    ),
    // An appointment that is there, and room.
    (
        AMEND,
        &[
            ORG, SEVERAL, NOW, START, END, EARLIEST, SOME, CLINIC, PATIENT, START, END, NULL, NULL, "'{}'",
            NEW, NULL, "'me'", "'agent'", RPC, NULL, NULL,
        ],
    ),
    (
        MADE_IN_CALL,
        &[
            ORG,
            "'call-27'",
            "'2027-01-01 00:30Z'",
            "'2027-01-01 01:00Z'",
            SEVERAL,
            "'patient 6'",
            "'+17180000006'",
            NULL,
        ],
    ),
    (GET, &[ORG, "'0c000000-0000-0000-0000-000000000077'"]),
    (GET_BY_CODE, &[ORG, "'342222'"]),
    (LIST, &[ORG, NULL, NULL, BUSY_START, LATEST, NULL, NULL, BUSY_START, NIL, "51", "true", NULL, NOW]),
    (
        LIST_OF_NUMBER,
        &[ORG, NULL, NULL, NOW, LATEST, NULL, "'+17180012345'", NOW, NIL, "21", "true", NULL, NOW],
    ),
];

#[tokio::test]
async fn the_bookings_statements_use_indexes_on_organisation_and_time() {
    let database = TestDatabase::create().await;
    let mut superuser = database.superuser().await;
    crowd::gather(&mut superuser, 0, 300_000).await.unwrap();
    run(&mut superuser, "analyze".to_owned()).await;
    let mut service = prepared(&database).await;
    for (statement, values) in ASKED {
        let plan = plan(&mut service, *statement, values).await;
        check(*statement, &plan);
    }
}

/// A connection keeps the plan that it once made until the planner hears of the tables' growth, which can take a minute, or until it
/// is replaced, as the service does with its own.
#[tokio::test]
async fn plans_that_were_made_for_a_young_clinic_serve_a_large_one() {
    let database = TestDatabase::create().await;
    let mut superuser = database.superuser().await;
    crowd::gather(&mut superuser, 1_000, 4_000).await.unwrap();
    let mut service = prepared(&database).await;
    for (statement, values) in ASKED {
        run(&mut service, format!("explain {}", statement.execute(values))).await;
    }
    crowd::gather(&mut superuser, 0, 90_000).await.unwrap();
    for (statement, values) in ASKED {
        let plan = plan(&mut service, *statement, values).await;
        check(*statement, &plan);
    }
}

/// What a search reads of a provider's week is what is booked in it, whether the organisation has ten thousand appointments or ten times as many. How long it
/// takes is measured by `./x bench search`.
#[tokio::test]
async fn regression_18_a_search_reads_no_more_than_its_week_has() {
    let database = TestDatabase::create().await;
    let mut superuser = database.superuser().await;
    crowd::gather(&mut superuser, 0, 15_000).await.unwrap();
    let mut service = prepared(&database).await;
    let mut read = Vec::new();
    for more in [0, 150_000] {
        if more > 0 {
            crowd::gather(&mut superuser, 1_000, more).await.unwrap();
            run(&mut superuser, "analyze".to_owned()).await;
        }
        // Of one organisation's provider, who is booked day and night: seven days, and the day before that could reach in.
        let org = if more > 0 { "'00000000-0000-0000-0000-0000000003e8'" } else { ORG };
        let week = [org, ONE, "'2027-01-04 00:00Z'", "'2027-01-11 00:00Z'", NOW, "'2027-01-03 00:00Z'", NULL];
        run(&mut service, format!("set app.org_id = {org}")).await;
        let plan = plan(&mut service, BUSY, &week).await;
        let scans: Vec<&Value> =
            nodes(&plan).into_iter().filter(|node| node["Relation Name"] == "appointment").collect();
        assert!(
            scans.iter().all(|node| node["Node Type"].as_str().unwrap().starts_with("Index")),
            "{plan:#}"
        );
        let rows = |node: &&Value| {
            node["Actual Rows"].as_f64().unwrap()
                + node["Rows Removed by Filter"].as_f64().unwrap_or_default()
        };
        read.push(scans.iter().map(rows).sum::<f64>());
    }
    assert!(read.iter().all(|rows| (336.0..=8.0 * 48.0).contains(rows)), "{read:?}");
}
