//! What is counted and timed, for `/metrics`.

mod calendars;
mod knowledge;

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use self::{calendars::CalendarMetrics, knowledge::KnowledgeMetrics};
use crate::db::Db;

/// Seconds. The budgets are milliseconds, the longest patience is seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

type Timers = Family<Rpc, Histogram, fn() -> Histogram>;

/// The service's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_time: Timers,
    /// On the way into the calendars.
    pub calendars: CalendarMetrics,
    /// The clinics' documents.
    pub knowledge: KnowledgeMetrics,
    open: Gauge<u64, AtomicU64>,
    idle: Gauge<u64, AtomicU64>,
    db: Db,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    rpc: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Rpc {
    rpc: &'static str,
}

/// A histogram over our buckets.
pub(crate) fn timer() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Counts from zero. The database's own waiting times are among what is shown.
    pub fn new(db: &Db) -> Self {
        let mut registry = Registry::with_prefix("booking");
        let requests = Family::default();
        let help = "Requests by outcome: OK, or the reason of the refusal";
        registry.register("requests", help, requests.clone());
        let request_time = Timers::new_with_constructor(timer as fn() -> Histogram);
        let help = "How long requests took";
        registry.register_with_unit("request_duration", help, Unit::Seconds, request_time.clone());
        let help = "How long requests waited for a connection to the database";
        registry.register_with_unit("pool_wait", help, Unit::Seconds, db.waits());
        let (open, idle) = (Gauge::default(), Gauge::default());
        registry.register("pool_connections", "Connections to the database", open.clone());
        registry.register("pool_idle_connections", "Those of them that nobody is using", idle.clone());
        let calendars = CalendarMetrics::new(&mut registry);
        let knowledge = KnowledgeMetrics::new(&mut registry);
        Self { registry, requests, request_time, calendars, knowledge, open, idle, db: db.clone() }
    }

    /// All of it, as `OpenMetrics` text.
    pub fn text(&self) -> String {
        let (open, idle) = self.db.connections();
        self.open.set(open);
        self.idle.set(idle);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// What became of a request: `OK` or the reason of its refusal, once it is known.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<OnceLock<&'static str>>);

impl Outcome {
    /// Known now. What was said first stays.
    pub fn is(&self, reason: &'static str) {
        let _ = self.0.set(reason);
    }
}

/// A request under way. It is counted and logged when this is dropped, so that one whose client went away is counted, too.
#[derive(Debug)]
pub(crate) struct UnderWay {
    metrics: Arc<Metrics>,
    rpc: &'static str,
    outcome: Outcome,
    began: Instant,
}

impl UnderWay {
    pub(crate) fn new(metrics: Arc<Metrics>, rpc: &'static str, outcome: Outcome) -> Self {
        Self { metrics, rpc, outcome, began: Instant::now() }
    }

    fn count(&self, reason: &'static str, time: Duration) {
        let rpc = self.rpc;
        self.metrics.requests.get_or_create(&Request { rpc, reason }).inc();
        self.metrics.request_time.get_or_create(&Rpc { rpc }).observe(time.as_secs_f64());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let unsaid = if std::thread::panicking() { "INTERNAL" } else { "CANCELLED" };
        let (reason, time) = (self.outcome.0.get().copied().unwrap_or(unsaid), self.began.elapsed());
        self.count(reason, time);
        tracing::info!(reason, ms = time.as_secs_f64() * 1e3, "answered");
    }
}
