//! The demo clinic: docs/clinic.yaml, imported at each start, and its documents, put at each start.

use std::path::Path;

use anyhow::{Context as _, Result};
use booking_service::{caller::Role, domain::ids::OrgId};
use proto::booking::v1::{
    ImportClinicRequest, ListProvidersRequest, clinic_service_client::ClinicServiceClient,
};
use tests::{
    knowledge::{CLINICS, put_all, sources},
    organisation::{self, bearer},
    stack::Stack,
};
use tonic::{Request, transport::Endpoint};

pub(crate) const CLINIC: &str = "Elm Street Dental";
const PROVIDER: &str = "Dr. Ana Reyes";
const DESCRIPTION: &str = include_str!("../../../../docs/clinic.yaml");

/// What the story needs to know.
pub(crate) struct DemoClinic {
    pub(crate) admin_token: String,
    pub(crate) voice_token: String,
}

/// Makes the organisation, unless it is there, and the clinic what its file says.
pub(crate) async fn set_up(stack: &Stack, org: OrgId, home: &Path) -> Result<DemoClinic> {
    organisation::create(stack, org, "Elm Street Group", CLINIC).await?;
    let clinic = DemoClinic {
        admin_token: organisation::token(home, org, "demo-administrator", Role::Admin, false)?,
        voice_token: organisation::token(home, org, "demo-assistant", Role::Agent, true)?,
    };
    let provider = import(stack, &clinic.admin_token).await?;
    organisation::connect_calendar(stack, &clinic.admin_token, &provider, "ana.reyes@elm-street.example")
        .await?;
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    put_all(&channel, &clinic.admin_token, &sources(&Path::new(CLINICS).join("elm-street-dental"))?).await?;
    Ok(clinic)
}

/// Gives the id of the provider who gets a calendar.
async fn import(stack: &Stack, token: &str) -> Result<String> {
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    let mut clinics = ClinicServiceClient::new(channel);
    let document = DESCRIPTION.to_owned();
    let mut import = Request::new(ImportClinicRequest { document, apply: true });
    import.metadata_mut().insert("authorization", bearer(token)?);
    clinics.import_clinic(import).await?;
    let mut list = Request::new(ListProvidersRequest::default());
    list.metadata_mut().insert("authorization", bearer(token)?);
    let known = clinics.list_providers(list).await?.into_inner().providers;
    let found = known.into_iter().find(|provider| provider.name == PROVIDER);
    Ok(found.context("the demo's provider was imported")?.id)
}
