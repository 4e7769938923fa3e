//! The tests of Frontdesk: both services on ports of their own, in front of a database of their own, through the public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod agent_keys;
mod aggressor;
mod audit;
mod availability;
mod booking_chain;
mod calendar_chaos;
mod calendar_connecting;
mod calendar_failures;
mod calendar_life;
mod calendar_peers;
mod calendar_races;
mod callers;
mod calls;
mod canaries;
mod cancellation;
mod database_down;
mod harness;
mod idempotency;
mod identity;
mod limits;
mod members;
mod observability;
mod query_plans;
mod races;
mod refusals;
mod schema;
mod settings;
mod tenancy;
mod tokens;
mod vapi_corpus;
mod vapi_messages;
mod webhooks;
