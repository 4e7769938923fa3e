//! `booking.v1.IdentityService`.

use proto::booking::v1::{self as pb, identity_service_server::IdentityService};
use tonic::{Request, Response, Status};

use super::{admit, answer};
use crate::{
    access::GET_CALLER,
    app::App,
    caller::Role,
    error::Result,
    ops::get_caller::{Introduction, get_caller},
    token::VOICE,
};

#[derive(Debug)]
pub(super) struct Identity(pub(super) App);

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn get_caller(
        &self,
        request: Request<pb::GetCallerRequest>,
    ) -> Result<Response<pb::GetCallerResponse>, Status> {
        let (caller, pb::GetCallerRequest {}) = admit(&self.0, GET_CALLER, request).await?;
        let outcome = get_caller(&self.0, &caller).await;
        answer(&self.0, &caller, GET_CALLER, outcome).await
    }
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Staff => Self::Staff,
            Role::Provider => Self::Provider,
            Role::Agent => Self::Agent,
        }
    }
}

impl From<Introduction> for pb::GetCallerResponse {
    fn from(introduction: Introduction) -> Self {
        let Introduction { caller, org_name, clinics, now } = introduction;
        let clinics = clinics.into_iter().map(|clinic| {
            let today = clinic.today(now);
            pb::CallerClinic {
                clinic_id: clinic.id.to_string(),
                name: clinic.name,
                local_date: today.date.to_string(),
                weekday: today.weekday(),
                spoken_date: today.spoken(),
                time_zone: today.time_zone,
            }
        });
        Self {
            org_id: caller.org.to_string(),
            org_name,
            subject: caller.subject.to_string(),
            role: pb::Role::from(caller.role).into(),
            scopes: caller.voice.then(|| VOICE.to_owned()).into_iter().collect(),
            clinics: clinics.collect(),
        }
    }
}
