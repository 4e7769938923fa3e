//! What every operation has at hand.

use std::sync::Arc;

use crate::{
    agent_keys::AgentKeys,
    calendars::Calendars,
    clock::Clock,
    config::Rates,
    db::Db,
    domain::confirmation_code::Codes,
    embedding::Embedding,
    keys::{CurrentKeys, Keys},
    limits::Limits,
    metrics::Metrics,
    passwords::Passwords,
    standing::Standings,
    turns::Turns,
};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The way to Postgres.
    pub db: Db,
    /// The present moment.
    pub clock: Clock,
    /// Where confirmation codes come from.
    pub codes: Codes,
    /// Whom to believe, and what to sign and encrypt with.
    pub keys: CurrentKeys,
    /// The machines that were here a moment ago.
    pub agents: AgentKeys,
    /// What the bearers of tokens were a moment ago.
    pub standings: Standings,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Hashes webhooks, which can be large.
    pub webhooks: Turns,
    /// How much is too much.
    pub limits: Limits,
    /// The way into the providers' calendars.
    pub calendars: Calendars,
    /// What the clinics' documents mean.
    pub embedding: Embedding,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl App {
    /// On this database, with these keys, by the system's clock.
    pub fn new(db: Db, keys: Keys, rates: &Rates, calendars: Calendars, embedding: Embedding) -> Self {
        let metrics = Arc::new(Metrics::new(&db));
        Self {
            db,
            clock: Clock::default(),
            codes: Codes::default(),
            keys: CurrentKeys::new(keys),
            agents: AgentKeys::default(),
            standings: Standings::default(),
            passwords: Passwords::default(),
            webhooks: Turns::default(),
            limits: Limits::new(rates),
            calendars,
            embedding,
            metrics,
        }
    }
}
