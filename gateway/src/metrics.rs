//! What is counted and timed, for `/metrics`.

use std::{borrow::Cow, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Seconds. The budgets are milliseconds, the longest deadline is minutes.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

type Timers<L> = Family<L, Histogram, fn() -> Histogram>;

/// The gateway's counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_time: Timers<Route>,
    calls: Family<Call, Counter>,
    call_time: Timers<Tool>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    tool: &'static str,
    reason: Cow<'static, str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Tool {
    tool: &'static str,
}

fn timer() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("gateway");
        let requests = Family::default();
        registry.register("http_requests", "HTTP requests answered", requests.clone());
        let request_time = Timers::new_with_constructor(timer as fn() -> Histogram);
        let help = "How long HTTP requests took";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, request_time.clone());
        let calls = Family::default();
        registry.register(
            "tool_calls",
            "Tool calls by outcome: OK, or the reason of the refusal",
            calls.clone(),
        );
        let call_time = Timers::new_with_constructor(timer as fn() -> Histogram);
        let help = "How long tool calls took";
        registry.register_with_unit("tool_call_duration", help, Unit::Seconds, call_time.clone());
        Self { registry, requests, request_time, calls, call_time }
    }
}

impl Metrics {
    /// A request was answered. `route` is the pattern, never the path itself: its values would have no end.
    pub(crate) fn answered(&self, route: &str, status: u16, time: Duration) {
        self.requests.get_or_create(&Request { route: route.to_owned(), status }).inc();
        self.request_time.get_or_create(&Route { route: route.to_owned() }).observe(time.as_secs_f64());
    }

    /// A tool was called.
    pub(crate) fn called(&self, tool: &'static str, reason: Cow<'static, str>, time: Duration) {
        self.calls.get_or_create(&Call { tool, reason }).inc();
        self.call_time.get_or_create(&Tool { tool }).observe(time.as_secs_f64());
    }

    /// All of it, as `OpenMetrics` text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
