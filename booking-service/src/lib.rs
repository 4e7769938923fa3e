//! Books appointments for the clinics of many organisations over gRPC.
//!
//! A request goes one way through the modules: [`auth`] turns its credential into a [`caller`], [`grpc`] turns proto
//! into a command, [`ops`] carries it out in one transaction, [`domain`] decides and [`db`] asks Postgres. What goes wrong on
//! the way is an [`error`], and `grpc::status` says what the client is told of it. [`token`], [`vault`] and [`passwords`] know the cryptography, [`keys`] its keys,
//! and [`limits`] how much is too much. [`worker`] brings appointments into calendars, [`indexing`] prepares documents, with vectors of [`embedding`]. [`server`] binds the ports and runs it all;
//! [`bootstrap`] prepares a database server for it once, and [`metrics`] counts.

pub mod access;
pub mod agent_keys;
pub mod app;
pub mod auth;
pub mod bootstrap;
pub mod calendars;
pub mod caller;
pub mod clock;
pub mod config;
pub mod db;
pub mod development_issuer;
pub mod domain;
pub mod embedding;
pub mod error;
pub mod google;
pub mod grpc;
pub mod indexing;
mod key_file;
pub mod keys;
pub mod limits;
pub mod metrics;
pub mod ops;
pub mod passwords;
pub mod readiness;
pub mod recent;
pub mod server;
pub mod standing;
pub mod telemetry;
pub mod token;
pub mod turns;
pub mod vault;
mod web;
pub mod worker;
