//! People of an organisation.

use jiff::Timestamp;

use super::{
    ids::{OrgId, UserId},
    patient::Email,
};
use crate::caller::Role;

/// Somebody who can sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// In lower case.
    pub email: Email,
    /// The Argon2id hash of the password.
    pub password_hash: String,
}

/// What a user is in an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// As the members know them.
    pub full_name: String,
    /// In lower case.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Since when they are a member.
    pub created_at: Timestamp,
}

/// A member, with the organisation that they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The member.
    pub member: Member,
    /// The organisation.
    pub org: OrgId,
    /// Its name.
    pub org_name: String,
}

/// Somebody who is signed in: what they hold to prove it.
#[derive(Clone)]
pub struct Session {
    /// Good for 15 minutes.
    pub access_token: String,
    /// Continues the session once.
    pub refresh_token: String,
    /// Who it is.
    pub profile: Profile,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Refuses the role of machines, which is not for people.
pub fn role_of_people(role: Role) -> Result<Role, String> {
    match role {
        Role::Admin | Role::Staff | Role::Provider => Ok(role),
        Role::Agent => Err("must be admin, staff or provider: agents have keys".to_owned()),
    }
}
