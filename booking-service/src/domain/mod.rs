//! The rules of booking and of who may: no I/O, no clock, no proto.

pub mod appointment;
pub mod audit_event;
pub mod backoff;
pub mod calendar;
pub mod call;
pub mod clinic;
pub mod confirmation_code;
pub mod dead_letter;
pub mod event;
pub mod idempotency;
pub mod ids;
pub mod machine;
pub mod member;
pub mod opaque_key;
pub mod openings;
pub mod page;
pub mod password;
pub mod patient;
pub mod scope;
pub mod signature_plan;
pub mod slot;
pub mod spoken;
pub mod suggestions;
pub mod text;
pub mod when;
