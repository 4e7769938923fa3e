//! Keys of machines: what they open, what they are limited to, and when they end.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use proto::booking::v1 as pb;
use serde_json::json;
use tonic::Code;

use crate::harness::{
    TestApp,
    fixtures::{VapiCall, booking, direct_booking, instant, reason, refusal, slot},
    with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

fn scope() -> pb::MachineScope {
    pb::MachineScope::default()
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_books_in_either_header() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let body = json!({"name": "Vapi assistant", "voice": true});
    let (status, made) = app.post_to("/api/agent-keys", Some(&clinic.admin), &body).await;
    assert_eq!((status, &made["voice"]), (201, &json!(true)), "{made}");
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("fdk_"), "{key}");
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let arguments = json!({"patient_name": "Dana Whitfield", "time": "2027-01-05T14:00"});
    let said = app.vapi(key, &call, "book_appointment", arguments).await;
    assert!(said.starts_with("Booked: "), "{said}");
    let url = format!("{}/api/vapi/tools", app.gateway);
    let find = call.message(&[("tc_2", "find_appointments", json!({}))]);
    let found = app.http.post(url).header("x-vapi-secret", key).json(&find).send().await.unwrap();
    let found: serde_json::Value = found.json().await.unwrap();
    assert!(
        found["results"][0]["result"].as_str().unwrap().starts_with("There is one appointment"),
        "{found}"
    );

    let (status, list) = app.get_from("/api/agent-keys?page_size=10", Some(&clinic.admin)).await;
    assert_eq!((status, list["agent_keys"].as_array().unwrap().len()), (200, 1));
    assert!(list["agent_keys"][0]["last_used_at"].as_str().unwrap().starts_with("2026-11-22T12:"), "{list}");
    assert!(!list.to_string().contains(key));
    assert_eq!(
        app.count("select count(*) from audit where actor like 'agent-key:%' and action = 'BookAppointment'")
            .await,
        1
    );
    let mut database = app.database.superuser().await;
    let kept: String =
        sqlx::query_scalar("select agent_key::text from agent_key").fetch_one(&mut database).await.unwrap();
    assert!(!kept.contains(key.split('_').nth(3).unwrap()), "the secret is in the table");
}

#[tokio::test]
async fn a_key_that_is_wrong_in_any_way_is_one_refusal() {
    let app = TestApp::start().await;
    let (clinic, other) = (app.clinic().await, app.clinic().await);
    let made = app.agent_key(&clinic, scope()).await;
    let theirs = app.agent_key(&other, scope()).await;
    let ask = async |key: &str| app.identity().get_caller(with_token(key, pb::GetCallerRequest {})).await;
    assert_eq!(ask(&made.key).await.unwrap().into_inner().org_id, clinic.org.to_string());
    // Another's secret, correctly summed, under our id; and all kinds of slips.
    let parts: Vec<&str> = made.key.split('_').collect();
    let secret = theirs.key.split('_').nth(3).unwrap();
    let body = format!("fdk_{}_{}_{secret}", parts[1], parts[2]);
    let swapped = format!("{body}_{}", checksum(&body));
    let upper = made.key.to_uppercase();
    for wrong in [swapped.as_str(), "fdk_", "fdk_a_b_c_d", &made.key[..made.key.len() - 1], &upper] {
        assert_eq!(
            refusal(ask(wrong).await),
            (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()),
            "{wrong}"
        );
    }
}

fn checksum(body: &str) -> String {
    use sha2::Digest as _;
    data_encoding::BASE32_NOPAD.encode(&sha2::Sha256::digest(body)[..4]).to_lowercase()
}

#[tokio::test]
async fn a_key_ends_when_it_is_revoked_here_at_once_and_elsewhere_within_seconds() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let elsewhere = app.second_service().await;
    let made = app.agent_key(&clinic, scope()).await;
    let ask = async |channel: tonic::transport::Channel| {
        let mut identity = proto::booking::v1::identity_service_client::IdentityServiceClient::new(channel);
        identity.get_caller(with_token(&made.key, pb::GetCallerRequest {})).await
    };
    ask(app.grpc.clone()).await.unwrap();
    ask(elsewhere.clone()).await.unwrap();
    let revoke = pb::RevokeAgentKeyRequest { agent_key_id: made.agent_key.unwrap().id };
    for _ in 0..2 {
        let revoked =
            app.identity().revoke_agent_key(with_token(&clinic.admin, revoke.clone())).await.unwrap();
        assert!(revoked.into_inner().agent_key.unwrap().revoke_time.is_some());
    }
    let revoked = Instant::now();
    assert_eq!(refusal(ask(app.grpc.clone()).await).0, Code::Unauthenticated);
    while ask(elsewhere.clone()).await.is_ok() {
        assert!(revoked.elapsed() < Duration::from_secs(8), "a revoked key is still believed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_key_ends_by_itself() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let create = |end: &str| pb::CreateAgentKeyRequest {
        name: "For a day".into(),
        scope: None,
        expire_time: Some(instant(end)),
    };
    let create = async |end| app.identity().create_agent_key(with_token(&clinic.admin, create(end))).await;
    assert_eq!(refusal(create("2026-11-22T12:00:00Z").await).1, "INVALID_ARGUMENT");
    let key = create("2026-11-22T13:00:00Z").await.unwrap().into_inner().key;
    let ask = async || app.identity().get_caller(with_token(&key, pb::GetCallerRequest {})).await;
    ask().await.unwrap();
    app.app.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(refusal(ask().await).0, Code::Unauthenticated);
}

