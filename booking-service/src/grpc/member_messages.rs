//! The messages about members.

use proto::booking::v1 as pb;

use super::convert::{Check, timestamp};
use crate::{
    caller::Role,
    domain::{
        ids::UserId,
        member::{Member, role_of_people},
        page::{Page, Position},
        patient::Email,
    },
    error::{Error, Result},
    ops::{
        Done,
        manage_members::{InviteMember, Invited, UpdateMemberRole},
    },
};

/// A role that people can have.
fn member_role(check: &mut Check, role: i32) -> Option<Role> {
    let role = match pb::Role::try_from(role) {
        Ok(pb::Role::Admin) => Ok(Role::Admin),
        Ok(pb::Role::Staff) => Ok(Role::Staff),
        Ok(pb::Role::Provider) => Ok(Role::Provider),
        Ok(pb::Role::Agent) => role_of_people(Role::Agent),
        Ok(pb::Role::Unspecified) => Err("is required".to_owned()),
        Err(_) => Err("is not a role".to_owned()),
    };
    check.field("role", role)
}

impl TryFrom<pb::InviteMemberRequest> for InviteMember {
    type Error = Error;

    fn try_from(request: pb::InviteMemberRequest) -> Result<Self> {
        let pb::InviteMemberRequest { email, role } = request;
        let mut check = Check::default();
        let email = check.field("email", Email::parse(&email));
        let role = member_role(&mut check, role);
        check.finish(email.zip(role).map(|(email, role)| Self { email, role }))
    }
}

impl TryFrom<pb::UpdateMemberRoleRequest> for UpdateMemberRole {
    type Error = Error;

    fn try_from(request: pb::UpdateMemberRoleRequest) -> Result<Self> {
        let pb::UpdateMemberRoleRequest { user_id, role } = request;
        let mut check = Check::default();
        let user = check.id("user_id", &user_id);
        let role = member_role(&mut check, role);
        check.finish(user.zip(role).map(|(user, role)| Self { user, role }))
    }
}

impl TryFrom<pb::RemoveMemberRequest> for UserId {
    type Error = Error;

    fn try_from(request: pb::RemoveMemberRequest) -> Result<Self> {
        let pb::RemoveMemberRequest { user_id } = request;
        let mut check = Check::default();
        let user = check.id("user_id", &user_id);
        check.finish(user)
    }
}

impl From<Member> for pb::Member {
    fn from(member: Member) -> Self {
        let Member { user, full_name, email, role, created_at } = member;
        Self {
            user_id: user.to_string(),
            email,
            full_name,
            role: pb::Role::from(role).into(),
            create_time: Some(timestamp(created_at)),
        }
    }
}

impl From<Done> for pb::RemoveMemberResponse {
    fn from(Done: Done) -> Self {
        Self {}
    }
}

impl From<Invited> for pb::InviteMemberResponse {
    fn from(invited: Invited) -> Self {
        let Invited { key, expires_at } = invited;
        Self { invitation_token: key.expose().to_owned(), expire_time: Some(timestamp(expires_at)) }
    }
}

impl From<Member> for pb::UpdateMemberRoleResponse {
    fn from(member: Member) -> Self {
        Self { member: Some(member.into()) }
    }
}

impl From<Page<Member>> for pb::ListMembersResponse {
    fn from(page: Page<Member>) -> Self {
        Self {
            members: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}
