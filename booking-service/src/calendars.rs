//! Between those who change appointments and the worker that brings them into calendars: a knock at the door, and a place to wait.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    config::CalendarSettings,
    domain::{
        appointment::CalendarSync,
        ids::{AppointmentId, CalendarId, OrgId},
    },
    google::{AccessToken, Google},
};

/// More organisations than this that something was done for since the worker looked are found by looking.
const MOST_KNOCKS: usize = 1_000;

/// What opens calendars for now, each with the secret (as it is encrypted) that it was had for: who connects a calendar again may be somebody else.
type Tokens = Arc<Mutex<HashMap<CalendarId, (Vec<u8>, AccessToken)>>>;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Calendars {
    /// The way to Google.
    pub google: Google,
    /// How it is used.
    pub settings: Arc<CalendarSettings>,
    knock: mpsc::Sender<OrgId>,
    /// The worker's end, until it takes it.
    door: Arc<Mutex<Option<mpsc::Receiver<OrgId>>>>,
    waiting: Arc<Mutex<HashMap<AppointmentId, oneshot::Sender<CalendarSync>>>>,
    tokens: Tokens,
}

/// Somebody who waits until an appointment is in its calendar.
#[derive(Debug)]
pub struct Waiting {
    calendars: Calendars,
    id: AppointmentId,
    news: oneshot::Receiver<CalendarSync>,
}

impl Calendars {
    /// As the settings say; nobody works yet.
    pub fn new(settings: &CalendarSettings) -> anyhow::Result<Self> {
        let (knock, door) = mpsc::channel(MOST_KNOCKS);
        Ok(Self {
            google: Google::new(settings)?,
            settings: Arc::new(settings.clone()),
            knock,
            door: Arc::new(Mutex::new(Some(door))),
            waiting: Arc::default(),
            tokens: Arc::default(),
        })
    }

    /// For programs that write to no calendar.
    pub fn idle() -> anyhow::Result<Self> {
        Self::new(&CalendarSettings::idle()?)
    }

    /// Something was done for this organisation's calendars. If nobody hears it, it is found by looking.
    pub fn knock(&self, org: OrgId) {
        let _ = self.knock.try_send(org);
    }

    /// Where knocks are heard: for the worker, once.
    pub(crate) fn door(&self) -> Option<mpsc::Receiver<OrgId>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A place to wait in. To be taken before the knock.
    pub fn wait_for(&self, id: AppointmentId) -> Waiting {
        let (tell, news) = oneshot::channel();
        self.waiting().insert(id, tell);
        Waiting { calendars: self.clone(), id, news }
    }

    /// Tells whoever waits for the appointment.
    pub(crate) fn tell(&self, id: AppointmentId, news: CalendarSync) {
        let waiting = self.waiting().remove(&id);
        if let Some(tell) = waiting {
            // Who has gone is told nothing.
            let _ = tell.send(news);
        }
    }

    /// What opens a calendar with this secret for now, if it is known.
    pub(crate) fn token(&self, id: CalendarId, sealed: &[u8]) -> Option<AccessToken> {
        self.tokens().get(&id).filter(|(secret, _)| secret == sealed).map(|(_, token)| token.clone())
    }

    /// Remembers what opens a calendar.
    pub(crate) fn remember(&self, id: CalendarId, sealed: &[u8], token: AccessToken) {
        self.tokens().insert(id, (sealed.to_vec(), token));
    }

    /// Forgets what does not open a calendar any more.
    pub(crate) fn forget(&self, id: CalendarId) {
        self.tokens().remove(&id);
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<CalendarId, (Vec<u8>, AccessToken)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<AppointmentId, oneshot::Sender<CalendarSync>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// What became of it, if that is known in time.
    pub async fn news(mut self, patience: Duration) -> Option<CalendarSync> {
        tokio::time::timeout(patience, &mut self.news).await.ok()?.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.calendars.waiting().remove(&self.id);
    }
}
