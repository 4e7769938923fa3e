//! One calendar, for as long as it is ours and something is due in it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    PAGE,
    outcome::{Outcome, Trouble},
    step,
};
use crate::{
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        calendar_sync::{
            leases::{self, Lease, Terms},
            steps::{self, Belongs, Task, Written},
        },
        calendars,
    },
    domain::{
        appointment::{CalendarSync, SyncStatus},
        backoff::Backoff,
        dead_letter::EVENT_MISSING,
        ids::{AppointmentId, OrgId},
    },
    error::{Error, Result},
    google::{
        AccessToken, Google,
        credential::Credential,
        events::Way,
        failure::{Class, Failure},
    },
};

/// A calendar that Google does not answer for is tried again at least this often: when Google is back, what waited is there within a minute.
const UNHEARD: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };
/// An appointment that fails while others succeed has a trouble of its own.
const OWN_TROUBLE: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(5) };
const THROTTLED: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_mins(5) };
const QUOTA: Backoff = Backoff { base: Duration::from_hours(1), cap: Duration::from_hours(12) };
/// Nobody but the operator can do something about it.
const MISCONFIGURED: Duration = Duration::from_mins(5);
/// What is not there is looked for again.
const NOT_THERE: Duration = Duration::from_secs(25);

/// A new token that is not believed so many times in a row means that the credential is dead.
const MISTRUSTED: u32 = 3;

/// Whoever has had a place for so long goes to the end of the queue.
const LONGEST: Duration = Duration::from_secs(5);

/// So many seconds' worth may be asked of Google at once.
const BURST_SECONDS: f32 = 2.0;

/// One appointment's step: a token, an insert, a look, a change; and some air.
const REQUESTS_A_STEP: u32 = 6;

/// How calendars are leased.
pub(super) fn terms(app: &App) -> Terms<'_> {
    let settings = &app.calendars.settings;
    // A rate is some requests a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is some requests a second")]
    let rate = settings.rate.get() as f32;
    Terms {
        installation: &settings.installation,
        length: settings.timeout * REQUESTS_A_STEP,
        rate,
        burst: rate * BURST_SECONDS,
    }
}

/// A calendar that is ours to write to, now.
pub(super) struct Turn<'a> {
    app: &'a App,
    caller: Caller,
    pub(super) lease: Lease,
    credential: Credential,
    /// Until when it is ours, at least.
    ends: Instant,
    /// What may be asked of Google at once, as it was then.
    allowance: (f32, Instant),
    /// The token was replaced a moment ago, because it was not good.
    is_renewed: bool,
    /// What is due, as far as it was looked at.
    due: VecDeque<AppointmentId>,
}

/// What whoever waits for an appointment is told when it will take a while.
const PENDING: CalendarSync = CalendarSync { status: SyncStatus::Pending, event_id: None, synced_at: None };

/// How a turn goes on after an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}

/// Brings everything that is due into the calendar, then lets others have it.
#[tracing::instrument(skip_all, fields(org.id = %org, calendar.id = %lease.calendar))]
pub(super) async fn take(
    app: &App,
    stop: &CancellationToken,
    org: OrgId,
    lease: Lease,
    due: Vec<AppointmentId>,
) {
    let caller = Caller::system(org);
    let place = calendars::place(org, lease.calendar);
    let credential = Credential::open(&app.keys.get().vault, &lease.secret, place);
    let ends = Instant::now() + terms(app).length;
    let outcome = match credential {
        Ok(credential) => {
            let (lease, allowance) = (lease.clone(), (lease.allowance, Instant::now()));
            let mut turn =
                Turn { app, caller, lease, credential, ends, allowance, is_renewed: false, due: due.into() };
            match turn.work(stop).await {
                Err(Trouble::Ours(error)) => Err(error),
                // What is Google's is noted, and what was lost is somebody else's.
                Ok(()) | Err(Trouble::LostLease | Trouble::Google(_) | Trouble::NoCalendar) => Ok(()),
            }
        }
        Err(error) => {
            tracing::error!("the calendar's secret cannot be opened: {error:#}");
            leave(app, &caller, &lease, MISCONFIGURED, "SECRET_UNREADABLE").await
        }
    };
    if let Err(error) = outcome {
        {
            let cause: &dyn std::error::Error = &error;
            tracing::warn!(cause, "a turn at a calendar was broken off");
        }
        // If that cannot be done either, the lease ends by itself.
        let _ = give_back(app, org, &lease).await;
    }
}

async fn give_back(app: &App, org: OrgId, lease: &Lease) -> Result<()> {
    let mut tx = app.db.worker_tx(&Caller::system(org)).await?;
    leases::give_back(&mut tx, lease, 0.0).await?;
    tx.commit().await
}

