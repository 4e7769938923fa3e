//! Sessions of people: opened, continued, ended.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::Done;
use crate::{
    access::{REFRESH_SESSION, SIGN_OUT},
    app::App,
    caller::{Caller, RequestContext},
    db::{
        TenantTx,
        audit::{self, Entry},
        organisations, profiles,
        refresh_tokens::{self, Issued},
    },
    domain::{
        ids::{AuditId, OrgId},
        member::{Member, Profile, Session},
        opaque_key::{KeyKind, OpaqueKey},
        scope::Scope,
    },
    error::{Error, Result},
    token::issuer::Grant,
};

/// How long an access token is good. Whether its bearer is still a member is asked with each request (`standing`).
pub const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// How long a session can rest before it has to be opened anew.
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Opens a session for a member of this transaction's organisation.
pub(super) async fn open_in(
    app: &App,
    tx: &mut TenantTx,
    org: OrgId,
    member: Member,
    now: Timestamp,
) -> Result<Session> {
    session_in(app, tx, org, member, AuditId::generate().into(), now).await
}

/// Continues the session whose token this is, and makes the token useless. The error to a client is always the same.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn refresh_session(app: &App, request: &RequestContext, token: &SecretString) -> Result<Session> {
    let key = OpaqueKey::parse(KeyKind::RefreshToken, token.expose_secret()).ok_or(Error::Unauthenticated)?;
    let (caller, now) = (Caller::unknown(key.org, request), app.clock.now());
    let mut tx = app.db.auth_tx(&caller).await?;
    let issued = refresh_tokens::lock(&mut tx, &key).await?.ok_or(Error::Unauthenticated)?;
    let Issued { user, session, expires_at, is_used, is_revoked } = issued;
    if is_used && !is_revoked {
        // One of the two who have it stole it, and which one cannot be told: both have to sign in again.
        refresh_tokens::revoke_session(&mut tx, session, now).await?;
        let entry = Entry::refused(REFRESH_SESSION, "REFRESH_TOKEN_REUSED", "session", session);
        let thief = Caller { subject: user.to_string().into(), ..caller };
        audit::insert(&mut tx, &thief, now, entry).await?;
        tx.commit().await?;
        return Err(Error::RefreshTokenReused);
    }
    if is_used || is_revoked || expires_at <= now {
        return Err(Error::Unauthenticated);
    }
    let member = profiles::get(&mut tx, user).await?.ok_or(Error::Unauthenticated)?;
    app.limits.request(&Caller::user(key.org, user, member.role, request))?;
    refresh_tokens::mark_used(&mut tx, &key, now).await?;
    let session = session_in(app, &mut tx, key.org, member, session, now).await?;
    tx.commit().await?;
    Ok(session)
}

/// Ends the session whose token this is. What is no token ends nothing, and nobody hears of it.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn sign_out(app: &App, request: &RequestContext, token: &SecretString) -> Result<Done> {
    let Some(key) = OpaqueKey::parse(KeyKind::RefreshToken, token.expose_secret()) else { return Ok(Done) };
    let (caller, now) = (Caller::unknown(key.org, request), app.clock.now());
    let mut tx = app.db.auth_tx(&caller).await?;
    let Some(Issued { user, session, is_revoked: false, .. }) = refresh_tokens::lock(&mut tx, &key).await?
    else {
        return Ok(Done);
    };
    refresh_tokens::revoke_session(&mut tx, session, now).await?;
    let leaver = Caller { subject: user.to_string().into(), ..caller };
    audit::insert(&mut tx, &leaver, now, Entry::done(SIGN_OUT, "session", session)).await?;
    tx.commit().await?;
    Ok(Done)
}

async fn session_in(
    app: &App,
    tx: &mut TenantTx,
    org: OrgId,
    member: Member,
    session: Uuid,
    now: Timestamp,
) -> Result<Session> {
    let org_name = organisations::name(tx).await?.ok_or(Error::Unauthenticated)?;
    let refresh = OpaqueKey::generate(KeyKind::RefreshToken, org, session)
        .map_err(|error| Error::Internal(error.into()))?;
    refresh_tokens::insert(tx, &refresh, member.user, now, now + REFRESH_LIFETIME).await?;
    let grant = Grant {
        org,
        subject: member.user.to_string(),
        role: member.role,
        scope: Scope::default(),
        lifetime: ACCESS_LIFETIME,
    };
    let access_token = app.keys.get().issuer.issue(&grant, now).map_err(Error::Internal)?;
    Ok(Session {
        access_token,
        refresh_token: refresh.expose().to_owned(),
        profile: Profile { member, org, org_name },
    })
}
