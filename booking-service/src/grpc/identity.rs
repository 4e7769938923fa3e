//! `booking.v1.IdentityService`. Its messages are converted in `identity_messages`, `agent_messages` and `webhook_messages`.

use proto::booking::v1::{self as pb, identity_service_server::IdentityService};
use tonic::{Request, Response, Status};

use super::{admit, answer, answer_stranger, identity_messages::PublicKeys};
use crate::{
    access::{
        ACCEPT_INVITATION, CREATE_AGENT_KEY, CREATE_WEBHOOK_CREDENTIAL, EXCHANGE_WEBHOOK_SIGNATURE,
        GET_CALLER, GET_JWKS, GET_PROFILE, INVITE_MEMBER, LIST_AGENT_KEYS, LIST_MEMBERS,
        LIST_WEBHOOK_CREDENTIALS, REFRESH_SESSION, REMOVE_MEMBER, REVOKE_AGENT_KEY,
        REVOKE_WEBHOOK_CREDENTIAL, ROTATE_WEBHOOK_SECRET, SIGN_IN, SIGN_OUT, SIGN_UP, UPDATE_MEMBER_ROLE,
    },
    app::App,
    auth,
    ops::{
        accept_invitation::accept_invitation,
        exchange_webhook_signature::exchange_webhook_signature,
        get_caller::get_caller,
        get_profile::get_profile,
        manage_agent_keys::{create_agent_key, list_agent_keys, revoke_agent_key},
        manage_members::{invite_member, list_members, remove_member, update_member_role},
        manage_webhook_credentials::{
            create_webhook_credential, list_webhook_credentials, revoke_webhook_credential,
            rotate_webhook_secret,
        },
        sessions::{refresh_session, sign_out},
        sign_in::sign_in,
        sign_up::sign_up,
    },
};

