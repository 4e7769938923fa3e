//! Webhooks that are signed: what a good signature opens, and what every other one does.

use jiff::{SignedDuration, Timestamp};
use proto::booking::v1 as pb;
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, VapiCall, refusal, unauthenticated},
    people::signature,
    with_token,
};

const SECRET: &str = "a-secret-of-some-length";

#[derive(Deserialize)]
struct Vector {
    name: String,
    plan: Plan,
    method: String,
    url: String,
    body_file: String,
    headers: std::collections::BTreeMap<String, String>,
    clock_ms: i64,
    valid: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    algorithm: String,
    signature_header: String,
    timestamp_header: String,
    signature_prefix: String,
    include_timestamp: bool,
    payload_format: String,
    signature_encoding: String,
    secret_is_base64: bool,
    secret_key: String,
    #[serde(default)]
    message_id_header: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../corpus/hmac-vectors.json")).unwrap()
}

fn body() -> String {
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    call.message(&[("tc_1", "check_availability", json!({"date": "2027-01-05"}))]).to_string()
}

/// Posts a body to the webhook as a sender who signs it does.
async fn post(app: &TestApp, id: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let url = format!("{}/api/vapi/webhook?credential={id}", app.gateway);
    let mut request = app.http.post(url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn signed(app: &TestApp, id: &str, secret: &str, body: &str) -> (u16, Value) {
    let timestamp = app.app.clock.now().as_millisecond().to_string();
    let signature = signature(secret, &format!("{timestamp}.{body}"));
    post(app, id, &[("x-signature", &signature), ("x-timestamp", &timestamp)], body).await
}

async fn usual(app: &TestApp, clinic: &Clinic) -> String {
    app.webhook_credential(clinic, pb::SignaturePlan::default(), SECRET).await.webhook_credential.unwrap().id
}

#[tokio::test]
async fn every_known_way_to_sign_is_understood() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let vectors = vectors();
    assert!(vectors.len() >= 7);
    for vector in vectors {
        let Vector { name, plan, method, url, body_file, headers, clock_ms, valid } = vector;
        let at = Timestamp::from_millisecond(clock_ms).unwrap();
        app.app.clock.advance(at.duration_since(app.app.clock.now()));
        let admin = Clinic { admin: app.token_for(&clinic), ..clinic.clone() };
        let made = pb::SignaturePlan {
            algorithm: plan.algorithm,
            signature_header: plan.signature_header,
            timestamp_header: plan.timestamp_header,
            signature_prefix: plan.signature_prefix,
            without_timestamp: !plan.include_timestamp,
            payload_format: plan.payload_format,
            message_id_header: plan.message_id_header,
            signature_encoding: plan.signature_encoding,
            secret_is_base64: plan.secret_is_base64,
        };
        let made = app.webhook_credential(&admin, made, &plan.secret_key).await.webhook_credential.unwrap();
        let path = format!("{}/corpus/{body_file}", env!("CARGO_MANIFEST_DIR"));
        let message = pb::ExchangeWebhookSignatureRequest {
            webhook_credential_id: made.id,
            method,
            url,
            headers: headers.into_iter().map(|(name, value)| pb::HttpHeader { name, value }).collect(),
            body: std::fs::read(path).unwrap(),
        };
        let answer = app.identity().exchange_webhook_signature(message).await;
        assert_eq!(answer.is_ok(), valid, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_signed_webhook_is_answered_and_its_signature_is_good_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let id = usual(&app, &clinic).await;
    let body = body();
    let timestamp = app.app.clock.now().as_millisecond().to_string();
    let signature = signature(SECRET, &format!("{timestamp}.{body}"));
    let headers = [("x-signature", signature.as_str()), ("x-timestamp", timestamp.as_str())];
    let (status, answer) = post(&app, &id, &headers, &body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["results"][0]["result"].as_str().unwrap().starts_with("Free on "), "{answer}");
    let (status, answer) = post(&app, &id, &headers, &body).await;
    assert_eq!((status, &answer["code"]), (401, &json!("UNAUTHORIZED")));
    // It speaks for callers on the telephone, and only within its own organisation.
    let (status, answer) =
        signed(&app, &id, SECRET, &body.replace("check_availability", "find_appointments")).await;
    assert_eq!((status, &answer["results"][0]["result"]), (200, &json!("I find no coming appointment.")));
    assert_eq!(
        app.count(
            "select count(*) from audit where actor like 'webhook-credential:%' and org_id is not null"
        )
        .await,
        1
    );
}

/// What is tried, under whose name, with which headers and body.
type Attempt<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn whatever_else_comes_under_its_name_is_one_refusal_and_does_nothing() {
    let app = TestApp::start().await;
    let (clinic, other) = (app.clinic().await, app.clinic().await);
    let (id, theirs) = (usual(&app, &clinic).await, usual(&app, &other).await);
    let arguments = json!({"patient_name": "Dana Whitfield", "time": "2027-01-05T14:00"});
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let body = call.message(&[("tc_1", "book_appointment", arguments)]).to_string();
    let now = app.app.clock.now().as_millisecond();
    let sign = |timestamp: i64, secret: &str| signature(secret, &format!("{timestamp}.{body}"));
    let good = sign(now, SECRET);
    let old = now - 301_000;
    let unknown = crate::harness::people::unknown_webhook_credential(&clinic);
    let [now_text, old_text] = [now, old].map(|time| time.to_string());
    let attempts: [Attempt<'_>; 9] = [
        ("no headers", &id, &[], &body),
        ("no time", &id, &[("x-signature", &good)], &body),
        (
            "another secret",
            &id,
            &[("x-signature", &sign(now, "another secret, as long")), ("x-timestamp", &now_text)],
            &body,
        ),
        ("too old", &id, &[("x-signature", &sign(old, SECRET)), ("x-timestamp", &old_text)], &body),
        ("another time", &id, &[("x-signature", &good), ("x-timestamp", &old_text)], &body),
        ("another body", &id, &[("x-signature", &good), ("x-timestamp", &now_text)], "{}"),
        (
            "another organisation's",
            &theirs,
            &[("x-signature", &good[1..]), ("x-timestamp", &now_text)],
            &body,
        ),
        ("nobody's", &unknown, &[("x-signature", &good), ("x-timestamp", &now_text)], &body),
        ("nonsense", "fdw_x", &[("x-signature", &good), ("x-timestamp", &now_text)], &body),
    ];
    for (what, id, headers, body) in attempts {
        let (status, answer) = post(&app, id, headers, body).await;
        assert_eq!((status, &answer["reason"]), (401, &json!("UNAUTHENTICATED")), "{what}");
    }
    // A credential in a header counts, and the signature does not help a bad one.
    let url = format!("{}/api/vapi/webhook?credential={id}", app.gateway);
    let both = app
        .http
        .post(url)
        .bearer_auth("nonsense")
        .header("x-signature", &good)
        .header("x-timestamp", &now_text);
    assert_eq!(both.body(body.clone()).send().await.unwrap().status(), 401);
    assert_eq!(app.count("select count(*) from appointment").await, 0);
    // None of them has used it up.
    let (status, answer) =
        post(&app, &id, &[("x-signature", &good), ("x-timestamp", &now_text)], &body).await;
    assert!(status == 200 && answer.to_string().contains("Booked"), "{answer}");
}

#[tokio::test]
async fn of_many_who_replay_a_signature_at_once_one_is_served() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let id = usual(&app, &clinic).await;
    let body = body();
    let timestamp = app.app.clock.now().as_millisecond().to_string();
    let signature = signature(SECRET, &format!("{timestamp}.{body}"));
    let headers = [("x-signature", signature.as_str()), ("x-timestamp", timestamp.as_str())];
    let attempts = (0..12).map(|_| post(&app, &id, &headers, &body));
    let served =
        futures::future::join_all(attempts).await.into_iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(served, 1);
}

#[tokio::test]
async fn during_a_rotation_both_secrets_are_believed_and_afterwards_one() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let id = usual(&app, &clinic).await;
    let rotate = format!("/api/webhook-credentials/{id}/rotate");
    let (status, rotated) = app.post_to(&rotate, Some(&clinic.admin), &json!({})).await;
    assert_eq!(status, 200, "{rotated}");
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(new.len(), 64);
    for secret in [SECRET, new] {
        assert_eq!(signed(&app, &id, secret, &body()).await.0, 200);
        app.app.clock.advance(SignedDuration::from_secs(1));
    }
    app.app.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(signed(&app, &id, SECRET, &body()).await.0, 401);
    assert_eq!(signed(&app, &id, new, &body()).await.0, 200);
    // Revoked, it is nobody's at once; in the list it is still there, without any secret.
    let admin = app.token_for(&clinic);
    let url = format!("{}/api/webhook-credentials/{id}", app.gateway);
    let revoked: Value = app.http.delete(url).bearer_auth(&admin).send().await.unwrap().json().await.unwrap();
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    assert_eq!(signed(&app, &id, new, &format!("{} ", body())).await.0, 401);
    let (_, list) = app.get_from("/api/webhook-credentials", Some(&admin)).await;
    assert_eq!(list["webhook_credentials"][0]["id"], json!(id));
    assert!(
        !list.to_string().contains(new) && list["webhook_credentials"][0].get("secret").is_none(),
        "{list}"
    );
}

#[tokio::test]
async fn a_secret_lies_encrypted_and_opens_nowhere_else() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let (one, two) = (usual(&app, &clinic).await, usual(&app, &clinic).await);
    let mut database = app.database.superuser().await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select webhook_credential::text || encode(secret, 'escape') from webhook_credential",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert!(rows.iter().all(|row| !row.contains(SECRET)), "{rows:?}");
    // Swapped by somebody who can write to the table, they are no secrets any more.
    let swap = "
        update webhook_credential w set secret = other.secret
        from webhook_credential other
        where other.webhook_credential_id <> w.webhook_credential_id";
    sqlx::query(swap).execute(&mut database).await.unwrap();
    for id in [&one, &two] {
        assert_eq!(signed(&app, id, SECRET, &body()).await.0, 500);
    }
}

