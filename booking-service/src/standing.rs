//! What the bearers of tokens are now. A token says what somebody was when it was made; members are removed and get other roles since.

use std::{sync::Arc, time::Duration};

use crate::{
    caller::Role,
    domain::ids::{OrgId, UserId},
    error::Error,
};

/// What changes through another copy of the service counts here so much later.
const MEMORY: Duration = Duration::from_secs(5);
const MOST: u64 = 10_000;

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

/// What was found a moment ago. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Standings(moka::future::Cache<Bearer, Standing>);

impl Default for Standings {
    fn default() -> Self {
        Self(moka::future::Cache::builder().max_capacity(MOST).time_to_live(MEMORY).build())
    }
}

impl Standings {
    /// The standing of a bearer; else what is looked up, once for all who ask at the same time.
    pub async fn get(
        &self,
        bearer: Bearer,
        look_up: impl Future<Output = Result<Standing, Error>>,
    ) -> Result<Standing, Arc<Error>> {
        self.0.try_get_with(bearer, look_up).await
    }

    /// Forgets what was known of a member, who is something else now.
    pub async fn forget(&self, org: OrgId, user: UserId) {
        self.0.invalidate(&(org, Some(user))).await;
    }
}
