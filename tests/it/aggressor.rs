//! Scenario 4: somebody of one organisation goes for another's things, through the API and, as the service itself would, in Postgres.

use booking_service::caller::Role;
use proto::booking::v1 as pb;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking, direct_booking, reason},
    token, with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

/// What the aggressor's organisation has on record as refused.
async fn attempts(app: &TestApp, clinic: &Clinic) -> Vec<(String, String)> {
    let list = pb::ListAuditEventsRequest { outcome: pb::AuditOutcome::Refused.into(), ..Default::default() };
    let events =
        app.audit().list_audit_events(with_token(&clinic.admin, list)).await.unwrap().into_inner().events;
    events.into_iter().map(|event| (event.action, event.resource_id)).collect()
}

/// The service's own login, told that it is the aggressor's organisation.
async fn as_aggressor(app: &TestApp, clinic: &Clinic) -> PgConnection {
    let mut service = app.database.service_login().await;
    service.execute(AssertSqlSafe(format!("set app.org_id = '{}'", clinic.org))).await.unwrap();
    service
}

async fn victim_and_aggressor(app: &TestApp) -> (Clinic, pb::Appointment, Clinic) {
    let (victim, aggressor) = (app.clinic().await, app.clinic().await);
    let made = app.book(&victim.admin, booking(&victim, TWO_PM)).await.unwrap();
    (victim, made, aggressor)
}

/// Nothing of the victim's has changed.
async fn is_untouched(app: &TestApp, appointment: &pb::Appointment) -> bool {
    let mut database = app.database.superuser().await;
    let sql = "select count(*) = 1 and bool_and(state = 'booked' and appointment_id::text = $1 and version = 1) from appointment";
    sqlx::query_scalar(sql).bind(&appointment.id).fetch_one(&mut database).await.unwrap()
}

#[tokio::test]
async fn case_4_1_another_organisations_appointments_are_not_read() {
    let app = TestApp::start().await;
    let (victim, made, aggressor) = victim_and_aggressor(&app).await;
    for get in [
        pb::GetAppointmentRequest { appointment_id: made.id.clone(), ..Default::default() },
        pb::GetAppointmentRequest { confirmation_code: made.confirmation_code.clone(), ..Default::default() },
    ] {
        let status = app.appointments().get_appointment(with_token(&aggressor.admin, get)).await.unwrap_err();
        assert_eq!(reason(&status), "APPOINTMENT_NOT_FOUND");
    }
    let list = pb::ListAppointmentsRequest { clinic_id: victim.id.clone(), ..Default::default() };
    let status = app.appointments().list_appointments(with_token(&aggressor.admin, list)).await.unwrap_err();
    assert_eq!(reason(&status), "CLINIC_FORBIDDEN");
    let body = json!({"tool": "find_appointments", "params": {"clinic_id": victim.id}});
    assert_eq!(app.post(Some(&aggressor.admin), &body).await.0, 403);
    let seen: i64 = sqlx::query_scalar("select count(*) from appointment")
        .fetch_one(&mut as_aggressor(&app, &aggressor).await)
        .await
        .unwrap();
    assert_eq!(seen, 0);
    assert_eq!(attempts(&app, &aggressor).await.len(), 4);
    assert_eq!(attempts(&app, &victim).await, []);
}

#[tokio::test]
async fn case_4_2_nothing_is_booked_at_another_organisations_clinic() {
    let app = TestApp::start().await;
    let (victim, made, aggressor) = victim_and_aggressor(&app).await;
    let (status, problem) =
        app.post(Some(&aggressor.admin), &direct_booking(&victim, "2027-01-06T14:00:00Z")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (403, &json!("FORBIDDEN")));
    let insert = format!(
        "insert into appointment (org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, block_from, block_to, state,
            confirmation_code, created_at, updated_at)
        values ('{}', '{}', '{}', '{}', null, now(), now() + interval '30 min', now(), now() + interval '30 min', 'held', '234567', now(), now())",
        victim.org, aggressor.id, victim.id, victim.provider
    );
    let refused = as_aggressor(&app, &aggressor).await.execute(AssertSqlSafe(insert)).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
    assert!(is_untouched(&app, &made).await);
    assert_eq!(attempts(&app, &aggressor).await, [("BookAppointment".to_owned(), victim.id)]);
}

#[tokio::test]
async fn case_4_3_another_organisations_things_are_not_changed() {
    let app = TestApp::start().await;
    let (victim, made, aggressor) = victim_and_aggressor(&app).await;
    let assign =
        pb::AssignProviderRequest { provider_id: victim.provider.clone(), clinic_id: aggressor.id.clone() };
    let status = app.clinics().assign_provider(with_token(&aggressor.admin, assign)).await.unwrap_err();
    assert_eq!(reason(&status), "PROVIDER_NOT_FOUND");
    let update = format!("update appointment set state = 'cancelled' where appointment_id = '{}'", made.id);
    let done = as_aggressor(&app, &aggressor).await.execute(AssertSqlSafe(update)).await.unwrap();
    assert_eq!(done.rows_affected(), 0);
    assert!(is_untouched(&app, &made).await);
    assert_eq!(attempts(&app, &aggressor).await, [("AssignProvider".to_owned(), victim.provider)]);
}

