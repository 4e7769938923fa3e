//! The way to the booking service's identity: what makes secrets is sent once, because a second one would make others.

use proto::booking::v1::{self as pb, identity_service_client::IdentityServiceClient};
use tonic::Status;

use crate::{context::Context, upstream::Upstream};

impl Upstream {
    pub(crate) async fn sign_up(
        &self,
        context: &Context,
        message: pb::SignUpRequest,
    ) -> Result<pb::SignUpResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).sign_up(request).await
        })
        .await
    }

    pub(crate) async fn sign_in(
        &self,
        context: &Context,
        message: pb::SignInRequest,
    ) -> Result<pb::SignInResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).sign_in(request).await
        })
        .await
    }

    pub(crate) async fn refresh_session(
        &self,
        context: &Context,
        message: pb::RefreshSessionRequest,
    ) -> Result<pb::RefreshSessionResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).refresh_session(request).await
        })
        .await
    }

    pub(crate) async fn accept_invitation(
        &self,
        context: &Context,
        message: pb::AcceptInvitationRequest,
    ) -> Result<pb::AcceptInvitationResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).accept_invitation(request).await
        })
        .await
    }

    pub(crate) async fn create_agent_key(
        &self,
        context: &Context,
        message: pb::CreateAgentKeyRequest,
    ) -> Result<pb::CreateAgentKeyResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).create_agent_key(request).await
        })
        .await
    }

    pub(crate) async fn create_webhook_credential(
        &self,
        context: &Context,
        message: pb::CreateWebhookCredentialRequest,
    ) -> Result<pb::CreateWebhookCredentialResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).create_webhook_credential(request).await
        })
        .await
    }

    pub(crate) async fn rotate_webhook_secret(
        &self,
        context: &Context,
        message: pb::RotateWebhookSecretRequest,
    ) -> Result<pb::RotateWebhookSecretResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).rotate_webhook_secret(request).await
        })
        .await
    }

    pub(crate) async fn sign_out(
        &self,
        context: &Context,
        message: pb::SignOutRequest,
    ) -> Result<pb::SignOutResponse, Status> {
        self.send(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).sign_out(request).await
        })
        .await
    }

    pub(crate) async fn list_agent_keys(
        &self,
        context: &Context,
        message: pb::ListAgentKeysRequest,
    ) -> Result<pb::ListAgentKeysResponse, Status> {
        self.send(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).list_agent_keys(request).await
        })
        .await
    }

    pub(crate) async fn revoke_agent_key(
        &self,
        context: &Context,
        message: pb::RevokeAgentKeyRequest,
    ) -> Result<pb::RevokeAgentKeyResponse, Status> {
        self.send(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).revoke_agent_key(request).await
        })
        .await
    }

    pub(crate) async fn list_webhook_credentials(
        &self,
        context: &Context,
        message: pb::ListWebhookCredentialsRequest,
    ) -> Result<pb::ListWebhookCredentialsResponse, Status> {
        self.send(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).list_webhook_credentials(request).await
        })
        .await
    }

    pub(crate) async fn revoke_webhook_credential(
        &self,
        context: &Context,
        message: pb::RevokeWebhookCredentialRequest,
    ) -> Result<pb::RevokeWebhookCredentialResponse, Status> {
        self.send(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).revoke_webhook_credential(request).await
        })
        .await
    }

    pub(crate) async fn exchange_webhook_signature(
        &self,
        context: &Context,
        message: pb::ExchangeWebhookSignatureRequest,
    ) -> Result<pb::ExchangeWebhookSignatureResponse, Status> {
        self.send(context, message, async |channel, request| {
            IdentityServiceClient::new(channel).exchange_webhook_signature(request).await
        })
        .await
    }

    pub(crate) async fn get_profile(&self, context: &Context) -> Result<pb::GetProfileResponse, Status> {
        self.send(context, pb::GetProfileRequest {}, async |channel, request| {
            IdentityServiceClient::new(channel).get_profile(request).await
        })
        .await
    }

    pub(crate) async fn get_jwks(&self, context: &Context) -> Result<pb::GetJwksResponse, Status> {
        self.send(context, pb::GetJwksRequest {}, async |channel, request| {
            IdentityServiceClient::new(channel).get_jwks(request).await
        })
        .await
    }
}
