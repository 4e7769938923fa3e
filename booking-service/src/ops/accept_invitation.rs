//! Makes a member of whoever was invited.

use secrecy::{ExposeSecret as _, SecretString};

use super::sessions;
use crate::{
    access::ACCEPT_INVITATION,
    app::App,
    caller::{Caller, RequestContext},
    db::{
        TenantTx,
        audit::{self, Entry},
        invitations::{self, Invitation},
        profiles, users,
    },
    domain::{
        ids::UserId,
        member::{Member, Session, User},
        opaque_key::{KeyKind, OpaqueKey},
        password::Password,
        text::Name,
    },
    error::{Error, Result},
};

/// Who comes with an invitation.
#[derive(Clone, Debug)]
pub struct AcceptInvitation {
    /// The invitation.
    pub token: SecretString,
    /// The password as it was typed.
    pub password: SecretString,
    /// As the members will know them.
    pub full_name: Name,
}

/// Makes a member of them, and opens a session. Who has signed up before proves it with their password; others get the one that they
/// gave.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn accept_invitation(
    app: &App,
    request: &RequestContext,
    command: AcceptInvitation,
) -> Result<Session> {
    let AcceptInvitation { token, password, full_name } = command;
    app.limits.attempt(request.address)?;
    let key = OpaqueKey::parse(KeyKind::Invitation, token.expose_secret()).ok_or(Error::Unauthenticated)?;
    let stranger = Caller::unknown(key.org, request);
    // Looked at first: what an invitation is not good for is not worth a hash. Nothing is held while the password is hashed.
    let Invitation { email, role, .. } = open(&mut app.db.auth_tx(&stranger).await?, app, &key).await?;
    app.limits.account(email.as_str())?;
    // One rule, whether or not they have a password: which of the two it is, is not to be seen.
    let given = Password::choose(password.expose_secret(), email.as_str());
    let given = given.map_err(|problem| Error::invalid("password", problem))?;
    let known = users::by_email(&app.db, &email).await?;
    let user = if let Some(user) = &known {
        if !app.passwords.verify(given, Some(user.password_hash.clone())).await? {
            return Err(Error::Unauthenticated);
        }
        user.clone()
    } else {
        User { id: UserId::generate(), email, password_hash: app.passwords.hash(given).await? }
    };
    let now = app.clock.now();
    let caller = Caller::user(key.org, user.id, role, request);
    let mut tx = app.db.auth_tx(&caller).await?;
    // Once more, and locked: somebody else may have come with it.
    open(&mut tx, app, &key).await?;
    if known.is_none() {
        users::add(&mut tx, &user, now).await?;
    }
    let member = Member {
        user: user.id,
        full_name: full_name.as_str().to_owned(),
        email: user.email.as_str().to_owned(),
        role,
        created_at: now,
    };
    if !profiles::insert(&mut tx, &member).await? {
        return Err(Error::AlreadyMember);
    }
    invitations::accept(&mut tx, &key, now).await?;
    let session = sessions::open_in(app, &mut tx, key.org, member, now).await?;
    audit::insert(&mut tx, &caller, now, Entry::done(ACCEPT_INVITATION, "member", user.id)).await?;
    tx.commit().await?;
    Ok(session)
}

/// The invitation, if it is still open.
async fn open(tx: &mut TenantTx, app: &App, key: &OpaqueKey) -> Result<Invitation> {
    let found = invitations::lock(tx, key).await?;
    let found = found.filter(|invitation| !invitation.is_accepted && invitation.expires_at > app.clock.now());
    found.ok_or(Error::Unauthenticated)
}
