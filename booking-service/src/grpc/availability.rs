//! `booking.v1.AvailabilityService`.

use proto::booking::v1::{self as pb, availability_service_server::AvailabilityService};
use tonic::{Request, Response, Status};

use super::{admit, answer, convert::Check};
use crate::{
    access::CHECK_SLOT,
    app::App,
    domain::slot::SlotChoice,
    error::{Error, Result},
    ops::check_slot::{SlotCheck, check_slot},
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
