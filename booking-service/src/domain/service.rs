//! What can be booked.

use jiff::{SignedDuration, Timestamp};

use super::{
    ids::{ClinicId, ProviderId, ServiceId},
    rules::Policy,
    slot::{Buffers, LONGEST},
    text::Name,
};

/// More of a service's durations are a mistake, and so are more places where it is offered.
const MOST_DURATIONS: usize = 20;
/// Places where a service is offered, at most.
pub const MOST_OFFERS: usize = 500;

/// What a service is; all of it is given when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDetails {
    /// As it is spoken; no other service of the organisation is called so.
    pub name: Name,
    /// What is said of it.
    pub description: Option<String>,
    /// What it costs, as one says it.
    pub price: Option<String>,
    /// How long it can be, the usual first.
    pub durations: Vec<SignedDuration>,
    /// Time around the visit.
    pub buffers: Buffers,
    /// What limits its start, where it is not as the clinic's.
    pub policy: Policy,
    /// Who offers it where.
    pub offers: Vec<Offered>,
}

/// A provider who offers a service at a clinic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offered {
    /// Where.
    pub clinic: ClinicId,
    /// Who.
    pub provider: ProviderId,
}

/// A service as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// What it is.
    pub details: ServiceDetails,
    /// Rises with each change.
    pub version: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// Since when it cannot be booked any more.
    pub archived_at: Option<Timestamp>,
}

/// Refuses durations that are none, twice there, or too long with the time around them: nothing blocks a provider for more than a day.
pub fn check_durations(durations: &[SignedDuration], buffers: Buffers) -> Result<(), String> {
    let longest = durations.iter().max().copied().unwrap_or_default() + buffers.before + buffers.after;
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if durations.is_empty() {
        Err("is required".to_owned())
    } else if durations.len() > MOST_DURATIONS {
        Err(format!("must be at most {MOST_DURATIONS}"))
    } else if sorted.len() < durations.len() {
        Err("must differ from each other".to_owned())
    } else if longest > LONGEST {
        Err("must be at most 24 hours, with the time before and after".to_owned())
    } else {
        Ok(())
    }
}