#[tokio::test]
async fn secrets_are_encrypted_anew_while_they_are_used() {
    use booking_service::{keys::Keys, ops::rotate_secrets::rotate_secrets, vault::Vault};
    let [old, new] = [Vault::generate_key().unwrap(), Vault::generate_key().unwrap()];
    let keys = |vault: &[Vec<u8>]| Keys { vault: Vault::new(vault).unwrap(), ..crate::harness::keys() };
    let database = crate::harness::database::TestDatabase::create().await;
    let url = database.service_url.clone();
    let rates = booking_service::config::Rates::UNLIMITED;
    let app = TestApp::configured(database, &url, 8, rates, keys(std::slice::from_ref(&old))).await;
    let (clinic, other) = (app.clinic().await, app.clinic().await);
    let ids = [usual(&app, &clinic).await, usual(&app, &clinic).await, usual(&app, &other).await];
    let rotate = pb::RotateWebhookSecretRequest {
        webhook_credential_id: ids[0].clone(),
        secret: "a-newer-secret,long".into(),
    };
    app.identity().rotate_webhook_secret(with_token(&clinic.admin, rotate)).await.unwrap();

    let operator = app.database.operator();
    operator.keys.replace(keys(&[new.clone(), old.clone()]));
    assert_eq!(rotate_secrets(&operator).await.unwrap(), 3);
    assert_eq!(rotate_secrets(&operator).await.unwrap(), 0);
    // The service goes on with both keys, and then with the new one alone.
    for vault in [vec![new.clone(), old], vec![new]] {
        app.app.keys.replace(keys(&vault));
        for id in &ids {
            assert_eq!(signed(&app, id, SECRET, &body()).await.0, 200);
            app.app.clock.advance(SignedDuration::from_millis(5));
        }
    }
}

