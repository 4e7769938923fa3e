//! A Frontdesk with Google's stand-in beside it.

use std::{path::PathBuf, time::Duration};

use booking_service::{clock::Clock, config::CalendarSettings};
use proto::booking::v1::{self as pb, calendar_service_client::CalendarServiceClient};
use sqlx::{AssertSqlSafe, Row as _};
use tests::fake_gcal::{Discovery, FakeGcal, WELL_KNOWN_CLIENT};
use tonic::transport::Channel;

use super::{Setup, TestApp, canaries, database::TestDatabase, fixtures::Clinic, with_token};

/// The calendar of most tests.
pub(crate) const CALENDAR: &str = "reyes@clinic.example";

const ACCOUNT: &str = "frontdesk@clinic.iam.example";

/// Where Python's packages are, if `./x test` could install them.
#[expect(clippy::disallowed_methods, reason = "a test has no other settings")]
pub(crate) fn peers() -> Option<PathBuf> {
    let peers = std::env::var("FRONTDESK_PEERS").ok().map(PathBuf::from);
    let is_required = std::env::var("FRONTDESK_REQUIRE_PEERS").is_ok();
    assert!(peers.is_some() || !is_required, "Google's own client is missing, which has to be there");
    peers
}

/// Google's own description of its API, if it is at hand.
pub(crate) fn discovery() -> Option<Discovery> {
    peers().map(|peers| Discovery::beside_python(&peers).unwrap())
}

/// Settings for a stand-in that is there.
pub(crate) fn settings(fake: &FakeGcal) -> CalendarSettings {
    let url = |path: &str| format!("{}{path}", fake.url).parse().unwrap();
    let (id, secret) = WELL_KNOWN_CLIENT;
    CalendarSettings {
        google_client_id: Some(id.to_owned()),
        google_client_secret: Some(secret.to_owned().into()),
        google_api_url: url("/calendar/v3/"),
        google_auth_url: url("/o/oauth2/v2/auth"),
        google_token_url: url("/token"),
        google_revoke_url: url("/revoke"),
        workers: 4,
        rate: 10_000.try_into().unwrap(),
        // A busy machine is not what these tests are about.
        wait: Duration::from_secs(5),
        ..CalendarSettings::idle().unwrap()
    }
}

/// A Frontdesk and a Google.
pub(crate) struct Google {
    pub(crate) app: TestApp,
    pub(crate) fake: FakeGcal,
}

impl Google {
    pub(crate) async fn start() -> Self {
        Self::with(|settings| settings).await
    }

    /// With settings of its own.
    pub(crate) async fn with(change: impl FnOnce(CalendarSettings) -> CalendarSettings) -> Self {
        let clock = Clock::default();
        let fake = FakeGcal::start(clock.clone(), discovery()).await.unwrap();
        fake.set_quota(0);
        fake.confide_in(canaries::watch);
        canaries::watch(WELL_KNOWN_CLIENT.1);
        let database = TestDatabase::create().await;
        let url = database.service_url.clone();
        let calendars = change(settings(&fake));
        let setup = Setup { calendars, clock, ..Setup::usual() };
        let app = TestApp::set_up(database, &url, setup).await;
        Self { app, fake }
    }

    pub(crate) fn calendars(&self) -> CalendarServiceClient<Channel> {
        CalendarServiceClient::new(self.app.grpc.clone())
    }

    /// A clinic whose provider has a calendar, connected with a service account that may act for them.
    pub(crate) async fn clinic(&self) -> (Clinic, pb::Calendar) {
        let clinic = self.app.clinic().await;
        let calendar = self.connect(&clinic, CALENDAR, pb::CalendarChoices::default()).await;
        (clinic, calendar)
    }

    /// Connects the provider's calendar with a service account.
    pub(crate) async fn connect(
        &self,
        clinic: &Clinic,
        id: &str,
        choices: pb::CalendarChoices,
    ) -> pb::Calendar {
        let request = self.connection(clinic, id, choices);
        let answer = self.calendars().connect_calendar(with_token(&clinic.admin, request)).await.unwrap();
        answer.into_inner().calendar.unwrap()
    }

    /// The request for that.
    pub(crate) fn connection(
        &self,
        clinic: &Clinic,
        id: &str,
        choices: pb::CalendarChoices,
    ) -> pb::ConnectCalendarRequest {
        let key = self.fake.service_account(ACCOUNT, &[CALENDAR, id]);
        self.fake.add_calendar(id, id);
        let pem: serde_json::Value = serde_json::from_str(&key.json).unwrap();
        // A line of it, however a log would break it.
        canaries::watch(pem["private_key"].as_str().unwrap().lines().nth(3).unwrap());
        let service_account = pb::ServiceAccount { key_json: key.json, subject: id.to_owned() };
        pb::ConnectCalendarRequest {
            provider_id: clinic.provider.clone(),
            google_calendar_id: id.to_owned(),
            choices: Some(choices),
            service_account: Some(service_account),
        }
    }

