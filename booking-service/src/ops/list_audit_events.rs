//! Shows an organisation's administrators what is on record.

use crate::{
    access::LIST_AUDIT_EVENTS,
    app::App,
    caller::Caller,
    db::{
        audit::{self, Entry},
        audit_events::{self, Filter},
    },
    domain::{
        audit_event::AuditEvent,
        page::{Page, PageSize, Position},
    },
    error::Result,
};

/// Which events, and how many.
#[derive(Clone, Debug)]
pub struct ListAuditEvents {
    /// Which.
    pub filter: Filter,
    /// How many.
    pub size: PageSize,
    /// Before which: the latest come first.
    pub before: Option<Position>,
}

/// A page of events. That somebody looked is an event, too.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_audit_events(
    app: &App,
    caller: &Caller,
    command: ListAuditEvents,
) -> Result<Page<AuditEvent>> {
    let ListAuditEvents { filter, size, before } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let mut items = audit_events::list(&mut tx, &filter, before, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.at, id: last.id.into() });
    audit::insert(&mut tx, caller, app.clock.now(), Entry::listed(LIST_AUDIT_EVENTS, "audit event")).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}
