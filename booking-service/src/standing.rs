//! What the bearers of tokens are now. A token says what somebody was when it was made; members are removed and get other roles since.

use crate::{
    caller::Role,
    domain::ids::{OrgId, UserId},
    recent::Recent,
};

/// Whose standing it is: a member's, or, without a user, that of the organisation itself.
pub type Bearer = (OrgId, Option<UserId>);

/// What a bearer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A member, in this role.
    Member(Role),
    /// An organisation that is there.
    Organisation,
    /// Not there, or not any more.
    Gone,
}

/// What was found a moment ago.
pub type Standings = Recent<Bearer, Standing>;