#[tokio::test]
async fn case_4_4_another_organisations_appointments_are_not_called_off_or_deleted() {
    let app = TestApp::start().await;
    let (victim, made, aggressor) = victim_and_aggressor(&app).await;
    let cancel = pb::CancelAppointmentRequest { appointment_id: made.id.clone(), ..Default::default() };
    let status =
        app.appointments().cancel_appointment(with_token(&aggressor.admin, cancel)).await.unwrap_err();
    assert_eq!(reason(&status), "APPOINTMENT_NOT_FOUND");
    for table in ["appointment", "patient", "clinic", "audit"] {
        let delete = format!("delete from {table} where org_id = '{}'", victim.org);
        let refused = as_aggressor(&app, &aggressor).await.execute(AssertSqlSafe(delete)).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{table}");
    }
    assert!(is_untouched(&app, &made).await);
    assert_eq!(attempts(&app, &aggressor).await, [("CancelAppointment".to_owned(), made.id)]);
}

#[tokio::test]
async fn case_4_5_a_token_with_another_organisation_written_into_it_is_refused() {
    let app = TestApp::start().await;
    let (victim, made, aggressor) = victim_and_aggressor(&app).await;
    let [head, claims, signature]: [&str; 3] =
        aggressor.admin.split('.').collect::<Vec<_>>().try_into().unwrap();
    let claims =
        String::from_utf8(data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    let forged = claims.replace(&aggressor.org.to_string(), &victim.org.to_string());
    assert_ne!(claims, forged);
    let tampered = format!("{head}.{}.{signature}", data_encoding::BASE64URL_NOPAD.encode(forged.as_bytes()));
    let (status, problem) = app.post(Some(&tampered), &direct_booking(&victim, "2027-01-06T14:00:00Z")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("UNAUTHORIZED")));
    assert!(is_untouched(&app, &made).await);
    assert_eq!(app.count("select count(*) from auth_failure where action = 'BookAppointment'").await, 1);
}

#[tokio::test]
async fn case_4_6_each_refused_attempt_is_on_record_at_home_with_what_was_named() {
    let app = TestApp::start().await;
    let (victim, made, aggressor) = victim_and_aggressor(&app).await;
    let small = token(aggressor.org, Role::Staff, false);
    let get = pb::GetClinicRequest { clinic_id: victim.id.clone() };
    app.clinics().get_clinic(with_token(&small, get)).await.unwrap_err();
    let get = pb::GetAppointmentRequest { appointment_id: made.id.clone(), ..Default::default() };
    app.appointments().get_appointment(with_token(&small, get)).await.unwrap_err();
    let invite = pb::InviteMemberRequest { email: "eve@example.com".into(), role: pb::Role::Admin.into() };
    app.identity().invite_member(with_token(&small, invite)).await.unwrap_err();
    let named = json!({"tool": "check_availability", "params": {"date": "2027-01-05", "org_id": victim.org.to_string()}});
    assert_eq!(app.post(Some(&small), &named).await.0, 403);
    // What is wrong with a request is no attempt at anything, and neither is a slot that is taken.
    app.book(&aggressor.admin, pb::BookAppointmentRequest::default()).await.unwrap_err();

    let list = pb::ListAuditEventsRequest { outcome: pb::AuditOutcome::Refused.into(), ..Default::default() };
    let events =
        app.audit().list_audit_events(with_token(&aggressor.admin, list)).await.unwrap().into_inner().events;
    let found: Vec<(&str, &str, &str)> = events
        .iter()
        .map(|event| {
            (
                event.action.as_str(),
                event.reason.as_str(),
                if event.resource_id.is_empty() {
                    event.named_org_id.as_str()
                } else {
                    event.resource_id.as_str()
                },
            )
        })
        .collect();
    let victims_org = victim.org.to_string();
    assert_eq!(
        found,
        [
            ("SearchSlots", "IDENTITY_MISMATCH", victims_org.as_str()),
            ("InviteMember", "ROLE_TOO_SMALL", ""),
            ("GetAppointment", "APPOINTMENT_NOT_FOUND", made.id.as_str()),
            ("GetClinic", "CLINIC_FORBIDDEN", victim.id.as_str()),
        ]
    );
    assert!(events.iter().all(|event| event.actor == "tester" && event.actor_role == "staff"));
    assert_eq!(attempts(&app, &victim).await, []);
}
