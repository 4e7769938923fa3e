//! The rules of booking: no I/O, no clock, no proto.

pub mod appointment;
pub mod clinic;
pub mod confirmation_code;
pub mod idempotency;
pub mod ids;
pub mod openings;
pub mod page;
pub mod patient;
pub mod slot;
pub mod spoken;
pub mod suggestions;
pub mod text;
pub mod when;
