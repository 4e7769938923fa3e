//! Requests that are signed: `?credential=fdw_…` says by whom. The booking service knows the secrets, and gives a token for a good signature.

use axum::body::Bytes;
use http::{HeaderMap, Method, Uri, header::HOST};
use proto::booking::v1 as pb;

use crate::{app::App, context::Context, problem::Problem};

/// A request, to the byte.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) signer: String,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

/// Who is said to have signed.
pub(super) fn signer(uri: &Uri) -> Option<String> {
    let mut parameters = uri.query()?.split('&');
    parameters.find_map(|parameter| parameter.strip_prefix("credential=")).map(str::to_owned)
}

/// A token for this request.
pub(super) async fn exchange(app: &App, context: &Context, signed: Signed<'_>) -> Result<String, Problem> {
    let Signed { signer, method, uri, headers, body } = signed;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // As the sender wrote it: at our public address, or at the one that they named.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = app.public_url.as_deref().map_or_else(|| format!("http://{host}"), str::to_owned);
    let readable = headers.iter().filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    let message = pb::ExchangeWebhookSignatureRequest {
        webhook_credential_id: signer,
        method: method.to_string(),
        url: format!("{base}{path}"),
        headers: readable
            .map(|(name, value)| pb::HttpHeader { name: name.to_string(), value: value.to_owned() })
            .collect(),
        body: body.to_vec(),
    };
    Ok(app.upstream.exchange_webhook_signature(context, message).await?.access_token)
}