async fn leave(app: &App, caller: &Caller, lease: &Lease, pause: Duration, trouble: &str) -> Result<()> {
    let mut tx = app.db.worker_tx(caller).await?;
    leases::pause(&mut tx, lease, pause, trouble).await?;
    leases::give_back(&mut tx, lease, lease.allowance).await?;
    tx.commit().await
}

impl<'a> Turn<'a> {
    async fn work(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        let (mut next, began) = (Next::Goes, Instant::now());
        while let Some(id) = self.due.pop_front() {
            if next == Next::Goes && !stop.is_cancelled() {
                next = self.bring(id).await?;
            }
            // Others wait for a place.
            if next == Next::Goes && began.elapsed() > LONGEST {
                next = Next::Ends;
                self.app.calendars.knock(self.caller.org);
            }
            if self.due.is_empty() || next == Next::Ends || stop.is_cancelled() {
                let Some(more) = self.look_again(next == Next::Ends || stop.is_cancelled()).await? else {
                    return Ok(());
                };
                self.due = more.into();
            }
        }
        self.look_again(true).await.map(drop)
    }

    /// What else is due; when that is nothing, or nothing that we want to do now, others may have the calendar: `None`.
    async fn look_again(&mut self, ends: bool) -> Result<Option<Vec<AppointmentId>>, Trouble> {
        let mut tx = self.begin().await?;
        let due = if ends { Vec::new() } else { steps::due(&mut tx, self.lease.calendar, PAGE).await? };
        if due.is_empty() {
            leases::give_back(&mut tx, &self.lease, self.left()).await?;
        }
        tx.commit().await?;
        Ok(Some(due).filter(|due| !due.is_empty()))
    }

    async fn bring(&mut self, id: AppointmentId) -> Result<Next, Trouble> {
        let Some(task) = self.task(id).await? else { return Ok(Next::Goes) };
        match step::bring(self, &task).await {
            Ok(Outcome::Written(written)) => self.note_written(&task, &written).await,
            Ok(Outcome::Unchanged) => self.note_unchanged(&task).await,
            Ok(Outcome::Removed) => self.note_removed(&task).await,
            Ok(Outcome::Failed(why)) => self.note_failed(&task, &why).await,
            Ok(Outcome::NotThereYet) => self.note_later(&task, NOT_THERE, EVENT_MISSING, Next::Goes).await,
            Err(Trouble::Google(failure)) => self.note_failure(&task, &failure).await,
            Err(Trouble::NoCalendar) => self.park("CALENDAR_MISSING").await,
            Err(trouble) => Err(trouble),
        }
    }

    /// What is to be done, with the id noted under which it will be.
    async fn task(&mut self, id: AppointmentId) -> Result<Option<Task>, Trouble> {
        let mut tx = self.begin().await?;
        let calendar = self.lease.calendar;
        let mut task = steps::task(&mut tx, calendar, id).await?;
        if let Some(task) = &mut task
            && (task.belongs == Belongs::Here || task.is_known)
            && (!task.is_known || task.event_id.is_none())
        {
            let event_id = step::id_of(self.installation(), calendar, task);
            steps::intend(&mut tx, calendar, id, task.generation, &event_id).await?;
            (task.is_known, task.event_id) = (true, Some(event_id));
        }
        if let Some(task) = &task
            && let Some(asked) = task.to_be_asked()
        {
            steps::ask(&mut tx, id, asked).await?;
        }
        tx.commit().await?;
        Ok(task)
    }

    /// Notes another id, before Google is asked for it.
    pub(super) async fn intend(
        &mut self,
        id: AppointmentId,
        generation: i32,
        event_id: &str,
    ) -> Result<(), Trouble> {
        let mut tx = self.begin().await?;
        steps::intend(&mut tx, self.lease.calendar, id, generation, event_id).await?;
        Ok(tx.commit().await?)
    }

    async fn note_written(&mut self, task: &Task, written: &Written) -> Result<Next, Trouble> {
        let now = self.app.clock.now();
        let mut tx = self.begin().await?;
        let is_last = steps::written(&mut tx, task, written, now).await?;
        leases::succeeded(&mut tx, &self.lease, now).await?;
        tx.commit().await?;
        self.lease.failures = 0;
        self.app
            .metrics
            .calendars
            .synced("written", task.pending_since.map(|since| now.duration_since(since)));
        if is_last {
            let news = CalendarSync {
                status: SyncStatus::Synced,
                event_id: Some(written.event_id.clone()),
                synced_at: Some(now),
            };
            self.app.calendars.tell(task.appointment, news);
        }
        Ok(Next::Goes)
    }

