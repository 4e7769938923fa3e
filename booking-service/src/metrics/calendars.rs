//! The way into the calendars, counted and timed.

use std::sync::atomic::{AtomicI64, AtomicU64};

use jiff::SignedDuration;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Seconds. A booking waits a quarter of one; an outage takes minutes.
const BUCKETS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 1_800.0, 21_600.0];

/// What becomes of appointments on their way.
#[derive(Debug)]
pub struct CalendarMetrics {
    outcomes: Family<Outcome, Counter>,
    lag: Histogram,
    due: Gauge<i64, AtomicI64>,
    oldest: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl CalendarMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let outcomes = Family::default();
        let help = "Appointments brought towards a calendar: written, removed, unchanged, retried, failed; or the calendar was parked";
        registry.register("calendar_syncs", help, outcomes.clone());
        let lag = Histogram::new(BUCKETS);
        let help = "How long calendars lagged behind a change of an appointment";
        registry.register_with_unit("calendar_lag", help, Unit::Seconds, lag.clone());
        let (due, oldest) = (Gauge::default(), Gauge::default());
        registry.register("calendar_backlog", "Appointments on their way into a calendar", due.clone());
        let help = "For how long the calendar of the first of them has lagged behind";
        registry.register_with_unit("calendar_oldest", help, Unit::Seconds, oldest.clone());
        Self { outcomes, lag, due, oldest }
    }

    /// Something became of an appointment; the calendar had lagged behind for so long.
    pub(crate) fn synced(&self, outcome: &'static str, lag: Option<SignedDuration>) {
        self.outcomes.get_or_create(&Outcome { outcome }).inc();
        if let Some(lag) = lag {
            self.lag.observe(lag.as_secs_f64().max(0.0));
        }
    }

    /// So many are on their way, the first for so many seconds.
    pub(crate) fn backlog(&self, due: i64, oldest: f64) {
        self.due.set(due);
        self.oldest.set(oldest);
    }
}
