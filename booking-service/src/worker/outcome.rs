//! What came of bringing one appointment into its calendar.

use crate::{
    db::calendar_sync::steps::Written,
    error::Error,
    google::failure::{Class, Failure},
};

/// It came to an end.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The event shows what it should.
    Written(Written),
    /// It did already.
    Unchanged,
    /// There is no event, as there should be none.
    Removed,
    /// Somebody has to look, for this reason.
    Failed(String),
    /// It is not there, and that may be because it is not there yet.
    NotThereYet,
}

/// It did not.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Google did not answer well.
    Google(Failure),
    /// The database did not, or we made a mistake.
    Ours(Error),
    /// The calendar is not there any more, or not ours to write to.
    NoCalendar,
    /// Somebody else is writing to the calendar by now.
    LostLease,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Google(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Trouble {
    /// What class of failure of Google's it is; `None`: it is none.
    pub(super) fn class(&self) -> Option<Class> {
        match self {
            Self::Google(failure) => Some(failure.class),
            Self::Ours(_) | Self::NoCalendar | Self::LostLease => None,
        }
    }

    /// Whether there is no such event, or none any more.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self.class(), Some(Class::Missing | Class::Gone))
    }

    /// Whether a look at the event says more: a change to what was changed or deleted is refused in many words.
    pub(super) fn is_about_what_is_there(&self) -> bool {
        match self {
            Self::Google(Failure { class: Class::Changed | Class::Missing | Class::Gone, .. }) => true,
            Self::Google(Failure { class: Class::Permanent, status, .. }) => *status == 403,
            Self::Google(_) | Self::Ours(_) | Self::NoCalendar | Self::LostLease => false,
        }
    }
}
