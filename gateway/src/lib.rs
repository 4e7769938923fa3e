//! The HTTP edge of Frontdesk: no database, no secret, no business rule.
//!
//! A request comes in at [`routes`], is read there (a voice platform's message by [`vapi`]), becomes a call of one of the
//! [`tools`], and goes through [`upstream`] to the booking service. What comes back is a sentence or a [`problem`].

mod app;
mod calendar_upstream;
pub mod config;
mod connections;
mod context;
mod credential;
mod hex;
mod identity_upstream;
mod metrics;
mod problem;
mod routes;
mod say;
pub mod server;
pub mod telemetry;
mod tools;
mod upstream;
mod vapi;
