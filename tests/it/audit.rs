//! What is on record: shown to administrators, sealed, and found out when it was tampered with.

use booking_service::{
    app::App,
    domain::{audit_event::Seal, ids::OrgId},
    ops::audit_seals::{self, verify},
};
use jiff::SignedDuration;
use proto::booking::v1 as pb;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking, instant, reason, scattered, slot},
    with_metadata, with_token,
};

/// Seals, and gives what is printed.
async fn seal(operator: &App) -> booking_service::error::Result<Vec<Seal>> {
    let mut seals = Vec::new();
    audit_seals::seal(operator, |seal| {
        seals.push(seal.clone());
        Ok(())
    })
    .await?;
    Ok(seals)
}

async fn events(app: &TestApp, clinic: &Clinic, list: pb::ListAuditEventsRequest) -> Vec<pb::AuditEvent> {
    let token = app.token_for(clinic);
    app.audit().list_audit_events(with_token(&token, list)).await.unwrap().into_inner().events
}

#[tokio::test]
async fn an_administrator_finds_who_did_what_and_who_tried() {
    let app = TestApp::start().await;
    let (clinic, other) = (app.clinic().await, app.clinic().await);
    let made = app.book(&clinic.admin, booking(&clinic, "2027-01-05T19:00:00Z")).await.unwrap();
    app.book(&other.admin, booking(&other, "2027-01-05T19:00:00Z")).await.unwrap();
    app.app.clock.advance(SignedDuration::from_mins(10));
    let foreign = slot(&other, "2027-01-06T19:00:00Z");
    let foreign = crate::harness::fixtures::booking_of(foreign);
    assert_eq!(reason(&app.book(&clinic.admin, foreign).await.unwrap_err()), "CLINIC_FORBIDDEN");

    let all = events(&app, &clinic, pb::ListAuditEventsRequest::default()).await;
    let actions: Vec<&str> = all.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["BookAppointment", "BookAppointment", "CreateProvider", "CreateOrganisation"]);
    assert_eq!(
        (all[0].outcome(), all[0].reason.as_str(), &all[0].resource_id),
        (pb::AuditOutcome::Refused, "CLINIC_FORBIDDEN", &other.id)
    );
    assert_eq!(
        (all[1].outcome(), &all[1].resource_id, all[1].actor.as_str()),
        (pb::AuditOutcome::Done, &made.id, "tester")
    );

    let filtered = |list: pb::ListAuditEventsRequest| {
        let (app, clinic) = (&app, &clinic);
        async move { events(app, clinic, list).await.len() }
    };
    let list = pb::ListAuditEventsRequest::default;
    assert_eq!(filtered(pb::ListAuditEventsRequest { resource_id: made.id, ..list() }).await, 1);
    assert_eq!(
        filtered(pb::ListAuditEventsRequest { outcome: pb::AuditOutcome::Refused.into(), ..list() }).await,
        1
    );
    assert_eq!(filtered(pb::ListAuditEventsRequest { action: "BookAppointment".into(), ..list() }).await, 2);
    assert_eq!(filtered(pb::ListAuditEventsRequest { actor: "system".into(), ..list() }).await, 1);
    let since = Some(instant("2026-11-22T12:05:00Z"));
    assert_eq!(
        filtered(pb::ListAuditEventsRequest {
            start_time: since,
            action: "BookAppointment".into(),
            ..list()
        })
        .await,
        1
    );
    assert_eq!(
        filtered(pb::ListAuditEventsRequest { end_time: since, action: "BookAppointment".into(), ..list() })
            .await,
        1
    );
    assert_eq!(filtered(pb::ListAuditEventsRequest { call_id: "call-1".into(), ..list() }).await, 0);
    // Looking is on record, too.
    assert_eq!(filtered(pb::ListAuditEventsRequest { action: "ListAuditEvents".into(), ..list() }).await, 8);
    let wrong = pb::ListAuditEventsRequest { outcome: 9, page_size: 201, page_token: "x".into(), ..list() };
    let status = app.audit().list_audit_events(with_token(&clinic.admin, wrong)).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_ARGUMENT");
}

