//! A stretch of a provider's time.

use jiff::{SignedDuration, Timestamp};

use super::{
    confirmation_code::OfferCode,
    ids::{ClinicId, ProviderId, ServiceId},
    text::Name,
    when::When,
};

/// What a visit takes when nobody says.
pub const USUAL_DURATION: SignedDuration = SignedDuration::from_mins(30);

/// The longest stretch that can be blocked. The conflict query relies on it: what blocks a moment began at most this long before.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// A half-open range of time, from one minute to 24 hours long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    start: Timestamp,
    end: Timestamp,
}

impl Slot {
    /// The slot that begins at `start`. Says what is wrong with the duration otherwise.
    pub fn new(start: Timestamp, duration: SignedDuration) -> Result<Self, String> {
        Self::check_duration(duration)?;
        let end = start.checked_add(duration).map_err(|_| "reaches beyond the calendar".to_owned())?;
        Ok(Self { start, end })
    }

    /// Refuses what is shorter than a minute or longer than a day.
    pub fn check_duration(duration: SignedDuration) -> Result<SignedDuration, String> {
        if (SHORTEST..=LONGEST).contains(&duration) {
            Ok(duration)
        } else {
            Err("must be from 1 minute to 24 hours".to_owned())
        }
    }

    /// A slot that the database has checked already.
    pub(crate) fn stored(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// When it begins.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// When it ends; the next slot may begin then.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// How long it is.
    pub fn duration(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// From its start to its end.
    pub fn range(self) -> (Timestamp, Timestamp) {
        (self.start, self.end)
    }

    /// What it takes of the provider's time: itself, and the time around it.
    pub fn block(self, buffers: Buffers) -> (Timestamp, Timestamp) {
        let from = self.start.checked_sub(buffers.before).unwrap_or(Timestamp::MIN);
        let to = self.end.checked_add(buffers.after).unwrap_or(Timestamp::MAX);
        (from, to)
    }

    /// Whether the two share a moment.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Time around a visit that its provider needs, and nobody else can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Before it.
    pub before: SignedDuration,
    /// After it.
    pub after: SignedDuration,
}

/// Where, with whom and what for: what every question about slots has in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Where; `None`: at the organisation's only clinic.
    pub clinic: Option<ClinicId>,
    /// With whom; empty: with anybody who works there and offers the service.
    pub providers: Vec<ProviderId>,
    /// The service.
    pub service: Option<ServiceId>,
    /// The service as it is called, where its id is not known.
    pub service_text: Option<Name>,
}

/// Which slot is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotChoice {
    /// Where, with whom and what for.
    pub wish: Wish,
    /// When it begins.
    pub when: When,
    /// How long it is, from a minute to a day; `None`: as usual.
    pub duration: Option<SignedDuration>,
}

/// A slot that could be booked, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSlot {
    /// What it is called in later requests, if it was offered.
    pub offer: Option<OfferCode>,
    /// Where.
    pub clinic: ClinicId,
    /// With whom; `None` where nobody asked for is free.
    pub provider: Option<Provider>,
    /// What for.
    pub service: Option<ServiceId>,
    /// When.
    pub slot: Slot,
    /// The clinic's time zone.
    pub zone: jiff::tz::TimeZone,
}

/// Somebody whose time is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The provider's id.
    pub id: ProviderId,
    /// As it is spoken.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_lasts_from_a_minute_to_a_day() {
        let start = Timestamp::UNIX_EPOCH;
        for (seconds, fits) in
            [(0, false), (59, false), (60, true), (86_400, true), (86_401, false), (-60, false)]
        {
            assert_eq!(Slot::new(start, SignedDuration::from_secs(seconds)).is_ok(), fits, "{seconds}");
        }
        assert!(Slot::new(Timestamp::MAX, USUAL_DURATION).is_err());
    }

    #[test]
    fn back_to_back_slots_do_not_overlap() {
        let first = Slot::new(Timestamp::UNIX_EPOCH, USUAL_DURATION).unwrap();
        let next = Slot::new(first.end(), USUAL_DURATION).unwrap();
        assert!(!first.overlaps(next) && !next.overlaps(first));
        assert!(first.overlaps(first));
    }
}