#[derive(Debug)]
pub(super) struct Identity(pub(super) App);

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn sign_up(
        &self,
        request: Request<pb::SignUpRequest>,
    ) -> Result<Response<pb::SignUpResponse>, Status> {
        let stranger = auth::stranger(&request);
        let outcome = async { sign_up(&self.0, &stranger, request.into_inner().try_into()?).await }.await;
        answer_stranger(&self.0, &stranger, SIGN_UP, outcome).await
    }

    async fn sign_in(
        &self,
        request: Request<pb::SignInRequest>,
    ) -> Result<Response<pb::SignInResponse>, Status> {
        let stranger = auth::stranger(&request);
        let outcome = async { sign_in(&self.0, &stranger, request.into_inner().try_into()?).await }.await;
        answer_stranger(&self.0, &stranger, SIGN_IN, outcome).await
    }

    async fn refresh_session(
        &self,
        request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        let stranger = auth::stranger(&request);
        let outcome =
            async { refresh_session(&self.0, &stranger, &request.into_inner().refresh_token.into()).await }
                .await;
        answer_stranger(&self.0, &stranger, REFRESH_SESSION, outcome).await
    }

    async fn sign_out(
        &self,
        request: Request<pb::SignOutRequest>,
    ) -> Result<Response<pb::SignOutResponse>, Status> {
        let stranger = auth::stranger(&request);
        let outcome =
            async { sign_out(&self.0, &stranger, &request.into_inner().refresh_token.into()).await }.await;
        answer_stranger(&self.0, &stranger, SIGN_OUT, outcome).await
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        let stranger = auth::stranger(&request);
        let outcome =
            async { accept_invitation(&self.0, &stranger, request.into_inner().try_into()?).await }.await;
        answer_stranger(&self.0, &stranger, ACCEPT_INVITATION, outcome).await
    }

    async fn exchange_webhook_signature(
        &self,
        request: Request<pb::ExchangeWebhookSignatureRequest>,
    ) -> Result<Response<pb::ExchangeWebhookSignatureResponse>, Status> {
        let stranger = auth::stranger(&request);
        let outcome =
            async { exchange_webhook_signature(&self.0, &stranger, request.into_inner().into()).await }.await;
        answer_stranger(&self.0, &stranger, EXCHANGE_WEBHOOK_SIGNATURE, outcome).await
    }

    async fn get_jwks(
        &self,
        request: Request<pb::GetJwksRequest>,
    ) -> Result<Response<pb::GetJwksResponse>, Status> {
        let stranger = auth::stranger(&request);
        let pb::GetJwksRequest {} = request.into_inner();
        answer_stranger(&self.0, &stranger, GET_JWKS, Ok(PublicKeys(self.0.keys.get()))).await
    }

    async fn get_caller(
        &self,
        request: Request<pb::GetCallerRequest>,
    ) -> Result<Response<pb::GetCallerResponse>, Status> {
        let (caller, pb::GetCallerRequest {}) = admit(&self.0, GET_CALLER, request).await?;
        let outcome = async { get_caller(&self.0, &caller).await }.await;
        answer(&self.0, &caller, GET_CALLER, outcome).await
    }

    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let (caller, pb::GetProfileRequest {}) = admit(&self.0, GET_PROFILE, request).await?;
        let outcome = async { get_profile(&self.0, &caller).await }.await;
        answer(&self.0, &caller, GET_PROFILE, outcome).await
    }

    async fn invite_member(
        &self,
        request: Request<pb::InviteMemberRequest>,
    ) -> Result<Response<pb::InviteMemberResponse>, Status> {
        let (caller, message) = admit(&self.0, INVITE_MEMBER, request).await?;
        let outcome = async { invite_member(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, INVITE_MEMBER, outcome).await
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_MEMBERS, request).await?;
        let outcome = async { list_members(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_MEMBERS, outcome).await
    }

    async fn update_member_role(
        &self,
        request: Request<pb::UpdateMemberRoleRequest>,
    ) -> Result<Response<pb::UpdateMemberRoleResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_MEMBER_ROLE, request).await?;
        let outcome = async { update_member_role(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_MEMBER_ROLE, outcome).await
    }

    async fn remove_member(
        &self,
        request: Request<pb::RemoveMemberRequest>,
    ) -> Result<Response<pb::RemoveMemberResponse>, Status> {
        let (caller, message) = admit(&self.0, REMOVE_MEMBER, request).await?;
        let outcome = async { remove_member(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, REMOVE_MEMBER, outcome).await
    }

    async fn create_agent_key(
        &self,
        request: Request<pb::CreateAgentKeyRequest>,
    ) -> Result<Response<pb::CreateAgentKeyResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_AGENT_KEY, request).await?;
        let outcome = async { create_agent_key(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_AGENT_KEY, outcome).await
    }

    async fn list_agent_keys(
        &self,
        request: Request<pb::ListAgentKeysRequest>,
    ) -> Result<Response<pb::ListAgentKeysResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_AGENT_KEYS, request).await?;
        let outcome = async { list_agent_keys(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_AGENT_KEYS, outcome).await
    }

    async fn revoke_agent_key(
        &self,
        request: Request<pb::RevokeAgentKeyRequest>,
    ) -> Result<Response<pb::RevokeAgentKeyResponse>, Status> {
        let (caller, message) = admit(&self.0, REVOKE_AGENT_KEY, request).await?;
        let outcome = async { revoke_agent_key(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, REVOKE_AGENT_KEY, outcome).await
    }

    async fn create_webhook_credential(
        &self,
        request: Request<pb::CreateWebhookCredentialRequest>,
    ) -> Result<Response<pb::CreateWebhookCredentialResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_WEBHOOK_CREDENTIAL, request).await?;
        let outcome = async { create_webhook_credential(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_WEBHOOK_CREDENTIAL, outcome).await
    }

    async fn list_webhook_credentials(
        &self,
        request: Request<pb::ListWebhookCredentialsRequest>,
    ) -> Result<Response<pb::ListWebhookCredentialsResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_WEBHOOK_CREDENTIALS, request).await?;
        let outcome = async { list_webhook_credentials(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_WEBHOOK_CREDENTIALS, outcome).await
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<pb::RotateWebhookSecretRequest>,
    ) -> Result<Response<pb::RotateWebhookSecretResponse>, Status> {
        let (caller, message) = admit(&self.0, ROTATE_WEBHOOK_SECRET, request).await?;
        let outcome = async { rotate_webhook_secret(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ROTATE_WEBHOOK_SECRET, outcome).await
    }

    async fn revoke_webhook_credential(
        &self,
        request: Request<pb::RevokeWebhookCredentialRequest>,
    ) -> Result<Response<pb::RevokeWebhookCredentialResponse>, Status> {
        let (caller, message) = admit(&self.0, REVOKE_WEBHOOK_CREDENTIAL, request).await?;
        let outcome = async { revoke_webhook_credential(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, REVOKE_WEBHOOK_CREDENTIAL, outcome).await
    }
}