#[tokio::test]
async fn events_come_a_page_at_a_time_without_gap_or_repetition() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for _ in 0..7 {
        app.book(&clinic.voice, pb::BookAppointmentRequest::default()).await.unwrap_err();
        app.clinics()
            .get_clinic(with_token(
                &clinic.admin,
                pb::GetClinicRequest { clinic_id: OrgId::generate().to_string() },
            ))
            .await
            .unwrap_err();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = pb::ListAuditEventsRequest {
            page_size: 3,
            page_token,
            action: "GetClinic".into(),
            ..Default::default()
        };
        let page = app.audit().list_audit_events(with_token(&clinic.admin, list)).await.unwrap().into_inner();
        seen.extend(page.events.into_iter().map(|event| event.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut once = seen.clone();
    once.dedup();
    assert_eq!((seen.len(), once.len()), (7, 7));
}

#[tokio::test]
async fn a_request_that_names_another_organisation_is_refused_and_on_record() {
    let app = TestApp::start().await;
    let (clinic, other) = (app.clinic().await, app.clinic().await);
    for (tool, argument, value) in [
        ("check_availability", "org_id", other.org.to_string()),
        ("book_appointment", "organizationId", "evil".to_owned()),
        ("cancel_appointment", "tenant_id", other.org.to_string()),
    ] {
        let (status, problem) = app
            .post(Some(&clinic.admin), &serde_json::json!({"tool": tool, "params": {argument: value}}))
            .await;
        assert_eq!(
            (status.as_u16(), &problem["reason"]),
            (403, &serde_json::json!("IDENTITY_MISMATCH")),
            "{argument}"
        );
    }
    // What fits is nobody's business, and neither is a tenant's name of somebody else's.
    for (argument, value) in [("org_id", clinic.org.to_string()), ("tenant_id", "elm-street".to_owned())] {
        let params = serde_json::json!({"date": "2027-01-05", argument: value});
        let (status, body) = app
            .post(Some(&clinic.admin), &serde_json::json!({"tool": "check_availability", "params": params}))
            .await;
        assert_eq!(status, 200, "{body}");
    }
    let refused =
        pb::ListAuditEventsRequest { outcome: pb::AuditOutcome::Refused.into(), ..Default::default() };
    let named: Vec<String> =
        events(&app, &clinic, refused).await.into_iter().map(|event| event.named_org_id).collect();
    assert_eq!(named, [other.org.to_string(), "evil".to_owned(), other.org.to_string()]);
    assert!(
        events(&app, &other, pb::ListAuditEventsRequest::default())
            .await
            .iter()
            .all(|event| event.reason.is_empty())
    );

    // A caller's number that is not the telephone network's is nobody's proof either.
    let bearer = format!("Bearer {}", clinic.voice);
    for (claimed, expected) in
        [("+1 718 555 0199", None), ("+10000000000", Some("IDENTITY_MISMATCH")), ("unknown", None)]
    {
        let metadata = [
            ("authorization", bearer.as_str()),
            ("x-caller-number", "+17185550199"),
            ("x-named-caller-number", claimed),
        ];
        let answer = app.identity().get_caller(with_metadata(pb::GetCallerRequest {}, &metadata)).await;
        assert_eq!(answer.err().map(|status| reason(&status)).as_deref(), expected, "{claimed}");
    }
}

/// An audit of two organisations over three days, sealed as it would be: each night, and once in between.
async fn sealed(app: &TestApp) -> Vec<Seal> {
    let mut seals = Vec::new();
    let clinics = [app.clinic().await, app.clinic().await];
    for day in 0..3 {
        for n in 0..10 {
            for clinic in &clinics {
                let token = app.token_for(clinic);
                let id = if n % 3 == 0 { clinic.id.clone() } else { OrgId::generate().to_string() };
                let _ = app
                    .clinics()
                    .get_clinic(with_token(&token, pb::GetClinicRequest { clinic_id: id }))
                    .await;
                let get = pb::ListAppointmentsRequest::default();
                app.appointments().list_appointments(with_token(&token, get)).await.unwrap();
            }
        }
        if day != 1 {
            seals.extend(seal(&app.database.operator()).await.unwrap());
        }
        app.app.clock.advance(SignedDuration::from_hours(24));
    }
    seals
}

#[tokio::test]
async fn an_audit_that_nobody_touched_is_as_it_was_sealed() {
    let app = TestApp::start().await;
    let seals = sealed(&app).await;
    let operator = app.database.operator();
    // A seal an organisation and day, over numbers without gaps; and nothing to seal a second time.
    assert_eq!(seals.len(), 6);
    let printed: Vec<Seal> = seals.iter().map(|seal| seal.to_string().parse().unwrap()).collect();
    assert_eq!(printed, seals);
    // Nothing is new: the last seals are printed once more, for whoever lost them.
    let again = seal(&operator).await.unwrap();
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|seal| seals.contains(seal)), "{again:?}");
    let rows = app.count("select count(*) from audit").await;
    let findings = verify(&operator, &seals).await.unwrap();
    assert_eq!((findings.sound, findings.faults.as_slice()), (rows, [].as_slice()));
    assert_eq!(app.count("select max(seq) - count(*) from audit_seal group by org_id limit 1").await, 0);
    // What is written afterwards is sealed afterwards.
    app.clinic().await;
    assert_eq!(verify(&operator, &seals).await.unwrap().faults, Vec::<String>::new());
    assert_eq!(verify(&operator, &seals).await.unwrap().unsealed, 2);
    assert_eq!(seal(&operator).await.unwrap().len(), 3);
}

