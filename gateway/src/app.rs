//! What every request needs.

use std::sync::Arc;

use crate::{metrics::Metrics, upstream::Upstream};

/// The gateway's parts.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The booking service.
    pub(crate) upstream: Upstream,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where the voice platform reaches us, without a slash at the end.
    pub(crate) public_url: Option<Arc<str>>,
}