#[tokio::test]
async fn a_plan_that_would_not_protect_is_refusal() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let body = json!({"name": "Vapi", "secret": "short", "plan": {
        "algorithm": "md5", "signature_encoding": "rot13", "payload_format": "{body}", "unknown": true,
    }});
    let (status, problem) = app.post_to("/api/webhook-credentials", Some(&clinic.admin), &body).await;
    assert_eq!(status, 400, "{problem}");
    assert_eq!(problem["invalid_params"][0]["name"], "plan.unknown");
    for (plan, names) in [
        (
            json!({"algorithm": "md5", "signature_encoding": "rot13"}),
            ["plan.algorithm", "plan.signature_encoding"].as_slice(),
        ),
        (json!({"payload_format": "{body}"}), &["plan.payload_format"]),
        (json!({"secret_is_base64": true}), &["secret"]),
        (json!({"signature_header": "Authorization"}), &["plan.signature_header"]),
        (json!({"timestamp_header": "X-Signature"}), &["plan.timestamp_header"]),
        (json!({"signature_prefix": "\u{0}"}), &["plan.signature_prefix"]),
    ] {
        let body = json!({"name": "Vapi", "secret": "a-secret,not-base64", "plan": plan});
        let (status, problem) = app.post_to("/api/webhook-credentials", Some(&clinic.admin), &body).await;
        let found: Vec<&str> = problem["invalid_params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["name"].as_str().unwrap())
            .collect();
        assert_eq!((status, found.as_slice()), (400, names));
    }
}