#[tokio::test]
async fn of_two_who_seal_at_once_none_breaks_the_chain() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.clinic().await;
    }
    let operators = [app.database.operator(), app.database.operator(), app.database.operator()];
    let sealing = operators.iter().map(seal);
    futures::future::join_all(sealing).await;
    seal(&operators[0]).await.unwrap();
    let rows = app.count("select count(*) from audit").await;
    assert_eq!(app.count("select count(*) from audit_seal").await, rows);
    assert_eq!(verify(&operators[0], &[]).await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_seal_that_cannot_be_written_down_is_had_again() {
    let app = TestApp::start().await;
    app.clinic().await;
    app.clinic().await;
    let operator = app.database.operator();
    let full = |_: &Seal| Err(std::io::Error::other("no space left"));
    audit_seals::seal(&operator, full).await.unwrap_err();
    let seals = seal(&operator).await.unwrap();
    assert_eq!(seals.len(), 2);
    assert_eq!(verify(&operator, &seals).await.unwrap().faults, Vec::<String>::new());
    // What no row could have is not a seal, and neither is one of another day.
    for wrong in
        [Seal { seq: 0, ..seals[0].clone() }, Seal { day: "2020-01-01".parse().unwrap(), ..seals[0].clone() }]
    {
        assert_eq!(verify(&operator, &[wrong]).await.unwrap().faults.len(), 1);
    }
}

/// One row of all, by number.
async fn some_row(database: &mut PgConnection, n: u64) -> (String, String, i64) {
    let sql =
        "select org_id::text, audit_id::text, seq from audit_seal order by org_id, seq offset $1 limit 1";
    sqlx::query_as(sql).bind(i64::try_from(n).unwrap()).fetch_one(database).await.unwrap()
}

/// What somebody with all rights does to one row, and is not told of.
async fn tamper(database: &mut PgConnection, n: u64, rows: u64) -> String {
    let (org, id, seq) = some_row(database, scattered(n) % rows).await;
    let row = format!("org_id = '{org}' and audit_id = '{id}'");
    let number = format!("org_id = '{org}' and seq = {seq}");
    let set = |column: &str, to: &str| format!("update audit set {column} = {to} where {row}");
    let sql = match scattered(n + 7_919) % 16 {
        0 => set("actor", "'somebody'"),
        1 => set("actor_role", "'owner'"),
        2 => set("action", "'Nothing'"),
        3 => set("at", "at + interval '1 microsecond'"),
        4 => set("at", "'infinity'"),
        5 => set("resource_id", "coalesce(resource_id, '') || 'x'"),
        6 => set("resource", "case when resource is null then '' end"),
        7 => set("request_id", "case when request_id is null then 'x' else null end"),
        8 => set("call_id", "coalesce(call_id, '') || ' '"),
        9 => set("outcome", "case outcome when 'done' then 'refused' else 'done' end, reason = case outcome when 'done' then 'X' end"),
        10 => set("named_org_id", "coalesce(named_org_id, '') || '0'"),
        11 => format!("delete from audit where {row}"),
        12 => format!("delete from audit where {row}; delete from audit_seal where {number}"),
        // Two rows change places.
        13 => format!(
            "update audit_seal set audit_id = case audit_id when '{id}' then o.id else '{id}' end
            from (select audit_id as id from audit_seal where org_id = '{org}' and seq <> {seq} order by md5(seq::text || '{n}') limit 1) o
            where org_id = '{org}' and audit_id in ('{id}', o.id)"
        ),
        // The end is cut off, with its numbers.
        14 => format!(
            "delete from audit where org_id = '{org}' and audit_id in (select audit_id from audit_seal where org_id = '{org}' and seq >= {seq});
            delete from audit_seal where org_id = '{org}' and seq >= {seq}"
        ),
        _ => format!("update audit_seal set digest = sha256(digest) where {number}"),
    };
    database
        .execute(sqlx::raw_sql(AssertSqlSafe(sql.clone())))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    sql
}

/// 1,000 single manipulations as superuser, past keys and checks, each on its own.
#[tokio::test]
async fn whatever_is_done_to_a_sealed_audit_is_found() {
    let app = TestApp::start().await;
    let seals = sealed(&app).await;
    let rows = u64::try_from(app.count("select count(*) from audit").await).unwrap();
    let mut database = app.database.superuser().await;
    database.execute("alter table audit drop constraint audit_refusal_has_reason").await.unwrap();
    database.execute("alter table audit_seal drop constraint audit_seal_row_unique").await.unwrap();
    let operator = app.database.operator();
    for n in 0..1_000 {
        // Committed, so that the verifier sees it; and put back afterwards.
        database
            .execute(sqlx::raw_sql(
                "create table audit_kept as table audit; create table seal_kept as table audit_seal",
            ))
            .await
            .unwrap();
        database.execute("set session_replication_role = replica").await.unwrap();
        let what = tamper(&mut database, n, rows).await;
        let findings = verify(&operator, &seals).await.unwrap();
        assert!(!findings.faults.is_empty(), "{n}: not found: {what}");
        database
            .execute(sqlx::raw_sql(
                "truncate audit, audit_seal; insert into audit select * from audit_kept; insert into audit_seal select * from seal_kept;
                drop table audit_kept, seal_kept",
            ))
            .await
            .unwrap();
    }
    assert_eq!(verify(&operator, &seals).await.unwrap().faults, Vec::<String>::new());
    database.close().await.unwrap();
}

/// Whoever can write to the database can make a chain of their own. It is not the one whose seals were kept.
#[tokio::test]
async fn a_chain_that_was_made_anew_is_found_by_the_seals_outside() {
    let app = TestApp::start().await;
    let seals = sealed(&app).await;
    let mut database = app.database.superuser().await;
    let forge = "
        update audit set actor = 'somebody else' where audit_id = (select audit_id from audit_seal where seq = 5 limit 1);
        set session_replication_role = replica; delete from audit_seal";
    database.execute(sqlx::raw_sql(forge)).await.unwrap();
    let operator = app.database.operator();
    seal(&operator).await.unwrap();
    assert_eq!(verify(&operator, &[]).await.unwrap().faults, Vec::<String>::new());
    assert!(!verify(&operator, &seals).await.unwrap().faults.is_empty());
    // An organisation that is gone is missed.
    database
        .execute(sqlx::raw_sql("delete from audit_seal; delete from audit; delete from organisation"))
        .await
        .unwrap();
    assert_eq!(verify(&operator, &seals).await.unwrap().faults.len(), seals.len());
}
