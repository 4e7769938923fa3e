//! An appointment as proto shows it.

use proto::booking::v1 as pb;

use super::convert::{answers, local, pages, timestamp};
use crate::domain::{
    appointment::{Appointment, CalendarSync, State, SyncStatus},
    patient::Patient,
    spoken,
};

/// The state that a filter asks for; `None`: any.
pub(super) fn state_filter(state: pb::AppointmentState) -> Option<State> {
    match state {
        pb::AppointmentState::Unspecified => None,
        pb::AppointmentState::Held => Some(State::Held),
        pb::AppointmentState::Booked => Some(State::Booked),
        pb::AppointmentState::Confirmed => Some(State::Confirmed),
        pb::AppointmentState::Completed => Some(State::Completed),
        pb::AppointmentState::Cancelled => Some(State::Cancelled),
        pb::AppointmentState::NoShow => Some(State::NoShow),
        pb::AppointmentState::Released => Some(State::Released),
        pb::AppointmentState::Expired => Some(State::Expired),
    }
}

impl From<State> for pb::AppointmentState {
    fn from(state: State) -> Self {
        match state {
            State::Held => Self::Held,
            State::Booked => Self::Booked,
            State::Confirmed => Self::Confirmed,
            State::Completed => Self::Completed,
            State::Cancelled => Self::Cancelled,
            State::NoShow => Self::NoShow,
            State::Released => Self::Released,
            State::Expired => Self::Expired,
        }
    }
}

impl From<SyncStatus> for pb::CalendarSyncStatus {
    fn from(status: SyncStatus) -> Self {
        match status {
            SyncStatus::NotConnected => Self::NotConnected,
            SyncStatus::Pending => Self::Pending,
            SyncStatus::Synced => Self::Synced,
            SyncStatus::Failed => Self::Failed,
        }
    }
}

impl From<Patient> for pb::Patient {
    fn from(patient: Patient) -> Self {
        let Patient { id, name, phone, email } = patient;
        Self { id: id.to_string(), name, phone: phone.unwrap_or_default(), email: email.unwrap_or_default() }
    }
}

impl From<CalendarSync> for pb::CalendarSync {
    fn from(sync: CalendarSync) -> Self {
        let CalendarSync { status, event_id, synced_at } = sync;
        Self {
            status: pb::CalendarSyncStatus::from(status).into(),
            event_id: event_id.unwrap_or_default(),
            sync_time: synced_at.map(timestamp),
        }
    }
}

fn parts(appointment: Appointment) -> (Option<pb::Appointment>, Option<pb::CalendarSync>) {
    let Appointment {
        id,
        org,
        clinic,
        provider,
        patient,
        slot,
        block: _,
        state,
        hold_expires_at,
        confirmation_code,
        service,
        service_text,
        metadata,
        call: _,
        cancel_reason,
        created_at,
        updated_at,
        version,
        calendar,
    } = appointment;
    let (service_id, service_name) = service.map(|(id, name)| (id.to_string(), name)).unwrap_or_default();
    let appointment = pb::Appointment {
        id: id.to_string(),
        org_id: org.to_string(),
        clinic_id: clinic.id.to_string(),
        clinic_name: clinic.name,
        provider_id: provider.id.to_string(),
        provider_name: provider.name,
        patient: patient.map(Into::into),
        start_time: Some(timestamp(slot.start())),
        end_time: Some(timestamp(slot.end())),
        time_zone: clinic.zone.iana_name().unwrap_or_default().to_owned(),
        local_start_time: local(slot.start(), &clinic.zone),
        spoken_start_time: spoken::time(slot.start(), &clinic.zone),
        state: pb::AppointmentState::from(state).into(),
        hold_expire_time: hold_expires_at.filter(|_| state == State::Held).map(timestamp),
        confirmation_code: confirmation_code.as_str().to_owned(),
        service_text: service_text.unwrap_or_default(),
        create_time: Some(timestamp(created_at)),
        update_time: Some(timestamp(updated_at)),
        version,
        service_id,
        service_name,
        metadata: metadata.into_pairs().collect(),
        cancel_reason: cancel_reason.unwrap_or_default(),
    };
    (Some(appointment), Some(calendar.into()))
}

impl From<Appointment> for pb::Appointment {
    fn from(appointment: Appointment) -> Self {
        parts(appointment).0.unwrap_or_default()
    }
}

answers!(Appointment => HoldSlotResponse.appointment, Appointment => ReleaseHoldResponse.appointment);

/// Answers that hold an appointment, and how far it is on its way into the calendar.
macro_rules! synced {
    ($($message:ident),*) => {
        $(impl From<Appointment> for pb::$message {
            fn from(appointment: Appointment) -> Self {
                let (appointment, calendar_sync) = parts(appointment);
                Self { appointment, calendar_sync }
            }
        })*
    };
}

synced!(
    BookAppointmentResponse,
    CancelAppointmentResponse,
    CompleteAppointmentResponse,
    ConfirmAppointmentResponse,
    GetAppointmentResponse,
    MarkNoShowResponse,
    RescheduleAppointmentResponse
);

pages!(Appointment => ListAppointmentsResponse.appointments);