/// Whoever has no secret cannot make us compute one signature after another over a large body.
#[tokio::test]
async fn a_header_full_of_signatures_costs_no_more_than_one() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let plan = pb::SignaturePlan {
        algorithm: "sha512".into(),
        payload_format: "{timestamp}.{url}.{body}".into(),
        ..Default::default()
    };
    let id = app.webhook_credential(&clinic, plan, SECRET).await.webhook_credential.unwrap().id;
    let large = "x".repeat(4 << 20);
    let timestamp = app.app.clock.now().as_millisecond().to_string();
    let many = vec!["00".repeat(64); 100].join(" ");
    let headers = [("x-signature", many.as_str()), ("x-timestamp", timestamp.as_str())];
    let attempts = (0..4).map(|_| post(&app, &id, &headers, &large));
    let (answers, served) = tokio::join!(futures::future::join_all(attempts), async {
        app.identity().get_caller(with_token(&clinic.admin, pb::GetCallerRequest {})).await
    });
    // Each is answered within its deadline, and others meanwhile.
    assert!(answers.iter().all(|(status, _)| *status == 401), "{answers:?}");
    assert!(served.is_ok());
}

#[tokio::test]
async fn a_whole_webhook_fits_and_nothing_else_is_that_large() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let plan = pb::SignaturePlan { without_timestamp: true, ..Default::default() };
    let id = app.webhook_credential(&clinic, plan, SECRET).await.webhook_credential.unwrap().id;
    let large = "x".repeat(4 << 20);
    app.exchange(&id, &signature(SECRET, &large), &large).await.unwrap();
    let larger = "x".repeat(5 << 20);
    assert_eq!(refusal(app.exchange(&id, &signature(SECRET, &larger), &larger).await).1, "TOO_LARGE");
    let sign_in = crate::harness::people::sign_in("dana@example.com", &"x".repeat(300 << 10), "");
    assert_eq!(
        refusal(app.identity().sign_in(sign_in).await),
        (Code::InvalidArgument, "TOO_LARGE".to_owned())
    );
    let get = pb::GetClinicRequest { clinic_id: "x".repeat(300 << 10) };
    assert_eq!(refusal(app.clinics().get_clinic(with_token(&clinic.admin, get)).await).1, "TOO_LARGE");
    assert_eq!(refusal(app.exchange(&id, "", "").await), unauthenticated());
}
