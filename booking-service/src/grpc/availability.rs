//! `booking.v1.AvailabilityService`.

use proto::booking::v1::{self as pb, availability_service_server::AvailabilityService};
use tonic::{Request, Response, Status};

use super::{admit, answer, convert::Check};
use crate::{
    access::{CHECK_SLOT, SEARCH_SLOTS},
    app::App,
    domain::{slot::SlotChoice, spoken, when},
    error::{Error, Result},
    ops::{
        check_slot::{SlotCheck, check_slot},
        search_slots::{FreeSlots, SearchSlots, search_slots},
    },
};

#[derive(Debug)]
pub(super) struct Availability(pub(super) App);

#[tonic::async_trait]
impl AvailabilityService for Availability {
    async fn check_slot(
        &self,
        request: Request<pb::CheckSlotRequest>,
    ) -> Result<Response<pb::CheckSlotResponse>, Status> {
        let (caller, message) = admit(&self.0, CHECK_SLOT, request).await?;
        let outcome = async { check_slot(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CHECK_SLOT, outcome).await
    }

    async fn search_slots(
        &self,
        request: Request<pb::SearchSlotsRequest>,
    ) -> Result<Response<pb::SearchSlotsResponse>, Status> {
        let (caller, message) = admit(&self.0, SEARCH_SLOTS, request).await?;
        let outcome = async { search_slots(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, SEARCH_SLOTS, outcome).await
    }
}

impl TryFrom<pb::SearchSlotsRequest> for SearchSlots {
    type Error = Error;

    fn try_from(request: pb::SearchSlotsRequest) -> Result<Self> {
        let pb::SearchSlotsRequest { clinic_id, provider_id, date, duration } = request;
        let mut check = Check::default();
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let provider = check.optional_id("provider_id", &provider_id);
        let date = check.field("date", when::date(&date));
        let duration = check.duration("duration", duration);
        let command = || Some(Self { clinic, provider, date: date?, duration: duration? });
        check.finish(command())
    }
}

impl From<FreeSlots> for pb::SearchSlotsResponse {
    fn from(free: FreeSlots) -> Self {
        let FreeSlots { clinic, date, slots } = free;
        Self {
            slots: slots.into_iter().map(Into::into).collect(),
            clinic_id: clinic.id.to_string(),
            time_zone: clinic.zone.iana_name().unwrap_or_default().to_owned(),
            date: date.to_string(),
            spoken_date: spoken::date(date),
        }
    }
}

impl TryFrom<pb::CheckSlotRequest> for SlotChoice {
    type Error = Error;

    fn try_from(request: pb::CheckSlotRequest) -> Result<Self> {
        let pb::CheckSlotRequest { slot } = request;
        let mut check = Check::default();
        let slot = check.slot(slot);
        check.finish(slot)
    }
}

impl From<SlotCheck> for pb::CheckSlotResponse {
    fn from(check: SlotCheck) -> Self {
        let SlotCheck { available, slot, alternatives } = check;
        Self {
            available,
            slot: Some(slot.into()),
            alternatives: alternatives.into_iter().map(Into::into).collect(),
        }
    }
}
