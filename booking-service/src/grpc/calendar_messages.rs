//! The messages about calendars.

use proto::booking::v1 as pb;

use super::convert::{Check, timestamp};
use crate::{
    domain::{
        appointment::CalendarSync,
        calendar::{
            Calendar, CalendarChoices, CalendarKind, CalendarState, DeletedEvents, EventDetails,
            GoogleCalendarId, SyncHealth, SyncWord,
        },
        dead_letter::DeadLetter,
        ids::{AppointmentId, CalendarId},
        page::{Page, Position},
        patient::Email,
    },
    error::{Error, Result},
    google::credential::ServiceAccount,
    ops::{
        connect_calendar::{CompleteConnect, ConnectCalendar, Connecting},
        dead_letters::ListDeadLetters,
        manage_calendars::{Resyncing, SyncReport, UpdateCalendar},
    },
};

/// A key file has about 2,400 characters, a code about 80.
const LONGEST_KEY: usize = 16 << 10;
const LONGEST_CODE: usize = 4 << 10;

impl TryFrom<pb::ConnectCalendarRequest> for ConnectCalendar {
    type Error = Error;

    fn try_from(request: pb::ConnectCalendarRequest) -> Result<Self> {
        let pb::ConnectCalendarRequest {
            provider_id,
            google_calendar_id,
            choices: chosen,
            service_account: account,
        } = request;
        let mut check = Check::default();
        let provider = check.id("provider_id", &provider_id);
        let google_id = check.field("google_calendar_id", GoogleCalendarId::parse(&google_calendar_id));
        let choices = choices(&mut check, chosen.unwrap_or_default());
        let account = account.map_or(Some(None), |account| service_account(&mut check, account).map(Some));
        let command = || {
            Some(Self {
                provider: provider?,
                google_id: google_id?,
                choices: choices?,
                service_account: account?,
            })
        };
        check.finish(command())
    }
}

fn choices(check: &mut Check, choices: pb::CalendarChoices) -> Option<CalendarChoices> {
    let deleted_events = match pb::DeletedEvents::try_from(choices.deleted_events) {
        Ok(pb::DeletedEvents::Unspecified | pb::DeletedEvents::Ask) => Ok(DeletedEvents::Ask),
        Ok(pb::DeletedEvents::Recreate) => Ok(DeletedEvents::Recreate),
        Err(_) => Err("is not a choice".to_owned()),
    };
    let deleted_events = check.field("choices.deleted_events", deleted_events)?;
    let pb::CalendarChoices { show_patient_name, show_patient_phone, show_service, deleted_events: _ } =
        choices;
    let details = EventDetails {
        patient_name: show_patient_name,
        patient_phone: show_patient_phone,
        service: show_service,
    };
    Some(CalendarChoices { details, deleted_events })
}

fn service_account(check: &mut Check, account: pb::ServiceAccount) -> Option<ServiceAccount> {
    let pb::ServiceAccount { key_json, subject } = account;
    let given = Some(subject).filter(|subject| !subject.trim().is_empty());
    let subject = given.map(|subject| Email::parse(&subject)).transpose();
    let subject = check.field("service_account.subject", subject);
    let key = match key_json.len() {
        0 => Err("is required".to_owned()),
        1..=LONGEST_KEY => ServiceAccount::parse(&key_json, subject.clone().flatten()),
        _ => Err(format!("is longer than {LONGEST_KEY} bytes")),
    };
    check.field("service_account.key_json", key).filter(|_| subject.is_some())
}

impl TryFrom<pb::CompleteConnectRequest> for CompleteConnect {
    type Error = Error;

    fn try_from(request: pb::CompleteConnectRequest) -> Result<Self> {
        let pb::CompleteConnectRequest { state, code, error } = request;
        let mut check = Check::default();
        let state = match state.len() {
            0 => Err("is required".to_owned()),
            _ => Ok(state),
        };
        let state = check.field("state", state);
        let code = match (code.len(), error.is_empty()) {
            (0, true) => Err("is required, or the error".to_owned()),
            (0, false) => Ok(None),
            (1..=LONGEST_CODE, _) => Ok(Some(code.into())),
            _ => Err(format!("is longer than {LONGEST_CODE} bytes")),
        };
        let code = check.field("code", code);
        check.finish(state.zip(code).map(|(state, code)| Self { state: state.into(), code }))
    }
}

impl TryFrom<pb::UpdateCalendarRequest> for UpdateCalendar {
    type Error = Error;

    fn try_from(request: pb::UpdateCalendarRequest) -> Result<Self> {
        let pb::UpdateCalendarRequest { calendar_id, choices: chosen } = request;
        let mut check = Check::default();
        let id = check.id("calendar_id", &calendar_id);
        let chosen = check.field("choices", chosen.ok_or_else(|| "is required".to_owned()));
        let choices = chosen.and_then(|chosen| choices(&mut check, chosen));
        check.finish(id.zip(choices).map(|(id, choices)| Self { id, choices }))
    }
}

impl TryFrom<pb::ListDeadLettersRequest> for ListDeadLetters {
    type Error = Error;

    fn try_from(request: pb::ListDeadLettersRequest) -> Result<Self> {
        let pb::ListDeadLettersRequest { page_size, page_token, calendar_id } = request;
        let mut check = Check::default();
        let page = check.page(page_size, &page_token);
        let calendar = check.optional_id("calendar_id", &calendar_id);
        check.finish(page.map(|(size, after)| Self { calendar, size, after }))
    }
}

