//! Between proto's values and ours. Everything that is wrong with a message is found before anything is refused.

use std::{collections::HashMap, str::FromStr};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proto::booking::v1::{self as pb, slot_choice};

use crate::{
    domain::{
        metadata::Metadata,
        page::{PageRequest, PageSize, Position},
        rules::{FARTHEST_HORIZON, Grid, LONGEST_NOTICE, Policy},
        slot::{OpenSlot, Slot, SlotChoice, Wish},
        spoken,
        text::{self, Name},
        timetable::SlotProblem,
        when::When,
    },
    error::{Error, Result, Violation},
};

/// The longest reason that is kept.
pub(super) const LONGEST_REASON: usize = 500;

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
        let pb::SlotChoice { clinic_id, provider_id, when, duration, service_id, service_text } = slot;
        let wish = Wish {
            clinic: self.optional_id("slot.clinic_id", &clinic_id),
            providers: self.optional_id("slot.provider_id", &provider_id).into_iter().collect(),
            service: self.optional_id("slot.service_id", &service_id),
            service_text: self.service_text("slot.service_text", &service_text),
        };
        let when = self.when(when);
        let duration = self.duration("slot.duration", duration);
        Some(SlotChoice { wish, when: when?, duration: duration? })
    }

    /// What somebody believes a slot to be, as far as they say; without a time they say nothing of it.
    #[expect(clippy::option_option, reason = "whether it is right, and whether it is there at all")]
    pub(super) fn expected(&mut self, slot: Option<pb::SlotChoice>) -> Option<Option<SlotChoice>> {
        match slot {
            None => Some(None),
            Some(mut slot) => {
                let unsaid = slot_choice::When::Spoken(String::new());
                slot.when = Some(slot.when.unwrap_or(unsaid));
                self.slot(Some(slot)).map(Some)
            }
        }
    }

    /// What a service is called; nothing that could be a name is none.
    pub(super) fn service_text(&mut self, field: &'static str, text: &str) -> Option<Name> {
        if text.chars().any(char::is_alphanumeric) { self.field(field, Name::parse(text)) } else { None }
    }

    /// How long a visit is; `None` inside: as usual.
    #[expect(clippy::option_option, reason = "whether it is right, and whether it is there at all")]
    pub(super) fn duration(
        &mut self,
        field: &'static str,
        duration: Option<prost_types::Duration>,
    ) -> Option<Option<SignedDuration>> {
        let Some(duration) = duration else { return Some(None) };
        self.field(field, length(&duration)).map(Some)
    }

    /// A span of time in whole minutes, at most so long; nothing is none.
    pub(super) fn minutes(
        &mut self,
        field: &'static str,
        duration: Option<prost_types::Duration>,
        longest: SignedDuration,
    ) -> SignedDuration {
        let prost_types::Duration { seconds, nanos } = duration.unwrap_or_default();
        let span = SignedDuration::from_secs(seconds);
        let fits = nanos == 0 && seconds % 60 == 0 && (SignedDuration::ZERO..=longest).contains(&span);
        let problem = || format!("must be whole minutes, at most {}", longest.as_mins());
        self.field(field, fits.then_some(span).ok_or_else(problem)).unwrap_or_default()
    }

    /// What limits a start.
    pub(super) fn policy(&mut self, policy: Option<pb::StartPolicy>) -> Policy {
        let pb::StartPolicy { grid_minutes, notice, horizon_days } = policy.unwrap_or_default();
        let grid = if grid_minutes == 0 { Ok(None) } else { Grid::parse(grid_minutes.into()).map(Some) };
        let horizon = u16::try_from(horizon_days).ok().filter(|days| *days <= FARTHEST_HORIZON);
        let horizon = horizon.ok_or_else(|| format!("must be from 0 to {FARTHEST_HORIZON}"));
        let notice = self.minutes("policy.notice", notice, LONGEST_NOTICE);
        Policy {
            grid: self.field("policy.grid_minutes", grid).flatten(),
            notice: Some(notice).filter(|notice| !notice.is_zero()),
            horizon_days: self.field("policy.horizon_days", horizon).filter(|days| *days > 0),
        }
    }

    /// The version that was read; 0: it does not matter.
    #[expect(clippy::option_option, reason = "whether it is right, and whether it is there at all")]
    pub(super) fn version(&mut self, version: i64) -> Option<Option<i64>> {
        let known = if version < 0 { Err("must be 0 or a version".to_owned()) } else { Ok(version) };
        self.field("version", known).map(|version| Some(version).filter(|version| *version > 0))
    }

    /// Text of at most so many characters.
    pub(super) fn text(&mut self, field: &'static str, text: &str, longest: usize) -> Option<String> {
        self.field(field, text::optional(text, longest)).flatten()
    }

    /// What a client keeps with an appointment.
    pub(super) fn metadata(&mut self, pairs: HashMap<String, String>) -> Option<Metadata> {
        self.field("metadata", Metadata::new(pairs.into_iter().collect()))
    }

    /// Why the rules are set aside.
    pub(super) fn override_reason(&mut self, reason: &str) -> Option<String> {
        self.text("override_reason", reason, LONGEST_REASON)
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

/// A span of time as proto's.
pub(super) fn duration(span: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: span.as_secs(), nanos: 0 }
}

