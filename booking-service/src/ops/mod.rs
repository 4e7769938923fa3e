//! What a caller can do: one file for each operation that writes, one transaction in each.

pub mod accept_invitation;
pub mod audit_seals;
pub mod authenticate_agent;
pub mod authenticate_bearer;
pub mod book_appointment;
mod calendar_news;
pub mod change_state;
pub mod check_slot;
pub mod connect_calendar;
pub mod create_organisation;
pub mod dead_letters;
pub mod describe_clinic;
pub mod exchange_webhook_signature;
pub mod get_caller;
pub mod get_profile;
pub mod hold_slot;
pub mod import_clinic;
pub mod list_audit_events;
pub mod manage_absences;
pub mod manage_agent_keys;
pub mod manage_calendars;
pub mod manage_clinics;
pub mod manage_documents;
pub mod manage_members;
pub mod manage_patients;
pub mod manage_providers;
pub mod manage_schedules;
pub mod manage_services;
pub mod manage_webhook_credentials;
pub mod offered;
pub mod read_appointments;
pub mod record_call_event;
pub mod refusals;
pub mod reschedule_appointment;
pub mod rotate_secrets;
pub mod search_knowledge;
pub mod search_slots;
pub mod sessions;
pub mod sign_in;
pub mod sign_up;
mod slots;
mod take_slot;

/// It was done, and there is nothing to tell of it.
#[derive(Clone, Copy, Debug)]
pub struct Done;