/// Requests that name one thing.
macro_rules! names {
    ($($message:ident.$field:ident: $id:ident;)*) => {
        $(impl TryFrom<pb::$message> for $id {
            type Error = Error;

            fn try_from(request: pb::$message) -> Result<Self> {
                let pb::$message { $field: id } = request;
                let mut check = Check::default();
                let id = check.id(stringify!($field), &id);
                check.finish(id)
            }
        })*
    };
}

names! {
    DisconnectCalendarRequest.calendar_id: CalendarId;
    GetSyncStatusRequest.calendar_id: CalendarId;
    ResyncCalendarRequest.calendar_id: CalendarId;
    RequeueDeadLetterRequest.appointment_id: AppointmentId;
}

impl From<SyncWord> for pb::CalendarStatus {
    fn from(word: SyncWord) -> Self {
        match word {
            SyncWord::Connected => Self::Connected,
            SyncWord::Degraded => Self::Degraded,
            SyncWord::Reauthorise => Self::Reauthorise,
            SyncWord::Disconnected => Self::Disconnected,
        }
    }
}

impl From<CalendarChoices> for pb::CalendarChoices {
    fn from(choices: CalendarChoices) -> Self {
        let CalendarChoices { details, deleted_events } = choices;
        let EventDetails { patient_name, patient_phone, service } = details;
        let deleted_events = match deleted_events {
            DeletedEvents::Ask => pb::DeletedEvents::Ask,
            DeletedEvents::Recreate => pb::DeletedEvents::Recreate,
        };
        Self {
            show_patient_name: patient_name,
            show_patient_phone: patient_phone,
            show_service: service,
            deleted_events: deleted_events.into(),
        }
    }
}

impl From<Calendar> for pb::Calendar {
    fn from(calendar: Calendar) -> Self {
        let Calendar {
            id,
            provider,
            google_id,
            name,
            kind,
            state,
            trouble: _,
            choices,
            connected_by,
            connected_at,
            last_success_at: _,
        } = calendar;
        let access = match kind {
            CalendarKind::Consent => pb::CalendarAccess::Consent,
            CalendarKind::ServiceAccount => pb::CalendarAccess::ServiceAccount,
        };
        let status = match state {
            CalendarState::Connected => pb::CalendarStatus::Connected,
            CalendarState::Reauthorise => pb::CalendarStatus::Reauthorise,
            CalendarState::Disconnected => pb::CalendarStatus::Disconnected,
        };
        Self {
            id: id.to_string(),
            provider_id: provider.to_string(),
            google_calendar_id: google_id.as_str().to_owned(),
            name,
            access: access.into(),
            status: status.into(),
            choices: Some(choices.into()),
            connected_by,
            connect_time: Some(timestamp(connected_at)),
        }
    }
}

impl From<Connecting> for pb::ConnectCalendarResponse {
    fn from(connecting: Connecting) -> Self {
        match connecting {
            Connecting::Connected(calendar) => Self {
                calendar: Some((*calendar).into()),
                authorization_url: String::new(),
                expire_time: None,
            },
            Connecting::Asked(url, until) => {
                Self { calendar: None, authorization_url: url.into(), expire_time: Some(timestamp(until)) }
            }
        }
    }
}

/// Answers that are one calendar.
macro_rules! calendars {
    ($($message:ident),*) => {
        $(impl From<Calendar> for pb::$message {
            fn from(calendar: Calendar) -> Self {
                Self { calendar: Some(calendar.into()) }
            }
        })*
    };
}

calendars!(CompleteConnectResponse, UpdateCalendarResponse, DisconnectCalendarResponse);

impl From<Page<Calendar>> for pb::ListCalendarsResponse {
    fn from(page: Page<Calendar>) -> Self {
        Self {
            calendars: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}

impl From<SyncReport> for pb::GetSyncStatusResponse {
    fn from(report: SyncReport) -> Self {
        let SyncReport { health, word } = report;
        let SyncHealth { calendar, backlog, oldest_pending_at, failed, failures: _ } = health;
        let (last_success_at, trouble) = (calendar.last_success_at, calendar.trouble.clone());
        let calendar = pb::Calendar { status: pb::CalendarStatus::from(word).into(), ..calendar.into() };
        Self {
            calendar: Some(calendar),
            last_success_time: last_success_at.map(timestamp),
            backlog,
            oldest_pending_time: oldest_pending_at.map(timestamp),
            failed,
            trouble: trouble.unwrap_or_default(),
        }
    }
}

impl From<Resyncing> for pb::ResyncCalendarResponse {
    fn from(Resyncing(appointments): Resyncing) -> Self {
        Self { appointments: i64::try_from(appointments).unwrap_or(i64::MAX) }
    }
}

impl From<DeadLetter> for pb::DeadLetter {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { appointment, calendar, event_id, trouble, attempts, pending_since } = letter;
        Self {
            appointment_id: appointment.to_string(),
            calendar_id: calendar.to_string(),
            event_id: event_id.unwrap_or_default(),
            reason: trouble,
            attempts,
            pending_time: pending_since.map(timestamp),
        }
    }
}

impl From<Page<DeadLetter>> for pb::ListDeadLettersResponse {
    fn from(page: Page<DeadLetter>) -> Self {
        Self {
            dead_letters: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}

impl From<CalendarSync> for pb::RequeueDeadLetterResponse {
    fn from(sync: CalendarSync) -> Self {
        Self { calendar_sync: Some(sync.into()) }
    }
}
