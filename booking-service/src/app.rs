//! What every operation has at hand.

use std::sync::Arc;

use crate::{clock::Clock, db::Db, domain::confirmation_code::Codes, token::Verifier};

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
}
