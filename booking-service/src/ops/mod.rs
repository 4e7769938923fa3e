//! What a caller can do: one file for each operation that writes, one transaction in each.

pub mod book_appointment;
pub mod cancel_appointment;
pub mod check_slot;
pub mod create_organisation;
pub mod get_caller;
pub mod manage_clinics;
pub mod manage_providers;
pub mod read_appointments;
pub mod refusals;
pub mod search_slots;
mod slots;
