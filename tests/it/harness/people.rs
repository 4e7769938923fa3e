//! People who sign up, and machines with credentials of their own.

use aws_lc_rs::hmac;
use booking_service::domain::opaque_key::WebhookCredentialId;
use proto::booking::v1::{
    self as pb, audit_service_client::AuditServiceClient, identity_service_client::IdentityServiceClient,
};
use serde_json::{Value, json};
use tonic::{Request, Status, transport::Channel};

use super::{TestApp, fixtures::Clinic, with_token};

pub(crate) const PASSWORD: &str = "correct horse battery";

impl TestApp {
    pub(crate) fn identity(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.grpc.clone())
    }

    pub(crate) fn audit(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.grpc.clone())
    }

    /// Signs up over gRPC.
    pub(crate) async fn sign_up(&self, email: &str) -> pb::SignUpResponse {
        self.identity().sign_up(sign_up(email)).await.unwrap().into_inner()
    }

    /// Invites somebody to a clinic's organisation, and accepts in their name.
    pub(crate) async fn join(&self, admin: &str, email: &str, role: pb::Role) -> pb::Session {
        let invite = pb::InviteMemberRequest { email: email.to_owned(), role: role.into() };
        let invited = self.identity().invite_member(with_token(admin, invite)).await.unwrap().into_inner();
        let accept = pb::AcceptInvitationRequest {
            invitation_token: invited.invitation_token,
            password: PASSWORD.to_owned(),
            full_name: "Sam Ortiz".to_owned(),
        };
        self.identity().accept_invitation(accept).await.unwrap().into_inner().session.unwrap()
    }

    /// Makes an agent key with these limits.
    pub(crate) async fn agent_key(
        &self,
        clinic: &Clinic,
        scope: pb::MachineScope,
    ) -> pb::CreateAgentKeyResponse {
        let create = pb::CreateAgentKeyRequest {
            name: "Elm Street assistant".into(),
            scope: Some(scope),
            expire_time: None,
        };
        self.identity().create_agent_key(with_token(&clinic.admin, create)).await.unwrap().into_inner()
    }

    /// Makes a webhook credential.
    pub(crate) async fn webhook_credential(
        &self,
        clinic: &Clinic,
        plan: pb::SignaturePlan,
        secret: &str,
    ) -> pb::CreateWebhookCredentialResponse {
        let create = pb::CreateWebhookCredentialRequest {
            name: "Vapi".into(),
            plan: Some(plan),
            scope: Some(pb::MachineScope { voice: true, ..Default::default() }),
            secret: secret.to_owned(),
        };
        self.identity()
            .create_webhook_credential(with_token(&clinic.admin, create))
            .await
            .unwrap()
            .into_inner()
    }

    /// Exchanges a signature that stands in the usual header.
    pub(crate) async fn exchange(&self, id: &str, signature: &str, body: &str) -> Result<String, Status> {
        let message = pb::ExchangeWebhookSignatureRequest {
            webhook_credential_id: id.to_owned(),
            method: "POST".to_owned(),
            url: "https://gw.example.test/api/vapi/webhook".to_owned(),
            headers: vec![pb::HttpHeader { name: "x-signature".to_owned(), value: signature.to_owned() }],
            body: body.as_bytes().to_vec(),
        };
        Ok(self.identity().exchange_webhook_signature(message).await?.into_inner().access_token)
    }

    /// Posts JSON to a route of the gateway; gives status and body.
    pub(crate) async fn post_to(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.gateway)).json(body);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(json!(null)))
    }

    /// Gets a route of the gateway.
    pub(crate) async fn get_from(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let request = self.http.get(format!("{}{path}", self.gateway));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(json!(null)))
    }
}

/// What Dana says when she signs up.
pub(crate) fn sign_up(email: &str) -> Request<pb::SignUpRequest> {
    Request::new(pb::SignUpRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        full_name: "Dana Admin".to_owned(),
        organization_name: "Oak Lane Group".to_owned(),
        clinic_name: "Oak Lane Dental".to_owned(),
        time_zone: "America/Chicago".to_owned(),
        provider_name: "Dr. Lee".to_owned(),
    })
}

pub(crate) fn sign_in(email: &str, password: &str, org_id: &str) -> pb::SignInRequest {
    pb::SignInRequest { email: email.to_owned(), password: password.to_owned(), org_id: org_id.to_owned() }
}

/// The id of another organisation's credential that is not there.
pub(crate) fn unknown_webhook_credential(clinic: &Clinic) -> String {
    let id = booking_service::domain::ids::AuditId::generate().into();
    WebhookCredentialId { org: clinic.org, id }.to_string()
}

/// The HMAC of a payload, as Vapi writes it by default.
pub(crate) fn signature(secret: &str, payload: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    data_encoding::HEXLOWER.encode(hmac::sign(&key, payload.as_bytes()).as_ref())
}
