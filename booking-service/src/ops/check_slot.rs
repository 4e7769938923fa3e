//! Says whether a slot can be booked, why not, and what is free near it.

use crate::{
    app::App,
    caller::Caller,
    db::places,
    domain::{
        slot::{OpenSlot, SlotChoice},
        timetable::SlotProblem,
    },
    error::Result,
    ops::slots::{alternatives, keep_holds, make_out, offer},
};

/// Whether a slot can be booked.
#[derive(Clone, Debug)]
pub struct SlotCheck {
    /// Why it cannot be now; `None`: it can.
    pub problem: Option<SlotProblem>,
    /// The slot, with a provider who is free; else the one who was asked for.
    pub slot: OpenSlot,
    /// Where it cannot: the nearest that can.
    pub alternatives: Vec<OpenSlot>,
}

/// Looks, and keeps nothing but what it calls the slots.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn check_slot(app: &App, caller: &Caller, choice: SlotChoice) -> Result<SlotCheck> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let wanted = make_out(app, &mut tx, &choice, false).await?;
    let busy = places::busy(&mut tx, &wanted.allowed, wanted.block, app.clock.now(), None).await?;
    let free = wanted.allowed.iter().find(|id| busy.iter().all(|busy| busy.provider != **id));
    let check = match free.and_then(|id| wanted.provider(*id)) {
        Some(provider) => {
            let mut slot = [wanted.open(wanted.slot, Some(provider))];
            offer(app, caller, &mut tx, &mut slot).await?;
            let [slot] = slot;
            SlotCheck { problem: None, slot, alternatives: Vec::new() }
        }
        None => SlotCheck {
            problem: wanted.problem.or(Some(SlotProblem::Taken)),
            slot: wanted.open(
                wanted.slot,
                choice.wish.providers.first().and_then(|asked_for| wanted.provider(*asked_for)),
            ),
            alternatives: alternatives(app, caller, &mut tx, &wanted).await?,
        },
    };
    keep_holds(app, caller, &mut tx).await?;
    tx.commit().await?;
    Ok(check)
}
