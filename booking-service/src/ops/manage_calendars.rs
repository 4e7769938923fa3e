//! Shows how calendars are doing, and changes what is written to them.

use secrecy::SecretString;

use crate::{
    access::{DISCONNECT_CALENDAR, LIST_CALENDARS, RESYNC_CALENDAR, Rpc, UPDATE_CALENDAR},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        calendar_sync, calendars, providers,
    },
    domain::{
        calendar::{Calendar, CalendarChoices, CalendarState, SyncHealth, SyncWord},
        ids::CalendarId,
        page::{Page, PageRequest, Position},
    },
    error::{Error, Resource, Result},
    google::credential::Credential,
};

/// Other choices for a calendar.
#[derive(Clone, Copy, Debug)]
pub struct UpdateCalendar {
    /// Which.
    pub id: CalendarId,
    /// What is to be written from now on.
    pub choices: CalendarChoices,
}

/// How a calendar is doing, and in a word.
#[derive(Clone, Debug)]
pub struct SyncReport {
    /// How it is doing.
    pub health: SyncHealth,
    /// In a word.
    pub word: SyncWord,
}

/// So many appointments are being compared with what is in their calendar.
#[derive(Clone, Copy, Debug)]
pub struct Resyncing(pub u64);

/// A page of calendars.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_calendars(app: &App, caller: &Caller, command: PageRequest) -> Result<Page<Calendar>> {
    let PageRequest { size, after } = command;
    let mut tx = app.db.worker_tx(caller).await?;
    let mut items = calendars::list(&mut tx, after.map(|after| after.id), size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.connected_at, id: last.id.into() });
    audit::insert(&mut tx, caller, app.clock.now(), Entry::listed(LIST_CALENDARS, "calendar")).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// How a calendar is doing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_sync_status(app: &App, caller: &Caller, id: CalendarId) -> Result<SyncReport> {
    let now = app.clock.now();
    let mut tx = app.db.worker_tx(caller).await?;
    let health = calendars::health(&mut tx, id).await?.ok_or_else(|| not_found(id))?;
    Ok(SyncReport { word: health.word(now), health })
}

/// Changes what is written, also in the events that are there.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_calendar(app: &App, caller: &Caller, command: UpdateCalendar) -> Result<Calendar> {
    let UpdateCalendar { id, choices } = command;
    let mut tx = app.db.worker_tx(caller).await?;
    let calendar = connected(&mut tx, id).await?;
    calendars::choose(&mut tx, id, choices).await?;
    look_at_all(app, caller, tx, UPDATE_CALENDAR, id).await?;
    Ok(Calendar { choices, ..calendar })
}

/// Compares every coming appointment with what is in the calendar, and mends what differs.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn resync_calendar(app: &App, caller: &Caller, id: CalendarId) -> Result<Resyncing> {
    let mut tx = app.db.worker_tx(caller).await?;
    connected(&mut tx, id).await?;
    look_at_all(app, caller, tx, RESYNC_CALENDAR, id).await
}

/// Writes nothing more to a calendar. What is in it stays; the way into it is given back.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn disconnect_calendar(app: &App, caller: &Caller, id: CalendarId) -> Result<Calendar> {
    let mut tx = app.db.worker_tx(caller).await?;
    let found = calendars::get(&mut tx, id).await?.ok_or_else(|| not_found(id))?;
    // The provider before the calendar, as whoever connects one does.
    providers::lock(&mut tx, found.provider).await?;
    let calendar = calendars::lock(&mut tx, id).await?.ok_or_else(|| not_found(id))?;
    let secret = calendars::secret(&mut tx, id).await?;
    if calendar.state != CalendarState::Disconnected {
        calendars::disconnect(&mut tx, calendar.provider, None).await?;
        calendar_sync::let_go(&mut tx, id).await?;
    }
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(DISCONNECT_CALENDAR, "calendar", id)).await?;
    tx.commit().await?;
    app.calendars.forget(id);
    if let Some(token) = secret.and_then(|sealed| refresh_token(app, caller, id, &sealed)) {
        // It is gone here whether or not Google hears of it.
        if let Err(failure) = app.calendars.google.revoke(&token).await {
            tracing::warn!(calendar.id = %id, reason = failure.reason, "a consent was not given back at Google");
        }
    }
    Ok(Calendar { state: CalendarState::Disconnected, trouble: None, ..calendar })
}

fn refresh_token(app: &App, caller: &Caller, id: CalendarId, sealed: &[u8]) -> Option<SecretString> {
    let place = calendars::place(caller.org, id);
    match Credential::open(&app.keys.get().vault, sealed, place).ok()? {
        Credential::RefreshToken(token) => Some(token),
        // The key is the clinic's, and not ours to end.
        Credential::ServiceAccount(_) => None,
    }
}

async fn look_at_all(
    app: &App,
    caller: &Caller,
    mut tx: TenantTx,
    rpc: Rpc,
    id: CalendarId,
) -> Result<Resyncing> {
    let now = app.clock.now();
    let marked = calendar_sync::resync(&mut tx, id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(rpc, "calendar", id)).await?;
    tx.commit().await?;
    app.calendars.knock(caller.org);
    Ok(Resyncing(marked))
}

/// The calendar, if something can be written to it.
async fn connected(tx: &mut TenantTx, id: CalendarId) -> Result<Calendar> {
    let calendar = calendars::lock(tx, id).await?.ok_or_else(|| not_found(id))?;
    match calendar.state {
        CalendarState::Connected | CalendarState::Reauthorise => Ok(calendar),
        CalendarState::Disconnected => Err(Error::CalendarDisconnected),
    }
}

fn not_found(id: CalendarId) -> Error {
    Error::not_found(Resource::Calendar, id)
}
