//! Organisations with providers whose time is free, and a way to find the next free slot.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
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
use jiff::{SignedDuration, Timestamp};
use proto::booking::v1::{CreateProviderRequest, clinic_service_client::ClinicServiceClient};
use tests::stack::Stack;
use tonic::{Request, transport::Endpoint};

/// A provider whose slots are given out one after another.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) clinic: String,
    pub(crate) id: String,
    pub(crate) token: String,
    next: i64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) providers: Vec<Provider>,
    turn: usize,
}

impl Ground {
    /// A provider, and a start at which they are free: half an hour after the last one given out.
    pub(crate) fn next(&mut self) -> (Provider, Timestamp) {
        let turn = self.turn % self.providers.len();
        self.turn += 1;
        let provider = &mut self.providers[turn];
        provider.next += 1;
        (provider.clone(), Self::start(provider.next))
    }

    /// A start that has been given out.
    pub(crate) fn start(number: i64) -> Timestamp {
        let first = Timestamp::new(1_830_297_600, 0).unwrap_or(Timestamp::UNIX_EPOCH);
        first + SignedDuration::from_mins(30 * number)
    }
}

/// Four organisations of four providers each.
pub(crate) async fn prepare(stack: &Stack, home: &Path) -> Result<Ground> {
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
    let issuer = DevelopmentIssuer::from_file(&home.join("development.key"))?;
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    let mut providers = Vec::new();
    for _ in 0..4 {
        let (org, clinic) = (OrgId::generate(), ClinicId::generate());
        let name = || Name::parse("Bench").map_err(anyhow::Error::msg);
        let zone = clinic::zone("America/New_York").map_err(anyhow::Error::msg)?;
        let command = CreateOrganisation { org, name: name()?, clinic, clinic_name: name()?, zone };
        create_organisation(&app, command).await?;
        let lifetime = SignedDuration::from_hours(12);
        let grant = Grant { org, subject: "bench".into(), role: Role::Admin, voice: false, lifetime };
        let token = issuer.issue(&grant, app.clock.now())?;
        for n in 0..4 {
            let message =
                CreateProviderRequest { name: format!("Dr. {n}"), clinic_ids: vec![clinic.to_string()] };
            let mut request = Request::new(message);
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
            let made = ClinicServiceClient::new(channel.clone()).create_provider(request).await?.into_inner();
            let id = made.provider.map(|provider| provider.id).unwrap_or_default();
            providers.push(Provider { clinic: clinic.to_string(), id, token: token.clone(), next: 0 });
        }
    }
    app.db.close().await;
    // Organisation after organisation, so that neighbours in time are of different ones.
    providers.sort_by_key(|provider| provider.id.chars().rev().collect::<String>());
    Ok(Ground { providers, turn: 0 })
}
