//! Appointments that did not get into their calendar, and another chance for them.

use crate::{
    access::{LIST_DEAD_LETTERS, REQUEUE_DEAD_LETTER},
    app::App,
    caller::Caller,
    db::{
        audit::{self, Entry},
        calendar_sync, calendars,
    },
    domain::{
        appointment::CalendarSync,
        dead_letter::DeadLetter,
        ids::{AppointmentId, CalendarId},
        page::{Page, PageSize, Position},
    },
    error::{Error, Resource, Result},
};

/// Which, and how many.
#[derive(Clone, Copy, Debug)]
pub struct ListDeadLetters {
    /// Of this calendar; `None`: of all.
    pub calendar: Option<CalendarId>,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// A page of appointments that somebody has to look at.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_dead_letters(
    app: &App,
    caller: &Caller,
    command: ListDeadLetters,
) -> Result<Page<DeadLetter>> {
    let ListDeadLetters { calendar, size, after } = command;
    let now = app.clock.now();
    let mut tx = app.db.worker_tx(caller).await?;
    if let Some(id) = calendar
        && calendars::lock(&mut tx, id).await?.is_none()
    {
        return Err(Error::not_found(Resource::Calendar, id));
    }
    let after = after.map(|after| after.id);
    let mut items = calendar_sync::dead_letters(&mut tx, calendar, after, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: now, id: last.appointment.into() });
    audit::insert(&mut tx, caller, now, Entry::listed(LIST_DEAD_LETTERS, "dead letter")).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// Has an appointment tried again.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn requeue_dead_letter(app: &App, caller: &Caller, id: AppointmentId) -> Result<CalendarSync> {
    let not_found = || Error::not_found(Resource::DeadLetter, id);
    let mut tx = app.db.worker_tx(caller).await?;
    if !calendar_sync::requeue(&mut tx, id).await? {
        return Err(not_found());
    }
    let entry = Entry::done(REQUEUE_DEAD_LETTER, "appointment", id);
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    let sync = calendar_sync::get(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    app.calendars.knock(caller.org);
    Ok(sync)
}
