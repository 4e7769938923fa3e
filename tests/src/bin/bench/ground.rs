//! Organisations with providers whose time is free, and a way to find the next free slot.

use std::path::Path;

use anyhow::Result;
use booking_service::{caller::Role, domain::ids::OrgId};
use jiff::{SignedDuration, Timestamp};
use tests::{organisation, stack::Stack};
use tonic::transport::Endpoint;

/// A provider whose slots are given out one after another.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) org: OrgId,
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

    /// A provider, and a start that has been given out.
    pub(crate) fn taken(&self) -> (Provider, Timestamp) {
        (self.providers[0].clone(), Self::start(20))
    }

    fn start(number: i64) -> Timestamp {
        let first = Timestamp::new(1_830_297_600, 0).unwrap_or(Timestamp::UNIX_EPOCH);
        first + SignedDuration::from_mins(30 * number)
    }
}

/// Four organisations of four providers each.
pub(crate) async fn prepare(stack: &Stack, home: &Path) -> Result<Ground> {
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    let mut clinics = Vec::new();
    for _ in 0..4 {
        let org = OrgId::generate();
        organisation::create(stack, org, "Bench", "Bench").await?;
        let token = organisation::token(home, org, "bench", Role::Admin, false)?;
        clinics.push((org, organisation::first_clinic(channel.clone(), &token).await?, token));
    }
    let mut providers = Vec::new();
    // Organisation after organisation, so that neighbours in time are of different ones.
    for n in 0..16 {
        let (org, clinic, token) = &clinics[n % clinics.len()];
        let id = organisation::add_provider(channel.clone(), token, clinic, &format!("Dr. {n}")).await?;
        providers.push(Provider { org: *org, clinic: clinic.clone(), id, token: token.clone(), next: 0 });
    }
    Ok(Ground { providers, turn: 0 })
}
