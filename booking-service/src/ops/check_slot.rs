//! Says whether a slot is free, and what is free near it.

use crate::{
    app::App,
    caller::Caller,
    db::places,
    domain::slot::{OpenSlot, SlotChoice},
    error::Result,
    ops::slots::{alternatives, make_out},
};

/// Whether a slot is free.
#[derive(Clone, Debug)]
pub struct SlotCheck {
    /// Whether it can be booked now.
    pub available: bool,
    /// The slot, with a provider who is free; else the one who was asked for.
    pub slot: OpenSlot,
    /// Where it is not: the nearest that are.
    pub alternatives: Vec<OpenSlot>,
}

/// Looks, and keeps nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn check_slot(app: &App, caller: &Caller, choice: SlotChoice) -> Result<SlotCheck> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let wanted = make_out(app, &mut tx, &choice).await?;
    let range = (wanted.slot.start(), wanted.slot.end());
    let busy = places::busy(&mut tx, &wanted.provider_ids(), range, app.clock.now()).await?;
    let free = wanted.providers.iter().find(|p| busy.iter().all(|b| b.provider != p.id));
    if let Some(provider) = free {
        let slot = wanted.open(wanted.slot, Some(provider.clone()));
        return Ok(SlotCheck { available: true, slot, alternatives: Vec::new() });
    }
    let asked_for = choice.provider.and_then(|id| wanted.providers.iter().find(|p| p.id == id)).cloned();
    Ok(SlotCheck {
        available: false,
        slot: wanted.open(wanted.slot, asked_for),
        alternatives: alternatives(app, caller, &mut tx, &wanted).await?,
    })
}
