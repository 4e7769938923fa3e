//! From how a slot is named to the slot that is meant.

use crate::{
    app::App,
    caller::Caller,
    db::{TenantTx, clinics, offers},
    domain::{
        clinic::Clinic,
        confirmation_code::OfferCode,
        ids::{ProviderId, ServiceId},
        slot::{Slot, SlotChoice, Wish},
        when::When,
    },
    error::{Error, Result},
};

/// How a slot is named.
#[derive(Clone, Debug)]
pub enum SlotName {
    /// What was offered.
    Offer(OfferCode),
    /// A time.
    Slot(SlotChoice),
}

/// The slot that is meant; of an offer the one that was made to this caller, if it is what they believe it to be.
pub(super) async fn choice(
    app: &App,
    caller: &Caller,
    tx: &mut TenantTx,
    name: &SlotName,
    expected: Option<&SlotChoice>,
) -> Result<SlotChoice> {
    let code = match name {
        SlotName::Slot(choice) => return Ok(choice.clone()),
        SlotName::Offer(code) => code,
    };
    let offer = offers::get(tx, &caller.holder(), code, app.clock.now()).await?.ok_or(Error::OfferExpired)?;
    if let Some(expected) = expected {
        let clinic = clinics::get(tx, offer.clinic).await?.ok_or(Error::OfferExpired)?;
        agrees(expected, &clinic.clinic, offer.provider, offer.slot, offer.service)?;
    }
    Ok(SlotChoice {
        wish: Wish {
            clinic: Some(offer.clinic),
            providers: vec![offer.provider],
            service: offer.service,
            service_text: None,
        },
        when: When::Instant(offer.slot.start()),
        duration: Some(offer.slot.duration()),
    })
}

/// Whether the slot that is described, as far as it is, is this one.
pub(super) fn agrees(
    expected: &SlotChoice,
    clinic: &Clinic,
    provider: ProviderId,
    slot: Slot,
    service: Option<ServiceId>,
) -> Result<()> {
    let SlotChoice { wish, when, duration } = expected;
    let start = match when {
        When::Instant(at) => *at == slot.start(),
        When::Local(local) => *local == slot.start().to_zoned(clinic.zone.clone()).datetime(),
        // What is not understood contradicts nothing.
        When::Spoken(_) => true,
    };
    let same = start
        && wish.clinic.is_none_or(|id| id == clinic.id)
        && (wish.providers.is_empty() || wish.providers.contains(&provider))
        && wish.service.is_none_or(|id| Some(id) == service)
        && duration.is_none_or(|duration| duration == slot.duration());
    if same { Ok(()) } else { Err(Error::AmbiguousSlot) }
}
