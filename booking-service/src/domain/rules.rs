//! What a clinic, a service and a provider's hours allow: values, read before anything is decided.

use jiff::{SignedDuration, civil, tz::TimeZone};

use super::{
    hours::Schedule,
    ids::{ProviderId, ServiceId},
    slot::{Buffers, Provider, USUAL_DURATION},
};

/// The longest notice and the farthest horizon that can be asked for.
pub const LONGEST_NOTICE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// In days.
pub const FARTHEST_HORIZON: u16 = 3 * 366;

/// What limits a start; a service's counts more than its clinic's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// A visit begins at a multiple of so many minutes after midnight by the clinic's clock.
    pub grid: Option<Grid>,
    /// It begins at least so long from now.
    pub notice: Option<SignedDuration>,
    /// It begins at most so many days after today.
    pub horizon_days: Option<u16>,
}

impl Policy {
    /// What counts for a service of this clinic.
    #[must_use]
    pub fn or(self, clinic: Self) -> Self {
        Self {
            grid: self.grid.or(clinic.grid),
            notice: self.notice.or(clinic.notice),
            horizon_days: self.horizon_days.or(clinic.horizon_days),
        }
    }
}

/// Minutes between two starts; they divide a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid(u16);

impl Grid {
    /// From 1 to 1440 minutes, without a rest at the end of the day.
    pub fn parse(minutes: i64) -> Result<Self, String> {
        u16::try_from(minutes)
            .ok()
            .filter(|minutes| (1..=1440).contains(minutes) && 1440 % minutes == 0)
            .map(Self)
            .ok_or_else(|| "must divide a day evenly, like 5, 10, 15, 20 or 30 minutes".to_owned())
    }

    /// The minutes.
    pub fn minutes(self) -> u16 {
        self.0
    }

    /// Whether the clock shows one of its starts.
    pub fn has(self, shown: civil::Time) -> bool {
        let minute = i32::from(shown.hour()) * 60 + i32::from(shown.minute());
        minute % i32::from(self.0) == 0 && shown.second() == 0 && shown.subsec_nanosecond() == 0
    }
}

/// What a service asks of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Which.
    pub id: ServiceId,
    /// As it is spoken.
    pub name: String,
    /// How long it can be, the usual first.
    pub durations: Vec<SignedDuration>,
    /// Time around the visit.
    pub buffers: Buffers,
    /// What limits its start.
    pub policy: Policy,
}

/// What a stretch of time on a wall clock is shut for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// When it begins.
    pub from: civil::DateTime,
    /// When it is over.
    pub to: civil::DateTime,
    /// By this clock.
    pub zone: TimeZone,
}

/// What counts for whoever works at the clinic.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The clinic's clock.
    pub zone: TimeZone,
    /// The service, where one is asked for.
    pub service: Option<Treatment>,
    /// What limits a start.
    pub policy: Policy,
    /// When the clinic is closed.
    pub closures: Vec<Shut>,
}

impl Rules {
    /// How long the visit is, when nobody says.
    pub fn usual_duration(&self) -> SignedDuration {
        let usual = self.service.as_ref().and_then(|service| service.durations.first());
        usual.copied().unwrap_or(USUAL_DURATION)
    }

    /// What limits a start, the service's before the clinic's.
    pub fn limits(&self) -> Policy {
        self.service.as_ref().map(|service| service.policy).unwrap_or_default().or(self.policy)
    }

    /// Time around the visit.
    pub fn buffers(&self) -> Buffers {
        self.service.as_ref().map(|service| service.buffers).unwrap_or_default()
    }
}

/// What counts for one provider.
#[derive(Clone, Debug)]
pub struct Diary {
    /// Whose.
    pub provider: Provider,
    /// When they work at the clinic; `None`: whenever they are asked.
    pub schedule: Option<Schedule>,
    /// When they are away.
    pub away: Vec<Shut>,
    /// Which state of the rules this is: a booking that was decided by another one is decided again.
    pub version: i64,
}

impl Diary {
    /// Whose it is.
    pub fn id(&self) -> ProviderId {
        self.provider.id
    }
}