    async fn note_unchanged(&mut self, task: &Task) -> Result<Next, Trouble> {
        let (Some(event_id), Some(etag)) = (&task.event_id, &task.etag) else {
            return Err(Error::Internal(anyhow::anyhow!("an event that nobody has seen is unchanged")).into());
        };
        let written = Written {
            event_id: event_id.clone(),
            generation: task.generation,
            etag: etag.clone(),
            content_hash: task.event.hash(),
            described: task.described,
        };
        let now = self.app.clock.now();
        let mut tx = self.begin().await?;
        steps::written(&mut tx, task, &written, now).await?;
        tx.commit().await?;
        self.app.metrics.calendars.synced("unchanged", None);
        Ok(Next::Goes)
    }

    async fn note_removed(&mut self, task: &Task) -> Result<Next, Trouble> {
        let now = self.app.clock.now();
        let mut tx = self.begin().await?;
        let is_last = steps::removed(&mut tx, task, now).await?;
        if task.is_known {
            leases::succeeded(&mut tx, &self.lease, now).await?;
        }
        tx.commit().await?;
        self.app
            .metrics
            .calendars
            .synced("removed", task.pending_since.map(|since| now.duration_since(since)));
        if task.belongs == Belongs::Elsewhere {
            self.app.calendars.knock(self.caller.org);
        }
        if is_last {
            let news = CalendarSync { status: SyncStatus::Synced, event_id: None, synced_at: Some(now) };
            self.app.calendars.tell(task.appointment, news);
        }
        Ok(Next::Goes)
    }

    async fn note_failed(&mut self, task: &Task, why: &str) -> Result<Next, Trouble> {
        tracing::warn!(appointment.id = %task.appointment, why, "an appointment cannot be brought into its calendar");
        let mut tx = self.begin().await?;
        steps::failed(&mut tx, task, why).await?;
        tx.commit().await?;
        self.app.metrics.calendars.synced("failed", None);
        self.tell_no_more(task, SyncStatus::Failed);
        Ok(Next::Goes)
    }

    async fn note_later(
        &mut self,
        task: &Task,
        pause: Duration,
        why: &str,
        next: Next,
    ) -> Result<Next, Trouble> {
        let mut tx = self.begin().await?;
        let again = steps::later(&mut tx, task.appointment, pause, why).await?;
        tx.commit().await?;
        self.app.metrics.calendars.synced(if again { "retried" } else { "failed" }, None);
        self.tell_no_more(task, SyncStatus::Pending);
        Ok(next)
    }

    /// What is to be done when Google does not answer well.
    async fn note_failure(&mut self, task: &Task, failure: &Failure) -> Result<Next, Trouble> {
        let Failure { class, status, reason, retry_after } = failure;
        tracing::warn!(appointment.id = %task.appointment, status, reason, "Google did not answer well");
        let spread = rand::rng().random_range(0.0..1.0);
        let failures = self.lease.failures + 1;
        let attempts = u32::try_from(task.attempts + 1).unwrap_or(1);
        let pause = match class {
            // While others succeed, it waits alone.
            Class::Unknown if self.lease.failures == 0 && task.attempts > 0 => {
                return self.note_later(task, OWN_TROUBLE.after(attempts, spread), reason, Next::Goes).await;
            }
            Class::Unknown | Class::Changed | Class::Duplicate => UNHEARD.after(failures, spread),
            Class::Throttled => retry_after.unwrap_or_default().max(THROTTLED.after(failures, spread)),
            Class::Quota => retry_after.unwrap_or_default().max(QUOTA.after(failures, spread)),
            Class::Misconfigured => MISCONFIGURED,
            // A token that was had just now is not believed. Google errs, too, and a person is asked for only when it stays so.
            Class::Unauthorised if failures < MISTRUSTED || self.lease.trouble.as_ref() != Some(reason) => {
                UNHEARD.after(failures, spread)
            }
            Class::Unauthorised | Class::Reauthorise => return self.park(reason).await,
            Class::Missing | Class::Gone => {
                return self.note_later(task, NOT_THERE, reason, Next::Goes).await;
            }
            Class::Permanent => return self.note_failed(task, reason).await,
        };
        self.pause(pause, reason).await?;
        self.note_later(task, pause, reason, Next::Ends).await
    }

    async fn pause(&mut self, pause: Duration, why: &str) -> Result<(), Trouble> {
        let mut tx = self.begin().await?;
        leases::pause(&mut tx, &self.lease, pause, why).await?;
        tx.commit().await?;
        // Nobody waits for what will not be there soon.
        for id in &self.due {
            self.app.calendars.tell(*id, PENDING);
        }
        Ok(())
    }

