//! The messages about senders of signed webhooks.

use proto::booking::v1 as pb;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    convert::{Check, timestamp},
    identity_messages::seconds,
};
use crate::{
    domain::{
        machine::WebhookCredential,
        opaque_key::WebhookCredentialId,
        page::{Page, Position},
        signature_plan::{Algorithm, Encoding, SignaturePlan, SignedRequest},
        text::Name,
    },
    error::{Error, Result},
    ops::{
        exchange_webhook_signature::{ExchangeWebhookSignature, Exchanged, LIFETIME},
        manage_webhook_credentials::{CreateWebhookCredential, NewSecret, RotateWebhookSecret},
    },
};

const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 512;

impl Check {
    fn plan(&mut self, plan: Option<pb::SignaturePlan>) -> Option<SignaturePlan> {
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
        } = plan.unwrap_or_default();
        let usual = SignaturePlan::default();
        let or = |given: String, usual: String| if given.is_empty() { usual } else { given };
        let algorithm = match algorithm.as_str() {
            "" | "sha256" => Ok(Algorithm::Sha256),
            "sha512" => Ok(Algorithm::Sha512),
            "sha1" => Ok(Algorithm::Sha1),
            _ => Err("must be sha256, sha512 or sha1".to_owned()),
        };
        let algorithm = self.field("plan.algorithm", algorithm);
        let encoding = match signature_encoding.as_str() {
            "" | "hex" => Ok(Encoding::Hex),
            "base64" => Ok(Encoding::Base64),
            _ => Err("must be hex or base64".to_owned()),
        };
        let encoding = self.field("plan.signature_encoding", encoding);
        let usual_format = if without_timestamp { "{body}".to_owned() } else { usual.payload_format };
        let plan = SignaturePlan {
            algorithm: algorithm?,
            signature_header: or(signature_header, usual.signature_header),
            timestamp_header: or(timestamp_header, usual.timestamp_header),
            signature_prefix,
            include_timestamp: !without_timestamp,
            payload_format: or(payload_format, usual_format),
            message_id_header: Some(message_id_header).filter(|name| !name.is_empty()),
            signature_encoding: encoding?,
            secret_is_base64,
        };
        for (field, problem) in plan.check() {
            self.field::<()>(field, Err(problem));
        }
        Some(plan)
    }

    fn webhook_id(&mut self, id: &str) -> Option<WebhookCredentialId> {
        let problem = if id.is_empty() { "is required" } else { "is not the id of a webhook credential" };
        self.field("webhook_credential_id", WebhookCredentialId::parse(id).ok_or_else(|| problem.to_owned()))
    }

    /// A secret that may be missing.
    fn secret(&mut self, secret: String) -> Option<SecretString> {
        let secret = match secret.chars().count() {
            0 => return None,
            _ if secret.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                Err("has white space or control characters in it".to_owned())
            }
            SHORTEST_SECRET..=LONGEST_SECRET => Ok(secret.into()),
            _ => Err(format!("must have from {SHORTEST_SECRET} to {LONGEST_SECRET} characters")),
        };
        self.field("secret", secret)
    }
}

impl TryFrom<pb::CreateWebhookCredentialRequest> for CreateWebhookCredential {
    type Error = Error;

    fn try_from(request: pb::CreateWebhookCredentialRequest) -> Result<Self> {
        let pb::CreateWebhookCredentialRequest { name, plan, scope, secret } = request;
        let mut check = Check::default();
        let name = check.field("name", Name::parse(&name));
        let plan = check.plan(plan);
        let scope = check.scope(scope);
        let secret = check.secret(secret);
        let command = || Some(Self { name: name?, plan: plan?, scope: scope?, secret });
        check.finish(command())
    }
}

impl TryFrom<pb::RotateWebhookSecretRequest> for RotateWebhookSecret {
    type Error = Error;

