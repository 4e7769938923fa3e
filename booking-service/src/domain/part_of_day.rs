//! Parts of a day, as people name them.

use jiff::civil;

/// When in a day, by the clinic's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartOfDay {
    /// Before noon.
    Morning,
    /// From noon until five.
    Afternoon,
    /// From five on.
    Evening,
}

impl PartOfDay {
    /// Whether a visit that begins then begins in it.
    pub fn has(self, shown: civil::Time) -> bool {
        match self {
            Self::Morning => shown.hour() < 12,
            Self::Afternoon => (12..17).contains(&shown.hour()),
            Self::Evening => shown.hour() >= 17,
        }
    }
}