#[tokio::test]
async fn a_key_for_one_clinic_sees_and_changes_nothing_at_another() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let second = app.second_clinic(&clinic).await;
    let elsewhere = pb::CreateProviderRequest { name: "Dr. Else".into(), clinic_ids: vec![second.clone()] };
    let elsewhere = app.clinics().create_provider(with_token(&clinic.admin, elsewhere)).await.unwrap();
    let elsewhere = elsewhere.into_inner().provider.unwrap().id;
    let mut there = slot(&clinic, TWO_PM);
    (there.clinic_id, there.provider_id) = (second.clone(), elsewhere.clone());
    let there = crate::harness::fixtures::booking_of(there);
    let hidden = app.book(&clinic.admin, there.clone()).await.unwrap();
    let limits = pb::MachineScope { clinic_ids: vec![clinic.id.clone()], ..scope() };
    let key = app.agent_key(&clinic, limits).await.key;

    let caller =
        app.identity().get_caller(with_token(&key, pb::GetCallerRequest {})).await.unwrap().into_inner();
    assert_eq!(caller.clinics.len(), 1);
    assert_eq!(refusal(app.book(&key, there).await).1, "CLINIC_FORBIDDEN");
    let get = pb::GetClinicRequest { clinic_id: second.clone() };
    assert_eq!(refusal(app.clinics().get_clinic(with_token(&key, get)).await).1, "CLINIC_FORBIDDEN");
    let clinics =
        app.clinics().list_clinics(with_token(&key, pb::ListClinicsRequest::default())).await.unwrap();
    assert_eq!(clinics.into_inner().clinics.len(), 1);
    let get = pb::GetProviderRequest { provider_id: elsewhere };
    assert_eq!(refusal(app.clinics().get_provider(with_token(&key, get)).await).1, "PROVIDER_NOT_FOUND");
    let providers =
        app.clinics().list_providers(with_token(&key, pb::ListProvidersRequest::default())).await.unwrap();
    assert_eq!(providers.into_inner().providers.len(), 1);
    for name in [
        pb::GetAppointmentRequest { appointment_id: hidden.id.clone(), ..Default::default() },
        pb::GetAppointmentRequest {
            confirmation_code: hidden.confirmation_code.clone(),
            ..Default::default()
        },
    ] {
        assert_eq!(
            refusal(app.appointments().get_appointment(with_token(&key, name)).await).1,
            "APPOINTMENT_NOT_FOUND"
        );
    }
    let cancel = pb::CancelAppointmentRequest { appointment_id: hidden.id, ..Default::default() };
    assert_eq!(
        refusal(app.appointments().cancel_appointment(with_token(&key, cancel)).await).1,
        "APPOINTMENT_NOT_FOUND"
    );
    let list = pb::ListAppointmentsRequest::default();
    let listed = app.appointments().list_appointments(with_token(&key, list)).await.unwrap().into_inner();
    assert_eq!(listed.appointments.len(), 0);
    let list = pb::ListAppointmentsRequest { clinic_id: second, ..Default::default() };
    assert_eq!(
        refusal(app.appointments().list_appointments(with_token(&key, list)).await).1,
        "CLINIC_FORBIDDEN"
    );

    // At its own clinic it does everything, without naming it.
    let mut unnamed = slot(&clinic, TWO_PM);
    (unnamed.clinic_id, unnamed.provider_id) = Default::default();
    app.book(&key, crate::harness::fixtures::booking_of(unnamed)).await.unwrap();
}