    /// Nothing is written any more until somebody connects the calendar again.
    async fn park(&mut self, why: &str) -> Result<Next, Trouble> {
        tracing::warn!(why, "a calendar has to be connected again");
        self.app.calendars.forget(self.lease.calendar);
        let mut tx = self.begin().await?;
        leases::park(&mut tx, &self.lease, why).await?;
        tx.commit().await?;
        self.app.metrics.calendars.synced("parked", None);
        Ok(Next::Ends)
    }

    /// Nobody waits for what will not be there soon.
    fn tell_no_more(&self, task: &Task, status: SyncStatus) {
        self.app.calendars.tell(task.appointment, CalendarSync { status, ..PENDING });
    }

    /// A transaction in which the calendar is ours, and stays so.
    async fn begin(&mut self) -> Result<TenantTx, Trouble> {
        let mut tx = self.app.db.worker_tx(&self.caller).await?;
        let asked = Instant::now();
        if !leases::keep(&mut tx, &self.lease, terms(self.app)).await? {
            return Err(Trouble::LostLease);
        }
        self.ends = asked + terms(self.app).length;
        Ok(tx)
    }

    /// Makes sure that the calendar is ours. Whoever wrote a later version than we know of has it now, unless the database is an older one than
    /// they knew: then it is right all the same.
    pub(super) async fn confirm(&mut self) -> Result<(), Trouble> {
        Ok(self.begin().await?.commit().await?)
    }

    /// What we are called in the events that we write.
    pub(super) fn installation(&self) -> &'a str {
        &self.app.calendars.settings.installation
    }

    /// A token for a question that costs so much, when it may be asked. What comes of it is for [`Self::heard`].
    pub(super) async fn ready(&mut self, cost: f32) -> Result<AccessToken, Trouble> {
        let token = self.token().await?;
        self.wait_for_allowance(cost).await;
        // What is asked late could be asked beside somebody else.
        if self.ends.saturating_duration_since(Instant::now()) < 2 * self.app.calendars.settings.timeout {
            self.confirm().await?;
        }
        Ok(token)
    }

    /// Google, and the way to the calendar there.
    pub(super) fn way<'w>(&'w self, token: &'w AccessToken) -> (&'w Google, Way<'w>) {
        let way = Way { calendar: &self.lease.google_id, credential: &self.credential, token };
        (&self.app.calendars.google, way)
    }

    /// What was answered; `None`: the token was not good, and the question is to be asked once more with another one.
    pub(super) fn heard<T>(&mut self, answer: Result<T, Failure>) -> Result<Option<T>, Trouble> {
        if matches!(&answer, Err(failure) if failure.class == Class::Unauthorised) && !self.is_renewed {
            self.is_renewed = true;
            self.app.calendars.forget(self.lease.calendar);
            return Ok(None);
        }
        self.is_renewed = false;
        Ok(Some(answer?))
    }

    async fn token(&mut self) -> Result<AccessToken, Trouble> {
        let (calendars, id, now) = (&self.app.calendars, self.lease.calendar, self.app.clock.now());
        if let Some(token) = calendars.token(id, &self.lease.secret).filter(|token| token.renew_at > now) {
            return Ok(token);
        }
        let mut token = calendars.google.access_token(&self.credential, now).await?;
        if let Some(refresh_token) = token.refresh_token.take() {
            // Kept before anything else is done: the old one may be void.
            self.credential = Credential::RefreshToken(refresh_token);
            let place = calendars::place(self.caller.org, id);
            let sealed = self.credential.seal(&self.app.keys.get().vault, place).map_err(Error::Internal)?;
            let mut tx = self.begin().await?;
            calendars::set_secret(&mut tx, id, &sealed).await?;
            tx.commit().await?;
            self.lease.secret = sealed;
        }
        self.app.calendars.remember(id, &self.lease.secret, token.clone());
        Ok(token)
    }

    /// What may be asked of Google at once, now.
    fn left(&self) -> f32 {
        let ((left, at), Terms { rate, burst, .. }) = (self.allowance, terms(self.app));
        (left + rate * at.elapsed().as_secs_f32()).min(burst)
    }

    async fn wait_for_allowance(&mut self, cost: f32) {
        let Terms { rate, burst, .. } = terms(self.app);
        let cost = cost.min(burst);
        let left = self.left();
        if left < cost {
            tokio::time::sleep(Duration::from_secs_f32((cost - left) / rate)).await;
        }
        self.allowance = (self.left() - cost, Instant::now());
    }
}
