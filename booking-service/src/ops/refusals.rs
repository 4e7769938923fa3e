//! Writes down what was refused: a stranger at the door is worth knowing.

use crate::{
    access::Rpc,
    app::App,
    caller::{Caller, RequestContext},
    db::{
        audit::{self, Entry},
        auth_failures,
    },
    error::{Error, Result},
};

/// Audits a refused attempt, in a transaction of its own: the operation's has been rolled back. What is wrong with the request
/// itself is nobody's attempt at anything, and leaves no row.
pub async fn record(app: &App, caller: &Caller, rpc: Rpc, error: &Error, reason: &str) -> Result<()> {
    let mut named_org_id = None;
    let (resource, resource_id) = match error {
        Error::ClinicForbidden(id) => (Some("clinic".to_owned()), Some(id.clone())),
        Error::NotFound { resource, id } => (Some(resource.to_string()), Some(id.clone())),
        Error::Unauthenticated => {
            let id = caller.request.id.as_deref();
            return auth_failures::insert(&app.db, app.clock.now(), rpc.name, "no such organisation", id)
                .await;
        }
        Error::IdentityMismatch(named) => {
            named_org_id.clone_from(named);
            (None, None)
        }
        Error::RoleTooSmall | Error::ToolNotAllowed | Error::CallerNotIdentified => (None, None),
        Error::Invalid(_)
        | Error::Time { .. }
        | Error::ClinicRequired(_)
        | Error::NoProviders(_)
        | Error::SlotTaken(_)
        | Error::NotBookable { .. }
        | Error::ServiceNotOffered(_)
        | Error::OfferExpired
        | Error::AmbiguousSlot
        | Error::HoldExpired
        | Error::TooManyHolds(_)
        | Error::CutoffPassed(_)
        | Error::NotBegun
        | Error::StaleVersion(_)
        | Error::NameInUse
        | Error::RefreshTokenReused
        | Error::OrganisationRequired(_)
        | Error::EmailInUse
        | Error::AlreadyMember
        | Error::LastAdmin
        | Error::RateLimited(_)
        | Error::TooLarge
        | Error::IdempotencyKeyReused
        | Error::NoLongerBooked(_)
        | Error::WrongState(_)
        | Error::ConsentExpired
        | Error::GoogleNotConfigured
        | Error::GoogleRefused(_)
        | Error::GoogleUnavailable(_)
        | Error::CalendarDisconnected
        | Error::Busy(_)
        | Error::DeadlineExceeded
        | Error::DatabaseUnavailable(_)
        | Error::Internal(_) => return Ok(()),
    };
    let mut tx = app.db.tenant_tx(caller).await?;
    let entry = Entry {
        rpc,
        refused: Some(reason),
        resource: resource.as_deref(),
        resource_id,
        named_org_id,
        note: None,
    };
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    tx.commit().await
}

/// Writes down that somebody without a credential was refused, unless too many of that address's were already: then that is the answer.
pub async fn record_stranger(app: &App, request: &RequestContext, rpc: Rpc, error: &Error) -> Result<()> {
    let why =
        if matches!(error, Error::RefreshTokenReused) { "refresh token used twice" } else { "wrong secret" };
    if !matches!(error, Error::Unauthenticated | Error::RefreshTokenReused) {
        return Ok(());
    }
    app.limits.refusal(request.address)?;
    auth_failures::insert(&app.db, app.clock.now(), rpc.name, why, request.id.as_deref()).await
}
