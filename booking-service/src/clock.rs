//! The only source of the current time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// The system's time, shifted by what a test has moved it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_microseconds: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment, to the microsecond: Postgres keeps no more, and what is answered must be what is stored.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now().as_microsecond() + self.ahead_microseconds.load(Ordering::Relaxed);
        Timestamp::from_microsecond(now).unwrap_or(Timestamp::MAX)
    }

    /// Moves the time, for tests.
    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead_microseconds.fetch_add(by, Ordering::Relaxed);
    }
}
