//! `/api/agent-keys` and `/api/webhook-credentials`: what machines come with.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use proto::booking::v1 as pb;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{fields::Fields, incoming::Incoming};
use crate::{app::App, problem::Problem, tools::instant};

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    page_size: i32,
    page_token: String,
}

type AskedPage = Result<Query<Page>, QueryRejection>;
type AskedId = Result<Path<String>, PathRejection>;

pub(super) async fn create_agent_key(State(app): State<App>, incoming: Incoming) -> Response {
    let message = Fields::of(&incoming).and_then(|mut fields| {
        let (name, expire_time) = (fields.text("name"), fields.instant("expires_at"));
        let scope = Some(scope(&mut fields));
        fields.finish()?;
        Ok(pb::CreateAgentKeyRequest { name, scope, expire_time })
    });
    let message = match message {
        Ok(message) => message,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let made = app.upstream.create_agent_key(&incoming.context, message).await;
    incoming.respond(made.map_err(Into::into).map(|made| {
        let mut body = agent_key(made.agent_key.unwrap_or_default());
        body.insert("key".to_owned(), json!(made.key));
        (StatusCode::CREATED, Json(body)).into_response()
    }))
}

pub(super) async fn list_agent_keys(State(app): State<App>, page: AskedPage, incoming: Incoming) -> Response {
    let Page { page_size, page_token } = match asked(page) {
        Ok(page) => page,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let found = app
        .upstream
        .list_agent_keys(&incoming.context, pb::ListAgentKeysRequest { page_size, page_token })
        .await;
    incoming.respond(found.map_err(Into::into).map(|found| {
        let keys: Vec<_> = found.agent_keys.into_iter().map(agent_key).collect();
        Json(json!({ "agent_keys": keys, "next_page_token": found.next_page_token })).into_response()
    }))
}

pub(super) async fn revoke_agent_key(State(app): State<App>, id: AskedId, incoming: Incoming) -> Response {
    let message = match named(id) {
        Ok(agent_key_id) => pb::RevokeAgentKeyRequest { agent_key_id },
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let revoked = app.upstream.revoke_agent_key(&incoming.context, message).await;
    incoming.respond(
        revoked
            .map_err(Into::into)
            .map(|revoked| Json(agent_key(revoked.agent_key.unwrap_or_default())).into_response()),
    )
}

pub(super) async fn create_webhook_credential(State(app): State<App>, incoming: Incoming) -> Response {
    let message = Fields::of(&incoming).and_then(|mut fields| {
        let (name, secret) = (fields.text("name"), fields.text("secret"));
        let plan = fields.object("plan").map(|mut part| {
            let plan = plan(&mut part);
            fields.and("plan", part);
            plan
        });
        let scope = Some(scope(&mut fields));
        fields.finish()?;
        Ok(pb::CreateWebhookCredentialRequest { name, plan, scope, secret })
    });
    let message = match message {
        Ok(message) => message,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let made = app.upstream.create_webhook_credential(&incoming.context, message).await;
    incoming.respond(made.map_err(Into::into).map(|made| {
        let body = with_secret(made.webhook_credential, &made.secret);
        (StatusCode::CREATED, Json(body)).into_response()
    }))
}

pub(super) async fn list_webhook_credentials(
    State(app): State<App>,
    page: AskedPage,
    incoming: Incoming,
) -> Response {
    let Page { page_size, page_token } = match asked(page) {
        Ok(page) => page,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let message = pb::ListWebhookCredentialsRequest { page_size, page_token };
    let found = app.upstream.list_webhook_credentials(&incoming.context, message).await;
    incoming.respond(found.map_err(Into::into).map(|found| {
        let credentials: Vec<_> = found.webhook_credentials.into_iter().map(webhook_credential).collect();
        let body = json!({ "webhook_credentials": credentials, "next_page_token": found.next_page_token });
        Json(body).into_response()
    }))
}

pub(super) async fn rotate_webhook_secret(
    State(app): State<App>,
    id: AskedId,
    incoming: Incoming,
) -> Response {
    let message = Fields::of(&incoming).and_then(|mut fields| {
        let secret = fields.text("secret");
        fields.finish()?;
        Ok(pb::RotateWebhookSecretRequest { webhook_credential_id: named(id)?, secret })
    });
    let message = match message {
        Ok(message) => message,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let made = app.upstream.rotate_webhook_secret(&incoming.context, message).await;
    incoming.respond(
        made.map_err(Into::into)
            .map(|made| Json(with_secret(made.webhook_credential, &made.secret)).into_response()),
    )
}

pub(super) async fn revoke_webhook_credential(
    State(app): State<App>,
    id: AskedId,
    incoming: Incoming,
) -> Response {
    let message = match named(id) {
        Ok(webhook_credential_id) => pb::RevokeWebhookCredentialRequest { webhook_credential_id },
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let revoked = app.upstream.revoke_webhook_credential(&incoming.context, message).await;
    incoming.respond(revoked.map_err(Into::into).map(|revoked| {
        Json(webhook_credential(revoked.webhook_credential.unwrap_or_default())).into_response()
    }))
}

fn asked(page: AskedPage) -> Result<Page, Problem> {
    page.map(|Query(page)| page).map_err(|_| Problem::unreadable("page_size is not a number"))
}

fn named(id: AskedId) -> Result<String, Problem> {
    id.map(|Path(id)| id).map_err(|_| Problem::unreadable("the id is not text"))
}

fn scope(fields: &mut Fields) -> pb::MachineScope {
    pb::MachineScope {
        clinic_ids: fields.texts("clinic_ids"),
        tools: fields.texts("tools"),
        voice: fields.flag("voice"),
    }
}

fn plan(fields: &mut Fields) -> pb::SignaturePlan {
    pb::SignaturePlan {
        algorithm: fields.text("algorithm"),
        signature_header: fields.text("signature_header"),
        timestamp_header: fields.text("timestamp_header"),
        signature_prefix: fields.text("signature_prefix"),
        without_timestamp: fields.flag("without_timestamp"),
        payload_format: fields.text("payload_format"),
        message_id_header: fields.text("message_id_header"),
        signature_encoding: fields.text("signature_encoding"),
        secret_is_base64: fields.flag("secret_is_base64"),
    }
}

fn agent_key(key: pb::AgentKey) -> Map<String, Value> {
    let pb::AgentKey { id, name, scope, created_by, create_time, expire_time, last_use_time, revoke_time } =
        key;
    let mut body = Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("name".to_owned(), json!(name)),
        ("created_by".to_owned(), json!(created_by)),
        ("created_at".to_owned(), json!(instant(create_time.as_ref()))),
        ("expires_at".to_owned(), json!(instant(expire_time.as_ref()))),
        ("last_used_at".to_owned(), json!(instant(last_use_time.as_ref()))),
        ("revoked_at".to_owned(), json!(instant(revoke_time.as_ref()))),
    ]);
    body.extend(limits(scope.unwrap_or_default()));
    body
}

fn limits(scope: pb::MachineScope) -> [(String, Value); 3] {
    let pb::MachineScope { clinic_ids, tools, voice } = scope;
    [
        ("clinic_ids".to_owned(), json!(clinic_ids)),
        ("tools".to_owned(), json!(tools)),
        ("voice".to_owned(), json!(voice)),
    ]
}

fn webhook_credential(credential: pb::WebhookCredential) -> Map<String, Value> {
    let pb::WebhookCredential {
        id,
        name,
        plan,
        scope,
        created_by,
        create_time,
        previous_secret_expire_time,
        revoke_time,
    } = credential;
    let mut body = Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("name".to_owned(), json!(name)),
        ("plan".to_owned(), plan_json(plan.unwrap_or_default())),
        ("created_by".to_owned(), json!(created_by)),
        ("created_at".to_owned(), json!(instant(create_time.as_ref()))),
        ("previous_secret_until".to_owned(), json!(instant(previous_secret_expire_time.as_ref()))),
        ("revoked_at".to_owned(), json!(instant(revoke_time.as_ref()))),
    ]);
    body.extend(limits(scope.unwrap_or_default()));
    body
}

fn plan_json(plan: pb::SignaturePlan) -> Value {
    let pb::SignaturePlan {
        algorithm,
        signature_header,
        timestamp_header,
        signature_prefix,
        without_timestamp,
        payload_format,
        message_id_header,
        signature_encoding,
        secret_is_base64,
    } = plan;
    json!({
        "algorithm": algorithm,
        "signature_header": signature_header,
        "timestamp_header": timestamp_header,
        "signature_prefix": signature_prefix,
        "without_timestamp": without_timestamp,
        "payload_format": payload_format,
        "message_id_header": message_id_header,
        "signature_encoding": signature_encoding,
        "secret_is_base64": secret_is_base64,
    })
}

fn with_secret(credential: Option<pb::WebhookCredential>, secret: &str) -> Map<String, Value> {
    let mut body = webhook_credential(credential.unwrap_or_default());
    body.insert("secret".to_owned(), json!(secret));
    body
}
