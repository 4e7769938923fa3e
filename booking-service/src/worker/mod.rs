//! Brings what changed into the calendars. It looks at what is so now, not at what happened: however often it is interrupted, whatever answer is
//! lost, it ends with the calendar that the database wants. Every copy of the service has one, and they share the work by leases.

mod outcome;
mod step;
mod turn;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    caller::Caller,
    db::calendar_sync::{
        leases::{self, Lease},
        steps,
    },
    domain::ids::{AppointmentId, OrgId},
    error::Result,
};

/// How often it looks for what nobody knocked for: what other copies left, and what waited for its time.
const LOOK: Duration = Duration::from_secs(1);

/// An organisation in which something is due and nothing can be done, because its calendars are paused or in others' hands, is left alone so long.
const REST: Duration = Duration::from_secs(5);

/// How often it is counted how much there is to do.
const COUNT: Duration = Duration::from_secs(10);

/// So much is looked at in a calendar at once.
const PAGE: i64 = 50;

/// The worker of this copy of the service. Ends when it is told to stop and what was under way is done.
pub async fn run(app: App, stop: CancellationToken) {
    let workers = usize::from(app.calendars.settings.workers);
    let Some(door) = app.calendars.door().filter(|_| workers > 0) else { return stop.cancelled().await };
    let worker = Worker {
        places: Arc::new(Semaphore::new(workers)),
        turns: JoinSet::new(),
        queue: VecDeque::new(),
        busy: HashMap::new(),
        resting: HashMap::new(),
        app,
        stop,
    };
    worker.work(door).await;
}

struct Worker {
    app: App,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    turns: JoinSet<OrgId>,
    /// Organisations that somebody knocked for, or that were found to have something due, in the order in which they came.
    queue: VecDeque<(OrgId, bool)>,
    /// Organisations whose calendars are being written to by so many turns, and whether somebody knocked meanwhile.
    busy: HashMap<OrgId, (usize, bool)>,
    resting: HashMap<OrgId, Instant>,
}

impl Worker {
    async fn work(mut self, mut door: mpsc::Receiver<OrgId>) {
        let [mut look, mut count] = [LOOK, COUNT].map(tokio::time::interval);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        count.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        loop {
            let places = self.places.clone();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(org) = door.recv() => self.queue(org, true),
                // Who comes next is known when there is a place: until then others may have come.
                Ok(place) = places.acquire_owned(), if !self.queue.is_empty() => {
                    while let Ok(org) = door.try_recv() {
                        self.queue(org, true);
                    }
                    if let Some((org, knocked)) = self.queue.pop_front() {
                        self.visit(org, knocked, place).await;
                    }
                }
                Some(ended) = self.turns.join_next() => {
                    if let Ok(org) = ended && self.has_ended(org) {
                        self.queue(org, true);
                    }
                }
                _ = look.tick() => self.look().await,
                _ = count.tick() => self.count().await,
            }
        }
        while self.turns.join_next().await.is_some() {}
    }

    /// However often somebody knocks, they wait once.
    fn queue(&mut self, org: OrgId, knocked: bool) {
        match self.queue.iter_mut().find(|(waiting, _)| *waiting == org) {
            Some((_, before)) => *before |= knocked,
            None => self.queue.push_back((org, knocked)),
        }
    }

    /// One turn less; tells whether somebody knocked meanwhile.
    fn has_ended(&mut self, org: OrgId) -> bool {
        let Some((turns, knocked)) = self.busy.get_mut(&org) else { return false };
        *turns = turns.saturating_sub(1);
        let knocked = std::mem::take(knocked);
        if *turns == 0 {
            self.busy.remove(&org);
        }
        knocked
    }

    async fn look(&mut self) {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        match leases::organisations_with_work(&self.app.db).await {
            Ok(found) => {
                for org in found {
                    if !self.resting.contains_key(&org) {
                        self.queue(org, false);
                    }
                }
            }
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "the worker cannot see what is to be done");
            }
        }
    }

    async fn count(&self) {
        if let Ok((due, since)) = leases::backlog(&self.app.db).await {
            let oldest = since.map(|since| self.app.clock.now().duration_since(since).as_secs_f64());
            self.app.metrics.calendars.backlog(due, oldest.unwrap_or_default().max(0.0));
        }
    }

    /// Begins a turn for a calendar of the organisation that has something due. For the next one it waits at the end of the queue: others wait, too.
    async fn visit(&mut self, org: OrgId, knocked: bool, place: OwnedSemaphorePermit) {
        match take(&self.app, org, !knocked).await {
            Ok(Some((lease, due))) => {
                self.begin(org, lease, due, place);
                self.queue(org, true);
            }
            Ok(None) => {
                if let Some((_, knocked_meanwhile)) = self.busy.get_mut(&org) {
                    // Perhaps what was knocked for came after the turn looked for the last time.
                    *knocked_meanwhile |= knocked;
                } else if !knocked {
                    let rest = REST.mul_f64(rand::rng().random_range(0.75..1.25));
                    self.resting.insert(org, Instant::now() + rest);
                }
            }
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, org.id = %org, "no calendar could be taken");
                self.resting.insert(org, Instant::now() + REST);
            }
        }
    }

    fn begin(&mut self, org: OrgId, lease: Lease, due: Vec<AppointmentId>, place: OwnedSemaphorePermit) {
        self.busy.entry(org).or_default().0 += 1;
        let (app, stop) = (self.app.clone(), self.stop.clone());
        self.turns.spawn(async move {
            let _place = place;
            turn::take(&app, &stop, org, lease, due).await;
            org
        });
    }
}

/// Takes a calendar that has something due, and what that is.
async fn take(app: &App, org: OrgId, put_off: bool) -> Result<Option<(Lease, Vec<AppointmentId>)>> {
    let mut tx = app.db.worker_tx(&Caller::system(org)).await?;
    let taken = match leases::take(&mut tx, turn::terms(app)).await? {
        Some(lease) => {
            let due = steps::due(&mut tx, lease.calendar, PAGE).await?;
            Some((lease, due))
        }
        None if put_off => {
            leases::put_off(&mut tx).await?;
            None
        }
        None => None,
    };
    tx.commit().await?;
    Ok(taken)
}
