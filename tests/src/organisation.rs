//! Organisations with their people, made the way an operator makes them.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use booking_service::{
    app::App,
    calendars::Calendars,
    caller::Role,
    clock::Clock,
    config::{Database, Rates},
    db::Db,
    development_issuer,
    domain::{
        clinic,
        ids::{ClinicId, OrgId},
        scope::Scope,
        text::Name,
    },
    embedding::Embedding,
    keys::Keys,
    ops::create_organisation::{CreateOrganisation, create_organisation},
    token::issuer::Grant,
};
use jiff::SignedDuration;
use proto::booking::v1::{
    CreateProviderRequest, GetCallerRequest, clinic_service_client::ClinicServiceClient,
    identity_service_client::IdentityServiceClient,
};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use crate::stack::Stack;

/// Makes an organisation with a clinic in New York, unless it is there.
pub async fn create(stack: &Stack, org: OrgId, name: &str, clinic_name: &str) -> Result<()> {
    let parse = |text| Name::parse(text).map_err(anyhow::Error::msg);
    let command = CreateOrganisation {
        org,
        name: parse(name)?,
        clinic: ClinicId::generate(),
        clinic_name: parse(clinic_name)?,
        zone: clinic::zone("America/New_York").map_err(anyhow::Error::msg)?,
    };
    let database = Database {
        database_url: stack.service_url.clone().into(),
        database_connections: 1,
        database_wait: Duration::from_secs(5),
    };
    let app = App::new(
        Db::connect(&database, None)?,
        Keys::generate()?,
        &Rates::UNLIMITED,
        Calendars::idle()?,
        Embedding::idle()?,
    );
    create_organisation(&app, command).await?;
    app.db.close().await;
    Ok(())
}

/// A token that is good for 12 hours. The issuer's key is under `home`.
pub fn token(home: &Path, org: OrgId, subject: &str, role: Role, voice: bool) -> Result<String> {
    let lifetime = SignedDuration::from_hours(12);
    let scope = Scope { voice, ..Scope::default() };
    let grant = Grant { org, subject: subject.to_owned(), role, scope, lifetime };
    development_issuer::from_file(&home.join("development.key"))?.issue(&grant, Clock::default().now())
}

/// A token as metadata.
pub fn bearer(token: &str) -> Result<MetadataValue<Ascii>> {
    Ok(format!("Bearer {token}").parse()?)
}

/// The id of the organisation's first clinic.
pub async fn first_clinic(channel: Channel, token: &str) -> Result<String> {
    let mut request = Request::new(GetCallerRequest {});
    request.metadata_mut().insert("authorization", bearer(token)?);
    let caller = IdentityServiceClient::new(channel).get_caller(request).await?.into_inner();
    Ok(caller.clinics.into_iter().next().context("an organisation has a clinic")?.clinic_id)
}

/// Adds a provider to a clinic; gives the provider's id.
pub async fn add_provider(channel: Channel, token: &str, clinic: &str, name: &str) -> Result<String> {
    let message = CreateProviderRequest { name: name.to_owned(), clinic_ids: vec![clinic.to_owned()] };
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", bearer(token)?);
    let made = ClinicServiceClient::new(channel).create_provider(request).await?.into_inner();
    Ok(made.provider.context("a provider was made")?.id)
}

/// The administrator asks for a link, the provider opens it and consents, and Google sends them back: as in life, but that the stand-in asks nobody. What
/// is connected is the main calendar of `person`.
pub async fn connect_calendar(stack: &Stack, token: &str, provider: &str, person: &str) -> Result<()> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?;
    let link = format!("http://{}/api/calendar/google/connect", stack.gateway);
    let asked = client.get(link).query(&[("provider_id", provider), ("show_patient_name", "true")]);
    let asked: serde_json::Value = asked.bearer_auth(token).send().await?.error_for_status()?.json().await?;
    let mut url: reqwest::Url = asked["authorization_url"].as_str().context("a link to consent")?.parse()?;
    url.query_pairs_mut().append_pair("login_hint", person);
    // The stand-in is quick, but may have to be waited for when it has just been started.
    let mut came_back = client.get(url.clone()).send().await;
    for _ in 0..100 {
        if came_back.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        came_back = client.get(url.clone()).send().await;
    }
    let came_back = came_back?;
    ensure!(came_back.status().is_success(), "the calendar was not connected: {}", came_back.text().await?);
    Ok(())
}
