//! `/api/auth`: people sign up, in and out.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use proto::booking::v1 as pb;
use serde_json::{Map, Value, json};

use super::{fields::Fields, incoming::Incoming};
use crate::{app::App, problem::Problem};

pub(super) async fn sign_up(State(app): State<App>, incoming: Incoming) -> Response {
    let answer = async {
        let mut fields = Fields::of(&incoming)?;
        let message = pb::SignUpRequest {
            email: fields.text("email"),
            password: fields.text("password"),
            full_name: fields.text("full_name"),
            organization_name: fields.text("organization_name"),
            clinic_name: fields.text("clinic_name"),
            time_zone: fields.text("time_zone"),
            provider_name: fields.text("provider_name"),
        };
        fields.finish()?;
        let pb::SignUpResponse { session, clinic } = app.upstream.sign_up(&incoming.context, message).await?;
        let mut body = signed_in(session.unwrap_or_default());
        let pb::CallerClinic { clinic_id, name, time_zone, .. } = clinic.unwrap_or_default();
        body.insert("clinic".to_owned(), json!({ "id": clinic_id, "name": name, "time_zone": time_zone }));
        Ok((StatusCode::CREATED, Json(body)).into_response())
    };
    incoming.respond(answer.await)
}

pub(super) async fn sign_in(State(app): State<App>, incoming: Incoming) -> Response {
    let answer = async {
        let mut fields = Fields::of(&incoming)?;
        let message = pb::SignInRequest {
            email: fields.text("email"),
            password: fields.text("password"),
            org_id: fields.text("org_id"),
        };
        fields.finish()?;
        Ok(session(app.upstream.sign_in(&incoming.context, message).await?.session))
    };
    incoming.respond(answer.await)
}

pub(super) async fn refresh(State(app): State<App>, incoming: Incoming) -> Response {
    let answer = async {
        let mut fields = Fields::of(&incoming)?;
        let message = pb::RefreshSessionRequest { refresh_token: fields.text("refresh_token") };
        fields.finish()?;
        Ok(session(app.upstream.refresh_session(&incoming.context, message).await?.session))
    };
    incoming.respond(answer.await)
}

pub(super) async fn sign_out(State(app): State<App>, incoming: Incoming) -> Response {
    let answer = async {
        let mut fields = Fields::of(&incoming)?;
        let message = pb::SignOutRequest { refresh_token: fields.text("refresh_token") };
        fields.finish()?;
        let pb::SignOutResponse {} = app.upstream.sign_out(&incoming.context, message).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    incoming.respond(answer.await)
}

pub(super) async fn accept_invitation(State(app): State<App>, incoming: Incoming) -> Response {
    let answer = async {
        let mut fields = Fields::of(&incoming)?;
        let message = pb::AcceptInvitationRequest {
            invitation_token: fields.text("invitation_token"),
            password: fields.text("password"),
            full_name: fields.text("full_name"),
        };
        fields.finish()?;
        Ok(session(app.upstream.accept_invitation(&incoming.context, message).await?.session))
    };
    incoming.respond(answer.await)
}

pub(super) async fn me(State(app): State<App>, incoming: Incoming) -> Response {
    let answer = async {
        let profile = app.upstream.get_profile(&incoming.context).await?.profile;
        Ok(Json(who(&profile.unwrap_or_default())).into_response())
    };
    incoming.respond(answer.await)
}

fn session(session: Option<pb::Session>) -> Response {
    Json(signed_in(session.unwrap_or_default())).into_response()
}

/// As OAuth names it (RFC 6749, 5.1), with who it is.
fn signed_in(session: pb::Session) -> Map<String, Value> {
    let pb::Session { access_token, expires_in_seconds, refresh_token, profile } = session;
    let mut body = Map::from_iter([
        ("access_token".to_owned(), json!(access_token)),
        ("refresh_token".to_owned(), json!(refresh_token)),
        ("token_type".to_owned(), json!("Bearer")),
        ("expires_in".to_owned(), json!(expires_in_seconds)),
    ]);
    body.extend(who(&profile.unwrap_or_default()));
    body
}

fn who(profile: &pb::Profile) -> Map<String, Value> {
    let pb::Profile { user_id, email, full_name, role: _, org_id, org_name } = profile;
    let role = role(profile.role());
    Map::from_iter([
        ("user".to_owned(), json!({ "id": user_id, "email": email, "full_name": full_name, "role": role })),
        ("organization".to_owned(), json!({ "id": org_id, "name": org_name })),
    ])
}

fn role(role: pb::Role) -> &'static str {
    match role {
        pb::Role::Unspecified => "unknown",
        pb::Role::Admin => "admin",
        pb::Role::Staff => "staff",
        pb::Role::Provider => "provider",
        pb::Role::Agent => "agent",
    }
}

/// `/.well-known/jwks.json`: the keys that verify our tokens.
pub(super) async fn jwks(State(app): State<App>, incoming: Incoming) -> Response {
    let keys: Result<_, Problem> = app.upstream.get_jwks(&incoming.context).await.map_err(Into::into);
    incoming.respond(keys.map(|found| {
        let keys: Vec<Value> = found.keys.into_iter().map(jwk).collect();
        ([("cache-control", "public, max-age=300")], Json(json!({ "keys": keys }))).into_response()
    }))
}

/// As RFC 8037 has it.
fn jwk(key: pb::JsonWebKey) -> Value {
    let pb::JsonWebKey { kid, x } = key;
    json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x })
}
