//! Between proto's values and ours. Everything that is wrong with a message is found before anything is refused.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use proto::booking::v1::{self as pb, slot_choice};

use crate::{
    domain::{
        page::{PageRequest, PageSize, Position},
        slot::{OpenSlot, Slot, SlotChoice, USUAL_DURATION},
        spoken,
        when::When,
    },
    error::{Error, Result, Violation},
};

/// Collects what is wrong with a message.
#[derive(Debug, Default)]
pub(super) struct Check {
    violations: Vec<Violation>,
}

impl Check {
    /// The value, or a violation of the field.
    pub(super) fn field<T>(&mut self, field: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|problem| self.violations.push(Violation { field, problem })).ok()
    }

    /// An id that may be missing.
    pub(super) fn optional_id<T: FromStr>(&mut self, field: &'static str, id: &str) -> Option<T> {
        if id.is_empty() { None } else { self.id(field, id) }
    }

    /// An id that must be there.
    pub(super) fn id<T: FromStr>(&mut self, field: &'static str, id: &str) -> Option<T> {
        let problem = if id.is_empty() { "is required" } else { "is not a UUID" };
        self.field(field, id.parse().map_err(|_| problem.to_owned()))
    }

    /// A time that may be missing.
    pub(super) fn optional_time(
        &mut self,
        field: &'static str,
        time: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        time.and_then(|time| self.field(field, instant(time)))
    }

    /// Where a list goes on, and how far.
    pub(super) fn page(&mut self, size: i32, token: &str) -> Option<(PageSize, Option<Position>)> {
        let size = self.field("page_size", PageSize::parse(size));
        let after = self.field("page_token", Position::parse(token));
        size.zip(after)
    }

    /// A slot that must be there.
    pub(super) fn slot(&mut self, slot: Option<pb::SlotChoice>) -> Option<SlotChoice> {
        let slot = self.field("slot", slot.ok_or_else(|| "is required".to_owned()))?;
        let pb::SlotChoice { clinic_id, provider_id, when, duration } = slot;
        let clinic = self.optional_id("slot.clinic_id", &clinic_id);
        let provider = self.optional_id("slot.provider_id", &provider_id);
        let when = self.when(when);
        let duration = self.duration("slot.duration", duration);
        Some(SlotChoice { clinic, provider, when: when?, duration: duration? })
    }

    /// How long a visit is; the usual time when nobody says.
    pub(super) fn duration(
        &mut self,
        field: &'static str,
        duration: Option<prost_types::Duration>,
    ) -> Option<SignedDuration> {
        duration.map_or(Some(USUAL_DURATION), |duration| self.field(field, length(&duration)))
    }

    fn when(&mut self, when: Option<slot_choice::When>) -> Option<When> {
        let when = match when {
            None => Err("is required".to_owned()),
            Some(slot_choice::When::Timestamp(time)) => instant(time).and_then(When::instant),
            Some(slot_choice::When::LocalTime(text)) => When::local(&text),
            Some(slot_choice::When::Spoken(text)) => Ok(When::Spoken(text)),
        };
        self.field("slot.when", when)
    }

    /// The command, unless something was wrong. A command that is missing for no reason is a bug of ours.
    pub(super) fn finish<T>(self, command: Option<T>) -> Result<T> {
        match command {
            Some(command) if self.violations.is_empty() => Ok(command),
            _ if !self.violations.is_empty() => Err(Error::Invalid(self.violations)),
            _ => Err(Error::Internal(anyhow::anyhow!("a field is missing that nobody missed"))),
        }
    }
}

/// Lists that are asked for nothing else than a page.
macro_rules! page_requests {
    ($($message:ident),*) => {
        $(impl TryFrom<pb::$message> for PageRequest {
            type Error = Error;

            fn try_from(request: pb::$message) -> Result<Self> {
                let pb::$message { page_size, page_token } = request;
                let mut check = Check::default();
                let page = check.page(page_size, &page_token);
                check.finish(page.map(|(size, after)| Self { size, after }))
            }
        })*
    };
}

page_requests!(
    ListAgentKeysRequest,
    ListCalendarsRequest,
    ListClinicsRequest,
    ListMembersRequest,
    ListWebhookCredentialsRequest
);

fn instant(time: prost_types::Timestamp) -> Result<Timestamp, String> {
    let prost_types::Timestamp { seconds, nanos } = time;
    // To the microsecond, as it will be stored; and of the years that proto's type has, which Postgres has, too.
    let in_range =
        (0..1_000_000_000).contains(&nanos) && (-62_135_596_800..=253_402_300_799).contains(&seconds);
    let micros = in_range.then_some(nanos / 1_000 * 1_000);
    micros.and_then(|nanos| Timestamp::new(seconds, nanos).ok()).ok_or_else(|| "is not a time".to_owned())
}

fn length(duration: &prost_types::Duration) -> Result<SignedDuration, String> {
    let prost_types::Duration { seconds, nanos } = *duration;
    // What is said and shown has minutes and nothing finer.
    if nanos != 0 || seconds % 60 != 0 {
        return Err("must be whole minutes".to_owned());
    }
    Slot::check_duration(SignedDuration::from_secs(seconds))
}

/// One of ours as proto's.
pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

impl From<OpenSlot> for pb::Slot {
    fn from(open: OpenSlot) -> Self {
        let OpenSlot { clinic, provider, slot, zone } = open;
        let (provider_id, provider_name) =
            provider.map_or_else(Default::default, |provider| (provider.id.to_string(), provider.name));
        Self {
            offer_id: String::new(),
            clinic_id: clinic.to_string(),
            provider_id,
            provider_name,
            start_time: Some(timestamp(slot.start())),
            end_time: Some(timestamp(slot.end())),
            time_zone: zone.iana_name().unwrap_or_default().to_owned(),
            spoken_start_time: spoken::time(slot.start(), &zone),
        }
    }
}
