//! Whether connections are to be trusted.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How long connections are doubted after one of them was found dead: the others are likely dead, too.
const DOUBTED_FOR: Duration = Duration::from_secs(5);

/// Shared by the pool and those who use it.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    until: Arc<Mutex<Option<Instant>>>,
}

impl Doubt {
    /// A connection was dead.
    pub(super) fn raise(&self) {
        *self.until() = Some(Instant::now() + DOUBTED_FOR);
    }

    /// Whether one was dead a moment ago.
    pub(super) fn is_raised(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // A time is whole whoever panicked while holding it.
        self.until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
