//! What came of many requests.

use std::time::Duration;

use serde_json::{Value, json};

/// Latencies of one row of the table, and how long the row took.
#[derive(Debug)]
pub(crate) struct Measured {
    sorted: Vec<Duration>,
    elapsed: Duration,
}

impl Measured {
    pub(crate) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { sorted: latencies, elapsed }
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The latency that so many percent do not exceed, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let place = (self.sorted.len() * percent / 100).min(self.sorted.len().saturating_sub(1));
        self.sorted.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
    pub(crate) fn per_second(&self) -> f64 {
        self.sorted.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "requests": self.count(),
            "p50_ms": self.percentile(50),
            "p99_ms": self.percentile(99),
            "max_ms": self.percentile(100),
            "per_second": self.per_second(),
        })
    }
}