    pub(crate) async fn status(&self, clinic: &Clinic, calendar: &pb::Calendar) -> pb::GetSyncStatusResponse {
        let request = pb::GetSyncStatusRequest { calendar_id: calendar.id.clone() };
        self.calendars().get_sync_status(with_token(&clinic.admin, request)).await.unwrap().into_inner()
    }

    pub(crate) async fn dead_letters(&self, clinic: &Clinic) -> Vec<pb::DeadLetter> {
        let request = pb::ListDeadLettersRequest::default();
        let found = self.calendars().list_dead_letters(with_token(&clinic.admin, request)).await.unwrap();
        found.into_inner().dead_letters
    }

    pub(crate) async fn requeue(&self, clinic: &Clinic, appointment: &str) {
        let request = pb::RequeueDeadLetterRequest { appointment_id: appointment.to_owned() };
        self.calendars().requeue_dead_letter(with_token(&clinic.admin, request)).await.unwrap();
    }

    /// Changes rows past the API, as what comes later will, and lets the worker know.
    pub(crate) async fn change(&self, clinic: &Clinic, sql: &str) {
        self.app.sql(sql).await;
        self.app.app.calendars.knock(clinic.org);
    }

    /// Until nothing is on its way any more.
    pub(crate) async fn settled(&self) {
        self.app.settled().await;
    }
}

impl Drop for Google {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.fake.violations(), Vec::<String>::new(), "Google would not know this");
        }
    }
}

impl TestApp {
    /// Runs a statement past row security.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut superuser = self.database.superuser().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut superuser).await.unwrap();
    }

    /// Until nothing is on its way into a calendar any more.
    pub(crate) async fn settled(&self) {
        self.settled_within(Duration::from_mins(1)).await;
    }

    /// The same, if it takes longer.
    pub(crate) async fn settled_within(&self, patience: Duration) {
        self.eventually_within(
            "select not exists (select from calendar_sync where due_at is not null)",
            patience,
        )
        .await;
    }

    /// Until it is so.
    pub(crate) async fn eventually(&self, sql: &str) {
        self.eventually_within(sql, Duration::from_mins(1)).await;
    }

    async fn eventually_within(&self, sql: &str, patience: Duration) {
        let mut superuser = self.database.superuser().await;
        let waiting = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            loop {
                tick.tick().await;
                let row = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(&mut superuser).await.unwrap();
                // Nothing is no answer yet.
                if row.get::<Option<bool>, _>(0) == Some(true) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(patience, waiting).await;
        assert!(in_time.is_ok(), "never: {sql}");
    }

    /// Lets time pass for the worker, whose clock is the database's.
    pub(crate) async fn pass(&self, interval: &str) {
        self.sql(&format!(
            "
            update calendar
            set paused_until = paused_until - interval '{interval}', lease_until = lease_until - interval '{interval}',
                allowance_at = allowance_at - interval '{interval}';
            update calendar_sync
            set due_at = due_at - interval '{interval}', retry_since = retry_since - interval '{interval}';
            "
        ))
        .await;
    }

    /// Ends every pause that the worker makes, and no lease: nobody has died.
    pub(crate) async fn end_pauses(&self) {
        self.sql(
            "
            update calendar set paused_until = null where paused_until is not null;
            update calendar_sync set due_at = now() where due_at > now();
            ",
        )
        .await;
    }

    /// A calendar, a question for consent and a call that is over, made past the API: nobody is there to connect them to.
    pub(crate) async fn something_for_calendars(&self, clinic: &Clinic) {
        let Clinic { org, provider, .. } = clinic;
        self.sql(&format!(
            "
            insert into calendar (
                org_id, calendar_id, provider_id, google_calendar_id, name, kind, secret, state, installation, shows_patient_name,
                shows_patient_phone, shows_service, deleted_events, connected_by, created_at, connected_at
            )
            values (
                '{org}', '{org}', '{provider}', 'primary', '', 'consent', 'x', 'connected', 'elsewhere', false, false, false, 'ask', 'x',
                now(), now()
            );
            insert into calendar_consent (
                org_id, calendar_consent_id, provider_id, google_calendar_id, shows_patient_name, shows_patient_phone, shows_service,
                deleted_events, secret_digest, verifier, asked_by, created_at, expires_at
            )
            values (
                '{org}', '{org}', '{provider}', 'primary', false, false, false, 'ask', sha256('x'), 'x', 'x', now(), now()
            );
            insert into calendar_left (org_id, calendar_id, appointment_id, event_id, generation)
            select org_id, '{org}', appointment_id, 'x', 0 from calendar_sync where org_id = '{org}';
            insert into call (org_id, call_id, ended_at, created_at) values ('{org}', 'x', now(), now());
            update calendar_sync set due_at = now() where org_id = '{org}';
            "
        ))
        .await;
    }

    /// What the worker wrote down of an appointment.
    pub(crate) async fn sync_row(&self, appointment: &str) -> (String, Option<String>, Option<String>) {
        let mut superuser = self.database.superuser().await;
        sqlx::query_as("select state, event_id, trouble from calendar_sync where appointment_id = $1::uuid")
            .bind(appointment)
            .fetch_one(&mut superuser)
            .await
            .unwrap()
    }
}
