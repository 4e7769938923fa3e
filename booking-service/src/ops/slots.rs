//! From a slot asked for to a clinic, its providers and an instant; and what to offer when it is taken.

use crate::{
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        places::{self, Place},
    },
    domain::{
        clinic::Clinic,
        ids::{ClinicId, ProviderId},
        slot::{OpenSlot, Provider, Slot, SlotChoice},
        suggestions,
    },
    error::{Error, Resource, Result},
};

/// A slot asked for, made out: it can be booked if somebody is free.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) clinic: Clinic,
    /// Those who come into question, at least one, by id.
    pub(super) providers: Vec<Provider>,
    pub(super) slot: Slot,
}

impl Wanted {
    pub(super) fn provider_ids(&self) -> Vec<ProviderId> {
        ids(&self.providers)
    }

    pub(super) fn open(&self, slot: Slot, provider: Option<Provider>) -> OpenSlot {
        open(&self.clinic, slot, provider)
    }
}

/// What they are known by.
pub(super) fn ids(providers: &[Provider]) -> Vec<ProviderId> {
    providers.iter().map(|provider| provider.id).collect()
}

/// A slot at the clinic, as it is shown.
pub(super) fn open(clinic: &Clinic, slot: Slot, provider: Option<Provider>) -> OpenSlot {
    OpenSlot { clinic: clinic.id, provider, slot, zone: clinic.zone.clone() }
}

/// Makes out where, with whom and when. One round trip.
pub(super) async fn make_out(app: &App, tx: &mut TenantTx, choice: &SlotChoice) -> Result<Wanted> {
    let SlotChoice { clinic, provider, when, duration } = choice;
    let (clinic, providers) = place(tx, *clinic, *provider).await?;
    let now = app.clock.now();
    let start = when
        .resolve(&clinic.zone, now)
        .map_err(|problem| Error::Time { problem, today: clinic.today(now) })?;
    let slot = Slot::new(start, *duration).map_err(|problem| Error::invalid("slot.duration", problem))?;
    Ok(Wanted { clinic, providers, slot })
}

/// Makes out where, and who comes into question: at least one, by id.
pub(super) async fn place(
    tx: &mut TenantTx,
    clinic: Option<ClinicId>,
    provider: Option<ProviderId>,
) -> Result<(Clinic, Vec<Provider>)> {
    let (found, providers) = match places::find(tx, clinic, provider).await? {
        Place::Clinic(found, providers) => (found, providers),
        Place::Unclear(names) => return Err(Error::ClinicRequired(names)),
        Place::Nowhere => {
            return Err(match clinic {
                Some(id) => Error::ClinicForbidden(id.to_string()),
                None => Error::ClinicRequired(Vec::new()),
            });
        }
    };
    if providers.is_empty() {
        return Err(match provider {
            Some(id) => Error::not_found(Resource::Provider, id),
            None => Error::NoProviders(found.name),
        });
    }
    Ok((found, providers))
}

/// The free slots nearest to the one wanted.
pub(super) async fn alternatives(
    app: &App,
    caller: &Caller,
    tx: &mut TenantTx,
    wanted: &Wanted,
) -> Result<Vec<OpenSlot>> {
    let now = app.clock.now();
    let mut found = Vec::new();
    for days in suggestions::REACHES {
        let horizon = suggestions::horizon(wanted.slot, days);
        let busy = places::busy(tx, &wanted.provider_ids(), horizon, now).await?;
        found = suggestions::nearest(wanted.slot, days, &wanted.providers, &busy, &wanted.clinic.zone, now);
        if suggestions::suffice(&found, wanted.slot, days) {
            break;
        }
    }
    tracing::debug!(org.id = %caller.org, offered = found.len(), "looked for alternatives");
    Ok(found.into_iter().map(|(slot, provider)| wanted.open(slot, Some(provider))).collect())
}
