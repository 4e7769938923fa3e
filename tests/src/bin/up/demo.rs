//! The demo clinic, made once.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use booking_service::{
    app::App,
    caller::Role,
    clock::Clock,
    config::Database,
    db::Db,
    domain::{
        clinic,
        confirmation_code::Codes,
        ids::{ClinicId, OrgId},
        text::Name,
    },
    ops::create_organisation::{CreateOrganisation, create_organisation},
    token::{DevelopmentIssuer, Grant},
};
use proto::booking::v1::{
    CreateProviderRequest, GetCallerRequest, ListProvidersRequest,
    clinic_service_client::ClinicServiceClient, identity_service_client::IdentityServiceClient,
};
use tonic::{Request, transport::Endpoint};

use tests::stack::Stack;

pub(crate) const CLINIC: &str = "Elm Street Dental";
const PROVIDER: &str = "Dr. Ana Reyes";

/// What the story needs to know.
pub(crate) struct DemoClinic {
    pub(crate) admin_token: String,
    pub(crate) voice_token: String,
}

/// Makes organisation, clinic and provider, unless they are there.
pub(crate) async fn set_up(stack: &Stack, org: OrgId, home: &Path) -> Result<DemoClinic> {
    let name = |text| Name::parse(text).map_err(anyhow::Error::msg);
    let command = CreateOrganisation {
        org,
        name: name("Elm Street Group")?,
        clinic: ClinicId::generate(),
        clinic_name: name(CLINIC)?,
        zone: clinic::zone("America/New_York").map_err(anyhow::Error::msg)?,
    };
    let database = Database {
        database_url: stack.service_url.clone().into(),
        database_connections: 1,
        database_wait: Duration::from_secs(5),
    };
    let app = App {
        db: Db::connect(&database)?,
        clock: Clock::default(),
        codes: Codes::default(),
        tokens: Arc::default(),
    };
    create_organisation(&app, command).await?;
    app.db.close().await;

    let issuer = DevelopmentIssuer::from_file(&home.join("development.key"))?;
    let token = |subject: &str, role, voice| {
        let lifetime = jiff::SignedDuration::from_hours(12);
        issuer.issue(&Grant { org, subject: subject.to_owned(), role, voice, lifetime }, app.clock.now())
    };
    let clinic = DemoClinic {
        admin_token: token("demo-administrator", Role::Admin, false)?,
        voice_token: token("demo-assistant", Role::Agent, true)?,
    };
    add_provider(stack, &clinic.admin_token).await?;
    Ok(clinic)
}

async fn add_provider(stack: &Stack, token: &str) -> Result<()> {
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    let bearer = format!("Bearer {token}").parse::<tonic::metadata::MetadataValue<_>>()?;
    let mut clinics = ClinicServiceClient::new(channel.clone());
    let mut list = Request::new(ListProvidersRequest::default());
    list.metadata_mut().insert("authorization", bearer.clone());
    if !clinics.list_providers(list).await?.into_inner().providers.is_empty() {
        return Ok(());
    }
    let mut caller = Request::new(GetCallerRequest {});
    caller.metadata_mut().insert("authorization", bearer.clone());
    let caller = IdentityServiceClient::new(channel).get_caller(caller).await?.into_inner();
    let clinic = caller.clinics.into_iter().next().context("the demo has a clinic")?;
    let provider = CreateProviderRequest { name: PROVIDER.to_owned(), clinic_ids: vec![clinic.clinic_id] };
    let mut create = Request::new(provider);
    create.metadata_mut().insert("authorization", bearer);
    clinics.create_provider(create).await?;
    Ok(())
}
