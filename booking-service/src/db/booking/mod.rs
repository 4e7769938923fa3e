//! The lock recipe: the statements that keep two appointments off one slot, in the order in which a booking runs them.
//!
//! A booking is five round trips: `begin`, [`find`](super::places::find), [`enter()`], [`write()`], `commit`. What could be one statement is one: each
//! round trip saved is time that others do not wait for the provider's lock. The order of locks is always the same, so no two bookings
//! wait for each other: first the idempotency key, then the patient, then the providers by ascending id.

mod amend;
mod enter;
mod write;

use jiff::Timestamp;

pub use self::{
    amend::{AMEND, Amended, Amending, amend},
    enter::{ENTER, Entered, Entering, Locked, enter},
    write::{OnTheWay, WRITE, Writing, Written, write},
};
use crate::domain::slot::LONGEST;

/// What blocks a stretch that begins then began after this: nothing blocks for longer than [`LONGEST`].
fn earliest_block(from: Timestamp) -> Timestamp {
    from.checked_sub(LONGEST).unwrap_or(Timestamp::MIN)
}