#[tokio::test]
async fn a_key_for_one_clinic_does_not_get_by_repetition_what_another_one_booked_elsewhere() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let second = app.second_clinic(&clinic).await;
    let assign =
        pb::AssignProviderRequest { provider_id: clinic.provider.clone(), clinic_id: second.clone() };
    app.clinics().assign_provider(with_token(&clinic.admin, assign)).await.unwrap();
    let mut there = slot(&clinic, TWO_PM);
    there.clinic_id = second;
    let there = crate::harness::fixtures::booking_of(there);
    app.book_once(&clinic.admin, "key", there.clone()).await.unwrap();
    let limits = pb::MachineScope { clinic_ids: vec![clinic.id.clone()], ..scope() };
    let key = app.agent_key(&clinic, limits).await.key;
    let again = app.book_once(&key, "key", there).await;
    assert_eq!(refusal(again), (Code::NotFound, "APPOINTMENT_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_key_for_several_clinics_has_to_name_one_of_them() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let second = app.second_clinic(&clinic).await;
    app.second_clinic(&clinic).await;
    let limits = pb::MachineScope { clinic_ids: vec![clinic.id.clone(), second.clone()], ..scope() };
    let key = app.agent_key(&clinic, limits).await.key;
    let mut unnamed = slot(&clinic, TWO_PM);
    unnamed.clinic_id = String::new();
    let status = app.book(&key, crate::harness::fixtures::booking_of(unnamed)).await.unwrap_err();
    assert_eq!(reason(&status), "CLINIC_REQUIRED");
    assert_eq!(status.message().matches("clinic_id").count(), 2, "{}", status.message());
}

#[tokio::test]
async fn a_key_for_some_tools_can_do_nothing_else() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let limits = pb::MachineScope { tools: vec!["book_appointment".into()], ..scope() };
    let key = app.agent_key(&clinic, limits).await.key;
    let made = app.book(&key, booking(&clinic, TWO_PM)).await.unwrap();
    let cancel = pb::CancelAppointmentRequest { appointment_id: made.id, ..Default::default() };
    let answer = app.appointments().cancel_appointment(with_token(&key, cancel)).await;
    assert_eq!(refusal(answer), (Code::PermissionDenied, "TOOL_NOT_ALLOWED".to_owned()));
    let body = json!({"tool": "check_availability", "params": {"date": "2027-01-05"}});
    let (status, problem) = app.post(Some(&key), &body).await;
    assert_eq!((status.as_u16(), &problem["reason"]), (403, &json!("TOOL_NOT_ALLOWED")));
    let (status, _) = app.post(Some(&key), &direct_booking(&clinic, "2027-01-06T19:00:00Z")).await;
    assert_eq!(status, 200);
    assert_eq!(app.count("select count(*) from audit where reason = 'TOOL_NOT_ALLOWED'").await, 2);
}

#[tokio::test]
async fn the_limits_of_a_new_key_are_the_organisations_own() {
    let app = TestApp::start().await;
    let (clinic, other) = (app.clinic().await, app.clinic().await);
    let foreign = json!({"name": "x", "clinic_ids": [other.id]});
    let (status, problem) = app.post_to("/api/agent-keys", Some(&clinic.admin), &foreign).await;
    assert_eq!((status, &problem["reason"]), (403, &json!("CLINIC_FORBIDDEN")));
    let wrong = json!({"name": " ", "clinic_ids": ["x"], "tools": ["drop_table"]});
    let (status, problem) = app.post_to("/api/agent-keys", Some(&clinic.admin), &wrong).await;
    let names: Vec<_> =
        problem["invalid_params"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
    assert_eq!((status, names), (400, vec![json!("name"), json!("clinic_ids"), json!("tools")]), "{problem}");
    // A limit that is misspelled is no limit, so it is refused; and who is not let in hears of nothing else.
    let nothing = json!({"name": "x", "tools": []});
    assert_eq!(app.post_to("/api/agent-keys", Some(&clinic.admin), &nothing).await.0, 400);
    let misspelled = json!({"name": "x", "clinics": [clinic.id]});
    assert_eq!(app.post_to("/api/agent-keys", Some(&clinic.admin), &misspelled).await.0, 400);
    assert_eq!(app.post_to("/api/agent-keys", None, &misspelled).await.0, 401);
    assert_eq!(app.post_to("/api/agent-keys", Some(&clinic.voice), &json!({"name": "x"})).await.0, 403);
    assert_eq!(app.count("select count(*) from agent_key").await, 0);
    // An address that is no text is a problem like any other.
    for (method, path) in [
        ("DELETE", "/api/agent-keys/%FF"),
        ("DELETE", "/api/webhook-credentials/%FF"),
        ("GET", "/api/agent-keys?page_size=x"),
    ] {
        let url = format!("{}{path}", app.gateway);
        let request = app.http.request(method.parse().unwrap(), url).bearer_auth(&clinic.admin);
        let problem: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(problem["reason"], "UNREADABLE", "{path}");
    }
}
