//! A Postgres for development and tests, without anything to install first.
//!
//! [`binaries`] finds a server or fetches one, [`account`] chooses whom to run it as, [`cluster`] makes a data folder and
//! keeps one server on it for as long as its owner lives.

pub mod account;
pub mod binaries;
pub mod cluster;
pub mod guardian;

pub use cluster::{Durability, Server};
