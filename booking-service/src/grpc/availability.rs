//! `booking.v1.AvailabilityService`.

use jiff::{ToSpan as _, civil::Weekday};
use proto::booking::v1::{self as pb, availability_service_server::AvailabilityService};
use tonic::{Request, Response, Status};

use super::{
    admit, answer,
    convert::{Check, problem},
};
use crate::{
    access::{CHECK_SLOT, SEARCH_SLOTS},
    app::App,
    domain::{
        part_of_day::PartOfDay,
        slot::{SlotChoice, Wish},
        spoken,
        when::{self, When},
    },
    error::{Error, Result},
    ops::{
        check_slot::{SlotCheck, check_slot},
        search_slots::{FreeSlots, SearchSlots, search_slots},
    },
};

/// How far and how much one search goes.
const MOST_DAYS: i64 = 30;
const MOST_PROVIDERS: usize = 50;
const MOST_SLOTS: i32 = 500;
const USUAL_LIMIT: usize = 200;

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
        let part = request.part_of_day();
        let pb::SearchSlotsRequest {
            clinic_id,
            provider_id,
            date,
            duration,
            mut provider_ids,
            service_id,
            service_text,
            end_date,
            part_of_day,
            weekdays,
            nearest_to,
            limit,
            offered,
        } = request;
        let mut check = Check::default();
        let one = (!provider_id.is_empty()).then_some(provider_id);
        let many = one.is_some() && !provider_ids.is_empty();
        let few = if provider_ids.len() > MOST_PROVIDERS { Err("are too many") } else { Ok(()) };
        let few = if many { Err("cannot come with provider_id") } else { few };
        check.field("provider_ids", few.map_err(str::to_owned));
        provider_ids.extend(one);
        let wish = Wish {
            clinic: check.optional_id("clinic_id", &clinic_id),
            providers: provider_ids.iter().filter_map(|id| check.id("provider_id", id)).collect(),
            service: check.optional_id("service_id", &service_id),
            service_text: check.service_text("service_text", &service_text),
        };
        let first = check.field("date", when::date(&date));
        let last = if end_date.is_empty() { first } else { check.field("end_date", when::date(&end_date)) };
        let in_reach = first
            .zip(last)
            .is_none_or(|(first, last)| (first..=first.saturating_add(MOST_DAYS.days())).contains(&last));
        let in_reach =
            in_reach.then_some(()).ok_or_else(|| format!("must be from date to {MOST_DAYS} days later"));
        check.field("end_date", in_reach);
        let known = pb::PartOfDay::try_from(part_of_day).map_err(|_| "is not a part of the day".to_owned());
        check.field("part_of_day", known);
        let day = |number: &i32| {
            let weekday = i8::try_from(*number).ok().and_then(|n| Weekday::from_monday_one_offset(n).ok());
            weekday.ok_or_else(|| "must be from 1 (Monday) to 7 (Sunday)".to_owned())
        };
        let weekdays = check.field("weekdays", weekdays.iter().map(day).collect());
        let near = if nearest_to.is_empty() { Ok(None) } else { When::local(&nearest_to).map(Some) };
        let near = check.field("nearest_to", near);
        let limit = match limit {
            0 => Ok(USUAL_LIMIT),
            1..=MOST_SLOTS => Ok(limit.unsigned_abs() as usize),
            _ => Err(format!("must be from 1 to {MOST_SLOTS}, or 0 for {USUAL_LIMIT}")),
        };
        let limit = check.field("limit", limit);
        let duration = check.duration("duration", duration);
        let command = || {
            Some(Self {
                wish,
                first: first?,
                last: last?,
                duration: duration?,
                part: part_of(part),
                weekdays: weekdays?,
                nearest_to: near?,
                limit: limit?,
                offered,
            })
        };
        check.finish(command())
    }
}

fn part_of(part: pb::PartOfDay) -> Option<PartOfDay> {
    match part {
        pb::PartOfDay::Unspecified => None,
        pb::PartOfDay::Morning => Some(PartOfDay::Morning),
        pb::PartOfDay::Afternoon => Some(PartOfDay::Afternoon),
        pb::PartOfDay::Evening => Some(PartOfDay::Evening),
    }
}

impl From<FreeSlots> for pb::SearchSlotsResponse {
    fn from(free: FreeSlots) -> Self {
        let FreeSlots { clinic, date, slots, more, problem: why } = free;
        Self {
            slots: slots.into_iter().map(Into::into).collect(),
            clinic_id: clinic.id.to_string(),
            time_zone: clinic.zone.iana_name().unwrap_or_default().to_owned(),
            date: date.to_string(),
            spoken_date: spoken::date(date),
            problem: problem(why),
            more,
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
        let SlotCheck { problem: why, slot, alternatives } = check;
        Self {
            available: why.is_none(),
            problem: problem(why),
            slot: Some(slot.into()),
            alternatives: alternatives.into_iter().map(Into::into).collect(),
        }
    }
}
