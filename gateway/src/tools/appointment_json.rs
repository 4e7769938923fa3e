//! Appointments and slots as the direct form of the HTTP API shows them.

use proto::booking::v1 as pb;
use serde::Serialize;
use serde_json::{Value, json};

/// An instant, RFC 3339 in UTC with milliseconds.
pub(crate) fn instant(time: Option<&prost_types::Timestamp>) -> Option<String> {
    let time = time?;
    let at = jiff::Timestamp::new(time.seconds, time.nanos).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// A slot.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SlotJson {
    offer_id: String,
    clinic_id: String,
    provider_id: String,
    provider_name: String,
    start_time: Option<String>,
    end_time: Option<String>,
    time_zone: String,
    service_id: Option<String>,
}

impl From<pb::Slot> for SlotJson {
    fn from(slot: pb::Slot) -> Self {
        let pb::Slot {
            offer_id,
            clinic_id,
            provider_id,
            provider_name,
            start_time,
            end_time,
            time_zone,
            spoken_start_time: _,
            service_id,
            local_start_time: _,
        } = slot;
        Self {
            offer_id,
            clinic_id,
            provider_id,
            provider_name,
            start_time: instant(start_time.as_ref()),
            end_time: instant(end_time.as_ref()),
            time_zone,
            service_id: known(service_id),
        }
    }
}

/// An appointment.
pub(super) fn appointment(appointment: &pb::Appointment) -> Value {
    let patient = appointment.patient.clone().unwrap_or_default();
    json!({
        "id": appointment.id,
        "org_id": appointment.org_id,
        "clinic_id": appointment.clinic_id,
        "provider_id": appointment.provider_id,
        "patient_name": known(patient.name),
        "patient_email": known(patient.email),
        "patient_phone": known(patient.phone),
        "scheduled_at": instant(appointment.start_time.as_ref()),
        "duration_minutes": minutes(appointment),
        "service_id": known(appointment.service_id.clone()),
        "service": known(appointment.service_name.clone()),
        "status": status(appointment.state()),
        "hold_expires_at": instant(appointment.hold_expire_time.as_ref()),
        "confirmation_code": appointment.confirmation_code,
        "created_at": instant(appointment.create_time.as_ref()),
    })
}

/// The way into the calendar.
pub(super) fn calendar_sync(sync: &pb::CalendarSync, appointment_id: &str) -> Value {
    json!({
        "status": match sync.status() {
            pb::CalendarSyncStatus::Synced => "synced",
            pb::CalendarSyncStatus::Pending => "pending",
            pb::CalendarSyncStatus::Failed => "failed",
            pb::CalendarSyncStatus::NotConnected | pb::CalendarSyncStatus::Unspecified => "not_connected",
        },
        "event_id": event_id(sync),
        "appointment_id": appointment_id,
        "synced_at": instant(sync.sync_time.as_ref()),
    })
}

/// The event in the calendar, where there is one.
pub(super) fn event_id(sync: &pb::CalendarSync) -> Option<String> {
    known(sync.event_id.clone())
}

/// Nothing is null, not an empty string.
fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn minutes(appointment: &pb::Appointment) -> Option<i64> {
    let (start, end) = (appointment.start_time.as_ref()?, appointment.end_time.as_ref()?);
    Some((end.seconds - start.seconds) / 60)
}

/// The state as one word.
pub(crate) fn status(state: pb::AppointmentState) -> &'static str {
    match state {
        pb::AppointmentState::Unspecified => "unknown",
        pb::AppointmentState::Held => "held",
        pb::AppointmentState::Booked => "booked",
        pb::AppointmentState::Confirmed => "confirmed",
        pb::AppointmentState::Completed => "completed",
        pb::AppointmentState::Cancelled => "cancelled",
        pb::AppointmentState::NoShow => "no_show",
        pb::AppointmentState::Released => "released",
        pb::AppointmentState::Expired => "expired",
    }
}
