//! Notes what a telephone call's platform tells of it. A call that is over holds nothing any more.

use jiff::Timestamp;

use crate::{
    access::RECORD_CALL_EVENT,
    app::App,
    caller::Caller,
    db::{
        appointments,
        audit::{self, Entry},
        calls,
    },
    domain::call::{CallId, EndedCall},
    error::{Error, Result},
    ops::Done,
};

/// A call is over.
#[derive(Clone, Debug)]
pub struct RecordCallEvent {
    /// Which; `None`: the one that the request belongs to.
    pub call: Option<CallId>,
    /// When it began, if that is known.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None`: now.
    pub ended_at: Option<Timestamp>,
    /// Why, in the platform's word.
    pub reason: Option<String>,
}

/// Notes that a call is over. Told again, it is over already.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn record_call_event(app: &App, caller: &Caller, command: RecordCallEvent) -> Result<Done> {
    let RecordCallEvent { call, started_at, ended_at, reason } = command;
    let own = caller.call_id().map(CallId::parse).transpose();
    let own = own.map_err(|problem| Error::invalid("call_id", problem))?;
    let id = match (call, own) {
        // Who speaks for callers on the telephone speaks for the one who is calling.
        (Some(named), own) if own.as_ref() != Some(&named) && (own.is_some() || caller.is_voice()) => {
            return Err(Error::invalid("call_id", "is another call's"));
        }
        (named, own) => named.or(own).ok_or_else(|| Error::invalid("call_id", "is required"))?,
    };
    let now = app.clock.now();
    let call = EndedCall { id, started_at, ended_at: ended_at.unwrap_or(now), reason };
    let mut tx = app.db.tenant_tx(caller).await?;
    calls::lock(&mut tx, call.id.as_str()).await?;
    calls::end(&mut tx, &call, now).await?;
    appointments::release_holds(&mut tx, call.id.as_str(), now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(RECORD_CALL_EVENT, "call", call.id.as_str())).await?;
    tx.commit().await?;
    Ok(Done)
}
