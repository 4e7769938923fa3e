//! Patients' data and secrets, planted in every field of every request: they are in no log line at any level, no metric, and not in Postgres'
//! log. What the log lines hold is also looked at after every other test (`harness::canaries`).

use std::sync::Mutex;

use booking_service::domain::ids::AuditId;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _};
use tonic::{
    Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use crate::harness::{
    TestApp, canaries,
    fixtures::{VapiCall, booking},
    people::PASSWORD,
    with_metadata,
};

const CANARY: &str = "zqx-canary-7cf1";

/// Messages that are bytes already.
#[derive(Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use tonic::codegen::Bytes;
        prost::bytes::BufMut::put(buffer, Bytes::from(item));
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        let length = prost::bytes::Buf::remaining(buffer);
        prost::bytes::Buf::advance(buffer, length);
        Ok(Some(()))
    }
}

/// A message with the canary in each field that takes text, however deep.
fn planted(descriptor: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let value = if matches!(field.kind(), Kind::String) {
            Value::String(format!("{CANARY} {}", field.name()))
        } else if matches!(field.kind(), Kind::Bytes) {
            Value::Bytes(CANARY.as_bytes().to_vec().into())
        } else if let Some(inner) =
            field.kind().as_message().filter(|inner| !inner.full_name().starts_with("google."))
        {
            Value::Message(planted(inner))
        } else {
            continue;
        };
        message.set_field(&field, if field.is_list() { Value::List(vec![value]) } else { value });
    }
    message
}

#[tokio::test]
async fn what_is_said_in_confidence_is_in_no_log_and_no_metric() {
    canaries::watch(CANARY);
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let pool = DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut planted_in = 0;
    for service in pool.services().filter(|service| service.parent_file().package_name() == "booking.v1") {
        for method in service.methods() {
            use prost::Message as _;
            let message = planted(&method.input());
            planted_in += usize::from(message.descriptor().fields().len() > 0);
            let path = format!("/{}/{}", service.full_name(), method.name());
            for credential in [
                format!("Bearer {}", clinic.admin),
                format!("Bearer {}", clinic.voice),
                format!("Bearer {CANARY}"),
            ] {
                let metadata = [
                    ("authorization", credential.as_str()),
                    ("x-caller-number", CANARY),
                    ("x-named-org-id", if credential.contains(CANARY) { CANARY } else { "" }),
                    ("x-named-caller-number", CANARY),
                    ("idempotency-key", CANARY),
                ];
                let mut grpc = Grpc::new(app.grpc.clone());
                grpc.ready().await.unwrap();
                let request = with_metadata(message.encode_to_vec(), &metadata);
                let _ = grpc.unary(request, PathAndQuery::try_from(&path).unwrap(), Bytes).await;
            }
        }
    }
    assert!(planted_in > 25, "{planted_in}");
    happy_paths(&app).await;
    postgres_errors(&app).await;
    for server in [&app.gateway, &app.service_http] {
        let metrics = app.http.get(format!("{server}/metrics")).send().await.unwrap().text().await.unwrap();
        assert_eq!(canaries::found_in(&metrics), Vec::<String>::new());
    }
    assert_eq!(canaries::heard(), Vec::<String>::new());
    let log = postgres_log(&app).await;
    assert!(log.contains("violates check constraint"), "the server's log is another file");
    assert_eq!(canaries::found_in(&log), Vec::<String>::new());
}

/// Everything that people and machines do with their secrets, over HTTP, and a whole telephone call.
async fn happy_paths(app: &TestApp) {
    let sign_up = json!({"email": "canary@zqx.example", "password": PASSWORD, "full_name": "Zqx-canary-7cf1 Fennimore",
        "organization_name": "Oak", "clinic_name": "Oak Lane", "time_zone": "America/New_York", "provider_name": "Dr. Lee"});
    canaries::watch("canary@zqx.example");
    canaries::watch("Zqx-canary-7cf1 Fennimore");
    let (status, made) = app.post_to("/api/auth/signup", None, &sign_up).await;
    assert_eq!(status, 201);
    let admin = made["access_token"].as_str().unwrap();
    let (_, refreshed) =
        app.post_to("/api/auth/refresh", None, &json!({"refresh_token": made["refresh_token"]})).await;
    let (_, key) = app.post_to("/api/agent-keys", Some(admin), &json!({"name": "x", "voice": true})).await;
    let (_, webhook) = app.post_to("/api/webhook-credentials", Some(admin), &json!({"name": "x"})).await;
    for secret in [
        &made["refresh_token"],
        &refreshed["access_token"],
        &refreshed["refresh_token"],
        &key["key"],
        &webhook["secret"],
    ] {
        canaries::watch(secret.as_str().unwrap());
    }
    let call = VapiCall { id: "call-1", number: "+15550666777" };
    canaries::watch("5550666777");
    let arguments =
        json!({"patient_name": "Zqx-canary-7cf1 Fennimore", "time": "2027-01-05T14:00", "service": CANARY});
    let said = app.vapi(key["key"].as_str().unwrap(), &call, "book_appointment", arguments).await;
    let code = said.split("code is ").nth(1).unwrap().trim_end_matches('.').replace(' ', "");
    let arguments = json!({"confirmation_code": code, "reason": CANARY});
    let said = app.vapi(key["key"].as_str().unwrap(), &call, "cancel_appointment", arguments).await;
    assert!(said.starts_with("Cancelled"), "{said}");
    let (status, _) = app
        .post_to("/api/auth/signin", None, &json!({"email": "canary@zqx.example", "password": CANARY}))
        .await;
    assert_eq!(status, 401);
}

/// What Postgres refuses of the service's logins, with the row in its answer.
async fn postgres_errors(app: &TestApp) {
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, "2027-01-05T19:00:00Z")).await.unwrap();
    let mut service = app.database.service_login().await;
    let insert = format!(
        "set app.org_id = '{}'; insert into patient (org_id, patient_id, name, name_folded, phone, created_at)
        values ('{}', '{}', '{CANARY}', '{CANARY}', 'no {CANARY}', now())",
        clinic.org,
        clinic.org,
        AuditId::generate()
    );
    service.execute(sqlx::raw_sql(AssertSqlSafe(insert))).await.unwrap_err();
    let mut auth = app.database.login("frontdesk_auth").await.unwrap();
    let insert = format!(
        "insert into app_user (user_id, email, password_hash, created_at) values ('{}', '{CANARY}@EXAMPLE.com', '{CANARY}', now())",
        AuditId::generate()
    );
    auth.execute(sqlx::raw_sql(AssertSqlSafe(insert))).await.unwrap_err();
}

/// The log of the server that `./x test` starts, which lies beside its data.
async fn postgres_log(app: &TestApp) -> String {
    let mut superuser = app.database.superuser().await;
    let data: String = sqlx::query_scalar("show data_directory").fetch_one(&mut superuser).await.unwrap();
    let log = std::path::Path::new(&data).with_file_name("server.log");
    String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned()
}

#[test]
fn whoever_listens_for_secrets_hears_them() {
    static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    canaries::watch("a secret of this test");
    tracing::subscriber::with_default(canaries::listener(&HEARD), || {
        tracing::trace!(target: "some_other_crate", value = "a secret of this test");
        tracing::info_span!("a span", secret = "a secret of this test").in_scope(|| tracing::info!("in it"));
        tracing::error!("nothing");
    });
    assert_eq!(HEARD.lock().unwrap().len(), 2);
}
