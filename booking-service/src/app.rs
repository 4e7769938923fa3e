//! What every operation has at hand.

use std::sync::Arc;

use crate::{clock::Clock, db::Db, domain::confirmation_code::Codes, metrics::Metrics, token::Verifier};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The way to Postgres.
    pub db: Db,
    /// The present moment.
    pub clock: Clock,
    /// Where confirmation codes come from.
    pub codes: Codes,
    /// Whose tokens are believed.
    pub tokens: Arc<Verifier>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl App {
    /// On this database, believing these tokens, by the system's clock.
    pub fn new(db: Db, tokens: Verifier) -> Self {
        let metrics = Arc::new(Metrics::new(&db));
        Self { db, clock: Clock::default(), codes: Codes::default(), tokens: Arc::new(tokens), metrics }
    }
}
