//! Who belongs to an organisation, and as what.

use jiff::{SignedDuration, Timestamp};

use crate::{
    access::{INVITE_MEMBER, LIST_MEMBERS, REMOVE_MEMBER, UPDATE_MEMBER_ROLE},
    app::App,
    caller::{Caller, Role},
    db::{
        TenantTx,
        audit::{self, Entry},
        invitations::{self, Invitation},
        profiles,
    },
    domain::{
        ids::{InvitationId, UserId},
        member::Member,
        opaque_key::{KeyKind, OpaqueKey},
        page::{Page, PageRequest, Position},
        patient::Email,
    },
    error::{Error, Resource, Result},
    ops::Done,
};

/// How long an invitation is good.
const INVITATION_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Who is to become a member.
#[derive(Clone, Debug)]
pub struct InviteMember {
    /// Who.
    pub email: Email,
    /// As what.
    pub role: Role,
}

/// What to hand to them.
#[derive(Clone, Debug)]
pub struct Invited {
    /// Shown this once.
    pub key: OpaqueKey,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Who, and what they may do from now on.
#[derive(Clone, Copy, Debug)]
pub struct UpdateMemberRole {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
}

/// Makes an invitation. Whether the address has signed up before is not looked at: that would tell.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn invite_member(app: &App, caller: &Caller, command: InviteMember) -> Result<Invited> {
    let InviteMember { email, role } = command;
    let (id, now) = (InvitationId::generate(), app.clock.now());
    let key = OpaqueKey::generate(KeyKind::Invitation, caller.org, id.into())
        .map_err(|error| Error::Internal(error.into()))?;
    let expires_at = now + INVITATION_LIFETIME;
    let invitation = Invitation { email, role, expires_at, is_accepted: false };
    let mut tx = app.db.auth_tx(caller).await?;
    invitations::insert(&mut tx, &key, &invitation, &caller.subject, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(INVITE_MEMBER, "invitation", id)).await?;
    tx.commit().await?;
    Ok(Invited { key, expires_at })
}

/// A page of members.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_members(app: &App, caller: &Caller, command: PageRequest) -> Result<Page<Member>> {
    let PageRequest { size, after } = command;
    let mut tx = app.db.auth_tx(caller).await?;
    let mut items = profiles::list(&mut tx, after.map(|after| after.id), size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.user.into() });
    audit::insert(&mut tx, caller, app.clock.now(), Entry::listed(LIST_MEMBERS, "member")).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// Changes what a member may do. The last administrator stays one.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_member_role(app: &App, caller: &Caller, command: UpdateMemberRole) -> Result<Member> {
    let UpdateMemberRole { user, role } = command;
    let mut tx = app.db.auth_tx(caller).await?;
    let member = unless_the_last_admin(&mut tx, user, role == Role::Admin).await?;
    profiles::set_role(&mut tx, user, role).await?;
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(UPDATE_MEMBER_ROLE, "member", user)).await?;
    tx.commit().await?;
    app.standings.forget(&(caller.org, Some(user))).await;
    Ok(Member { role, ..member })
}

/// Removes a member with the invitations that they made, and ends their sessions. The last administrator stays.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn remove_member(app: &App, caller: &Caller, user: UserId) -> Result<Done> {
    let mut tx = app.db.auth_tx(caller).await?;
    unless_the_last_admin(&mut tx, user, false).await?;
    invitations::delete_of(&mut tx, user).await?;
    profiles::delete(&mut tx, user).await?;
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(REMOVE_MEMBER, "member", user)).await?;
    tx.commit().await?;
    app.standings.forget(&(caller.org, Some(user))).await;
    Ok(Done)
}

/// The member, unless they are the only administrator and would be none any more. Nobody else changes administrators meanwhile.
async fn unless_the_last_admin(tx: &mut TenantTx, user: UserId, stays_admin: bool) -> Result<Member> {
    let admins = profiles::lock_admins(tx).await?;
    let member = profiles::get(tx, user).await?.ok_or_else(|| Error::not_found(Resource::Member, user))?;
    if member.role == Role::Admin && !stays_admin && admins <= 1 {
        return Err(Error::LastAdmin);
    }
    Ok(member)
}
