//! The demo clinic, made once.

use std::path::Path;

use anyhow::Result;
use booking_service::{caller::Role, domain::ids::OrgId};
use proto::booking::v1::{ListProvidersRequest, clinic_service_client::ClinicServiceClient};
use tests::{
    organisation::{self, bearer},
    stack::Stack,
};
use tonic::{Request, transport::Endpoint};

pub(crate) const CLINIC: &str = "Elm Street Dental";
const PROVIDER: &str = "Dr. Ana Reyes";

/// What the story needs to know.
pub(crate) struct DemoClinic {
    pub(crate) admin_token: String,
    pub(crate) voice_token: String,
}

/// Makes organisation, clinic and provider, unless they are there.
pub(crate) async fn set_up(stack: &Stack, org: OrgId, home: &Path) -> Result<DemoClinic> {
    organisation::create(stack, org, "Elm Street Group", CLINIC).await?;
    let clinic = DemoClinic {
        admin_token: organisation::token(home, org, "demo-administrator", Role::Admin, false)?,
        voice_token: organisation::token(home, org, "demo-assistant", Role::Agent, true)?,
    };
    let provider = add_provider(stack, &clinic.admin_token).await?;
    organisation::connect_calendar(stack, &clinic.admin_token, &provider, "ana.reyes@elm-street.example")
        .await?;
    Ok(clinic)
}

/// Gives the provider's id.
async fn add_provider(stack: &Stack, token: &str) -> Result<String> {
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    let mut list = Request::new(ListProvidersRequest::default());
    list.metadata_mut().insert("authorization", bearer(token)?);
    let known = ClinicServiceClient::new(channel.clone()).list_providers(list).await?.into_inner();
    if let Some(known) = known.providers.into_iter().next() {
        return Ok(known.id);
    }
    let clinic = organisation::first_clinic(channel.clone(), token).await?;
    organisation::add_provider(channel, token, &clinic, PROVIDER).await
}
