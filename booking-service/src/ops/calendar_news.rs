//! What an answer says of the way into the calendar, a moment after something was booked.

use std::time::{Duration, Instant};

use crate::{
    app::App,
    calendars::Waiting,
    caller::Caller,
    db::{TenantTx, booking::OnTheWay, calendar_sync},
    domain::{
        appointment::{CalendarSync, SyncStatus},
        ids::AppointmentId,
    },
    error::Result,
};

/// Commits, and says how far the appointment is on its way into the calendar: it is booked, whatever is found there.
pub(super) async fn commit(
    app: &App,
    caller: &Caller,
    tx: TenantTx,
    id: AppointmentId,
    on_the_way: OnTheWay,
) -> Result<CalendarSync> {
    let is_near = on_the_way == OnTheWay::Yes && app.calendars.settings.workers > 0;
    // In line before anybody can bring it there.
    let place = is_near.then(|| app.calendars.wait_for(id));
    tx.commit().await?;
    Ok(news(app, caller, id, on_the_way, place).await)
}

async fn news(
    app: &App,
    caller: &Caller,
    id: AppointmentId,
    on_the_way: OnTheWay,
    place: Option<Waiting>,
) -> CalendarSync {
    let pending = CalendarSync { status: SyncStatus::Pending, event_id: None, synced_at: None };
    // An appointment that was moved may have to leave another provider's.
    app.calendars.knock(caller.org);
    if on_the_way == OnTheWay::No {
        return CalendarSync::NOT_CONNECTED;
    }
    let Some(place) = place else { return pending };
    let left = caller.request.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()) / 2);
    let patience = app.calendars.settings.wait.min(left.unwrap_or(Duration::MAX));
    if let Some(news) = place.news(patience).await {
        return news;
    }
    // Another copy of the service may have brought it there.
    let found = async { calendar_sync::get(&mut app.db.tenant_tx(caller).await?, id).await };
    found.await.ok().flatten().unwrap_or(pending)
}