    fn try_from(request: pb::RotateWebhookSecretRequest) -> Result<Self> {
        let pb::RotateWebhookSecretRequest { webhook_credential_id, secret } = request;
        let mut check = Check::default();
        let id = check.webhook_id(&webhook_credential_id);
        let secret = check.secret(secret);
        check.finish(id.map(|id| Self { id, secret }))
    }
}

impl TryFrom<pb::RevokeWebhookCredentialRequest> for WebhookCredentialId {
    type Error = Error;

    fn try_from(request: pb::RevokeWebhookCredentialRequest) -> Result<Self> {
        let pb::RevokeWebhookCredentialRequest { webhook_credential_id } = request;
        let mut check = Check::default();
        let id = check.webhook_id(&webhook_credential_id);
        check.finish(id)
    }
}

/// Whatever is wrong with it, it is a signature that is not good.
impl From<pb::ExchangeWebhookSignatureRequest> for ExchangeWebhookSignature {
    fn from(request: pb::ExchangeWebhookSignatureRequest) -> Self {
        let pb::ExchangeWebhookSignatureRequest { webhook_credential_id, method, url, headers, body } =
            request;
        let headers = headers.into_iter().map(|pb::HttpHeader { name, value }| (name, value)).collect();
        Self {
            id: WebhookCredentialId::parse(&webhook_credential_id),
            request: SignedRequest { method, url, headers, body },
        }
    }
}

impl From<WebhookCredential> for pb::WebhookCredential {
    fn from(credential: WebhookCredential) -> Self {
        let WebhookCredential { id, name, plan, scope, created_by, created_at, previous_until, revoked_at } =
            credential;
        Self {
            id: id.to_string(),
            name,
            plan: Some(plan.into()),
            scope: Some(scope.into()),
            created_by,
            create_time: Some(timestamp(created_at)),
            previous_secret_expire_time: previous_until.map(timestamp),
            revoke_time: revoked_at.map(timestamp),
        }
    }
}

impl From<SignaturePlan> for pb::SignaturePlan {
    fn from(plan: SignaturePlan) -> Self {
        let SignaturePlan {
            algorithm,
            signature_header,
            timestamp_header,
            signature_prefix,
            include_timestamp,
            payload_format,
            message_id_header,
            signature_encoding,
            secret_is_base64,
        } = plan;
        let algorithm = match algorithm {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::Sha1 => "sha1",
        };
        let signature_encoding = match signature_encoding {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
        };
        Self {
            algorithm: algorithm.to_owned(),
            signature_header,
            timestamp_header,
            signature_prefix,
            without_timestamp: !include_timestamp,
            payload_format,
            message_id_header: message_id_header.unwrap_or_default(),
            signature_encoding: signature_encoding.to_owned(),
            secret_is_base64,
        }
    }
}

macro_rules! responses_with_secret {
    ($($response:ident),*) => {
        $(impl From<NewSecret> for pb::$response {
            fn from(made: NewSecret) -> Self {
                let NewSecret { credential, secret } = made;
                Self { webhook_credential: Some(credential.into()), secret: secret.expose_secret().to_owned() }
            }
        })*
    };
}

responses_with_secret!(CreateWebhookCredentialResponse, RotateWebhookSecretResponse);

impl From<WebhookCredential> for pb::RevokeWebhookCredentialResponse {
    fn from(credential: WebhookCredential) -> Self {
        Self { webhook_credential: Some(credential.into()) }
    }
}

impl From<Page<WebhookCredential>> for pb::ListWebhookCredentialsResponse {
    fn from(page: Page<WebhookCredential>) -> Self {
        Self {
            webhook_credentials: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}

impl From<Exchanged> for pb::ExchangeWebhookSignatureResponse {
    fn from(exchanged: Exchanged) -> Self {
        let Exchanged { access_token } = exchanged;
        Self { access_token: access_token.expose_secret().to_owned(), expires_in_seconds: seconds(LIFETIME) }
    }
}
