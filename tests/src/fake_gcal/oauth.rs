//! The consent page and the token endpoint. What they are given is verified.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    clients::{Access, Code, Grant},
    events::Answer,
    state::State,
};

const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A form or a query.
pub(super) type Fields = Vec<(String, String)>;

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn refusal(status: u16, error: &str, description: &str) -> Answer {
    (status, json!({ "error": error, "error_description": description }))
}

/// Somebody consents at once. Gives where they are sent back to.
pub(super) fn consent(state: &mut State, query: &Fields) -> Result<String, Answer> {
    let clients = &mut state.clients;
    if !clients.applications.contains_key(field(query, "client_id")) {
        return Err(refusal(401, "invalid_client", "The OAuth client was not found."));
    }
    if field(query, "response_type") != "code" || field(query, "redirect_uri").is_empty() {
        return Err(refusal(400, "invalid_request", "Missing required parameter."));
    }
    // A refresh token comes with these alone.
    if field(query, "access_type") != "offline" || field(query, "prompt") != "consent" {
        return Err(refusal(400, "invalid_request", "Nothing to be kept was asked for."));
    }
    let challenge = Some(field(query, "code_challenge")).filter(|challenge| !challenge.is_empty());
    if challenge.is_some() && field(query, "code_challenge_method") != "S256" {
        return Err(refusal(400, "invalid_request", "Unknown code_challenge_method."));
    }
    let who =
        Some(field(query, "login_hint")).filter(|who| !who.is_empty()).unwrap_or(&clients.person).to_owned();
    let code = Code {
        who: who.clone(),
        client: field(query, "client_id").to_owned(),
        redirect: field(query, "redirect_uri").to_owned(),
        challenge: challenge.map(str::to_owned),
        scopes: field(query, "scope").to_owned(),
    };
    let text = clients.secret("4/0A");
    let mut url: reqwest::Url =
        code.redirect.parse().map_err(|_| refusal(400, "invalid_request", "redirect_uri"))?;
    url.query_pairs_mut()
        .append_pair("state", field(query, "state"))
        .append_pair("code", &text)
        .append_pair("scope", &code.scopes);
    clients.codes.insert(text, code);
    state.calendars.entry(who.clone()).or_default().roles.insert(who, "owner");
    Ok(url.into())
}

/// The token endpoint.
pub(super) fn token(state: &mut State, form: &Fields) -> Answer {
    match field(form, "grant_type") {
        "authorization_code" => redeem(state, form),
        "refresh_token" => refresh(state, form),
        JWT_BEARER => assertion(state, field(form, "assertion")),
        _ => refusal(400, "unsupported_grant_type", "Invalid grant_type"),
    }
}

/// A token is given back.
pub(super) fn revoke(state: &mut State, form: &Fields) -> Answer {
    let Some(grant) = state.clients.grants.remove(field(form, "token")) else {
        return refusal(400, "invalid_token", "Token expired or revoked");
    };
    state.clients.access.retain(|_, access| access.who != grant.who);
    (200, json!({}))
}

fn application(state: &State, form: &Fields) -> Result<(), Answer> {
    match state.clients.applications.get(field(form, "client_id")) {
        Some(secret) if secret == field(form, "client_secret") => Ok(()),
        _ => Err(refusal(401, "invalid_client", "The OAuth client was not found.")),
    }
}

fn redeem(state: &mut State, form: &Fields) -> Answer {
    if let Err(refused) = application(state, form) {
        return refused;
    }
    let Some(code) = state.clients.codes.remove(field(form, "code")) else {
        return refusal(400, "invalid_grant", "Bad Request");
    };
    let verifier = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(field(form, "code_verifier")));
    if code.client != field(form, "client_id")
        || code.redirect != field(form, "redirect_uri")
        || code.challenge.is_some_and(|challenge| challenge != verifier)
    {
        return refusal(400, "invalid_grant", "Bad Request");
    }
    let refresh_token = state.clients.secret("1//0");
    let grant = Grant { who: code.who.clone(), client: code.client, scopes: code.scopes.clone() };
    state.clients.grants.insert(refresh_token.clone(), grant);
    let (status, mut body) = access(state, &code.who, &code.scopes);
    body["refresh_token"] = json!(refresh_token);
    (status, body)
}

fn refresh(state: &mut State, form: &Fields) -> Answer {
    if let Err(refused) = application(state, form) {
        return refused;
    }
    let token = field(form, "refresh_token");
    let Some(grant) =
        state.clients.grants.get(token).filter(|grant| grant.client == field(form, "client_id")).cloned()
    else {
        return refusal(400, "invalid_grant", "Token has been expired or revoked.");
    };
    let next = state.clients.rotates.then(|| state.clients.secret("1//0"));
    if let Some(next) = &next {
        state.clients.grants.remove(token);
        state.clients.grants.insert(next.clone(), grant.clone());
    }
    let (status, mut body) = access(state, &grant.who, &grant.scopes);
    if let Some(next) = next {
        body["refresh_token"] = json!(next);
    }
    (status, body)
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    scope: String,
    iat: i64,
    exp: i64,
    sub: Option<String>,
}

fn assertion(state: &mut State, assertion: &str) -> Answer {
    let bad = |description| refusal(400, "invalid_grant", description);
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return bad("Invalid JWT") };
    // Whose it is said to be, to find the key with which that is proven.
    let claimed = assertion.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let claimed = claimed.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).unwrap_or_default();
    let Some(account) = state.clients.accounts.get(claimed["iss"].as_str().unwrap_or_default()) else {
        return bad("Invalid grant: account not found");
    };
    let mut rules = Validation::new(Algorithm::RS256);
    // By the stand-in's own clock, below.
    (rules.validate_exp, rules.validate_aud) = (false, false);
    let key = DecodingKey::from_rsa_pem(account.key.as_bytes()).expect("a key that was made here");
    let Ok(TokenData { claims, .. }) = jsonwebtoken::decode::<Claims>(assertion, &key, &rules) else {
        return bad("Invalid JWT Signature.");
    };
    let Claims { iss, aud, scope, iat, exp, sub } = claims;
    let now = state.clock.now().as_second();
    if header.kid.as_deref() != Some(&account.key_id) || aud != AUDIENCE || scope.is_empty() {
        return bad("Invalid JWT");
    }
    if exp - iat > 3600 || iat > now + 60 || exp <= now {
        return bad(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
        );
    }
    match sub {
        Some(sub) if !account.subjects.contains(&sub) => refusal(
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ),
        Some(sub) => access(state, &sub, &scope),
        None => access(state, &iss, &scope),
    }
}

fn access(state: &mut State, who: &str, scopes: &str) -> Answer {
    let (text, life) = (state.clients.secret("ya29."), state.clients.token_life);
    let until = state.clock.now() + life;
    state
        .clients
        .access
        .insert(text.clone(), Access { who: who.to_owned(), scopes: scopes.to_owned(), until });
    let body = json!({ "access_token": text, "expires_in": life.as_secs(), "scope": scopes, "token_type": "Bearer" });
    (200, body)
}