/// An instant on a clinic's wall clock.
pub(super) fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

impl From<SlotProblem> for pb::SlotProblem {
    fn from(problem: SlotProblem) -> Self {
        match problem {
            SlotProblem::InvalidDuration => Self::InvalidDuration,
            SlotProblem::TooSoon => Self::TooSoon,
            SlotProblem::TooFar => Self::TooFar,
            SlotProblem::Closed => Self::Closed,
            SlotProblem::OutsideHours => Self::OutsideHours,
            SlotProblem::ProviderAway => Self::ProviderAway,
            SlotProblem::Misaligned => Self::Misaligned,
            SlotProblem::Taken => Self::Taken,
        }
    }
}

/// Why not, as proto's number; nothing: it can be booked.
pub(super) fn problem(problem: Option<SlotProblem>) -> i32 {
    problem.map_or(pb::SlotProblem::Unspecified, Into::into).into()
}

/// Answers that hold one thing each.
macro_rules! answers {
    ($($from:ty => $message:ident.$field:ident),* $(,)?) => {
        $(impl From<$from> for pb::$message {
            fn from(thing: $from) -> Self {
                Self { $field: Some(thing.into()) }
            }
        })*
    };
}

/// Lists of things, a page at a time.
macro_rules! pages {
    ($($from:ty => $message:ident.$field:ident),* $(,)?) => {
        $(impl From<crate::domain::page::Page<$from>> for pb::$message {
            fn from(page: crate::domain::page::Page<$from>) -> Self {
                Self {
                    $field: page.items.into_iter().map(Into::into).collect(),
                    next_page_token: page.next.map(crate::domain::page::Position::token).unwrap_or_default(),
                }
            }
        })*
    };
}

/// Requests that name one thing.
macro_rules! names {
    ($($message:ident.$field:ident => $id:ty),* $(,)?) => {
        $(impl TryFrom<pb::$message> for $id {
            type Error = Error;

            fn try_from(request: pb::$message) -> Result<Self> {
                let pb::$message { $field } = request;
                let mut check = Check::default();
                let id = check.id(stringify!($field), &$field);
                check.finish(id)
            }
        })*
    };
}

pub(super) use {answers, names, pages};

impl From<OpenSlot> for pb::Slot {
    fn from(open: OpenSlot) -> Self {
        let OpenSlot { offer, clinic, provider, service, slot, zone } = open;
        let (provider_id, provider_name) =
            provider.map_or_else(Default::default, |provider| (provider.id.to_string(), provider.name));
        Self {
            offer_id: offer.map(|offer| offer.as_str().to_owned()).unwrap_or_default(),
            clinic_id: clinic.to_string(),
            provider_id,
            provider_name,
            start_time: Some(timestamp(slot.start())),
            end_time: Some(timestamp(slot.end())),
            time_zone: zone.iana_name().unwrap_or_default().to_owned(),
            spoken_start_time: spoken::time(slot.start(), &zone),
            service_id: service.map(|service| service.to_string()).unwrap_or_default(),
            local_start_time: local(slot.start(), &zone),
        }
    }
}
