//! Whatever fails, and whenever a service dies: in the end the calendars show what the database has, each appointment once.
#![expect(clippy::print_stdout, reason = "how it went is worth reading")]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use booking_service::{clock::Clock, config::CalendarSettings};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tests::fake_gcal::{FakeGcal, Fault, Hold, Mishap, Op};

use crate::harness::{
    Setup, TestApp,
    calendars::{Google, discovery, settings},
    database::TestDatabase,
    fixtures::{Clinic, booking, scattered},
    keys,
    programs::{self, Program},
    with_token,
};
use proto::booking::v1 as pb;

const CALENDARS: usize = 10;
const APPOINTMENTS: usize = 200;
const CHANGES: usize = 10_000;

/// A Frontdesk that writes to no calendar itself, with the keys of those that do, and their Google.
async fn idle() -> Google {
    // Programs have no other clock than the system's.
    let clock = Clock::default();
    let fake = FakeGcal::start(clock.clone(), discovery()).await.unwrap();
    fake.set_quota(0);
    let database = TestDatabase::create().await;
    let url = database.service_url.clone();
    let calendars = CalendarSettings { workers: 0, wait: Duration::ZERO, ..settings(&fake) };
    let mut keys = keys();
    let key: SecretString = programs::secret_key().await.into();
    keys.vault = booking_service::keys::vault(&key).unwrap();
    let setup = Setup { keys, calendars, clock, ..Setup::usual() };
    Google { app: TestApp::set_up_now(database, &url, setup).await, fake }
}

/// Providers with a calendar each, and their appointments.
async fn ground(google: &Google, providers: usize, appointments: usize) -> (Clinic, Vec<String>) {
    let clinic = google.app.clinic().await;
    let mut made = Vec::new();
    for n in 0..providers {
        let mut other = clinic.clone();
        other.provider = google.app.provider(&clinic, &format!("Dr. {n}")).await;
        google.connect(&other, &calendar(n), pb::CalendarChoices::default()).await;
        for place in 0..appointments / providers {
            let start = format!("2031-01-{:02}T{:02}:00:00Z", place / 10 + 1, place % 10 + 8);
            made.push(google.app.book(&clinic.admin, booking(&other, &start)).await.unwrap().id);
        }
    }
    (clinic, made)
}

fn calendar(n: usize) -> String {
    format!("provider-{n}@clinic.example")
}

/// What goes wrong all the time: a fifth of the answers is lost after the effect, and everything else now and then.
fn weather(fake: &FakeGcal) {
    let rarely = |op, mishap, one_in| fake.plan(Fault { op, mishap, times: usize::MAX, one_in });
    rarely(None, Mishap::HangUpAfter, 10);
    rarely(None, Mishap::CutOff, 10);
    rarely(None, Mishap::HangUpBefore, 40);
    rarely(None, Mishap::Refused(500, "backendError", None), 40);
    rarely(None, Mishap::Page(502), 50);
    rarely(None, Mishap::Refused(429, "rateLimitExceeded", Some(3)), 60);
    rarely(None, Mishap::Refused(403, "userRateLimitExceeded", None), 60);
    rarely(None, Mishap::Refused(403, "quotaExceeded", None), 120);
    rarely(Some(Op::Token), Mishap::Page(503), 10);
    rarely(Some(Op::Token), Mishap::HangUpAfter, 10);
}

/// Changes of all kinds: moves by some minutes, confirmations, cancellations, and back again.
async fn change(database: &mut PgConnection, appointments: &[String], n: usize) {
    let appointment = &appointments[usize::try_from(scattered(n as u64)).unwrap() % appointments.len()];
    let set = match scattered(n as u64 + 7) % 10 {
        0 => "state = 'cancelled'".to_owned(),
        1 | 2 => "state = 'booked'".to_owned(),
        3 => "state = 'confirmed'".to_owned(),
        minutes => format!(
            "starts_at = block_from + interval '{minutes} minutes', ends_at = block_from + interval '{} minutes'",
            minutes + 15
        ),
    };
    let sql =
        format!("update appointment set {set}, version = version + 1 where appointment_id = '{appointment}'");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(database).await.unwrap();
}

/// No pause is long, and no token lives long.
async fn hurry(google: &Google) -> ! {
    let mut tick = tokio::time::interval(Duration::from_millis(25));
    for n in 1_u64.. {
        tick.tick().await;
        google.app.end_pauses().await;
        if n.is_multiple_of(40) {
            google.fake.end_tokens();
        }
    }
    unreachable!("nobody waits for so long")
}

/// The calendars show what the database has.
async fn agree(google: &Google, providers: usize) {
    let mut superuser = google.app.database.superuser().await;
    let rows = sqlx::query(
        "select a.appointment_id::text, a.version, s.event_id, a.starts_at::text, a.ends_at::text
        from appointment a join calendar_sync s using (org_id, appointment_id) where a.state in ('booked', 'confirmed')",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let mut wanted = HashMap::new();
    for row in rows {
        let text = |column: usize| row.get::<String, _>(column);
        let instant = |column: usize| text(column).replace(' ', "T").parse::<jiff::Timestamp>().unwrap();
        wanted.insert(text(0), (text(2), instant(3), instant(4)));
    }
    let events: Vec<_> = (0..providers).flat_map(|n| google.fake.events(&calendar(n))).collect();
    for event in &events {
        let (id, start, end) =
            wanted.remove(event.property("bk_appt")).expect("an event that nobody wants, or twice");
        assert_eq!((event.id.as_str(), event.start(), event.end()), (id.as_str(), Some(start), Some(end)));
    }
    assert_eq!(wanted, HashMap::new(), "appointments without an event");
    let unsettled: i64 = sqlx::query_scalar("select count(*) from calendar_sync where state <> 'synced'")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(unsettled, 0);
}

/// No event ever showed an older version after a newer one.
fn in_order(fake: &FakeGcal) {
    let mut shown: HashMap<String, i64> = HashMap::new();
    for asked in
        fake.journal().into_iter().filter(|asked| asked.done && matches!(asked.op, Op::Insert | Op::Patch))
    {
        let private = &asked.body["extendedProperties"]["private"];
        let version: i64 = private["bk_ver"].as_str().unwrap().parse().unwrap();
        let before = shown.insert(private["bk_appt"].as_str().unwrap().to_owned(), version);
        assert!(before.is_none_or(|before| before <= version), "{before:?} before {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_changes_in_bad_weather_end_with_calendars_that_agree() {
    let google = idle().await;
    let (_, appointments) = ground(&google, CALENDARS, APPOINTMENTS).await;
    weather(&google.fake);
    let few = [("BOOKING_CALENDAR_WORKERS", "2"), ("BOOKING_CALENDAR_TIMEOUT", "2s")];
    let _programs = [
        Program::start(&google.app.database, &google.fake, &few).await,
        Program::start(&google.app.database, &google.fake, &few).await,
    ];
    let changing = async {
        let mut database = google.app.database.superuser().await;
        for n in 0..CHANGES {
            change(&mut database, &appointments, n).await;
        }
    };
    let began = Instant::now();
    tokio::select! {
        () = async { changing.await; google.app.settled_within(Duration::from_mins(4)).await } => {}
        _ = hurry(&google) => {}
    }
    agree(&google, CALENDARS).await;
    in_order(&google.fake);
    let asked = google.fake.journal();
    let lost = asked.iter().filter(|asked| asked.status == 0).count();
    println!("{} requests in {:.1} s, {lost} not even begun", asked.len(), began.elapsed().as_secs_f64());
    assert!(google.fake.most_at_once() <= 1, "two wrote to one calendar at once");
}

/// Where the service is when it dies.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It has the calendar, and asks for a token.
    Leased,
    /// It has noted what it will ask Google for, and asked; nothing is done yet.
    Asked(Op),
    /// It is done, and nobody has heard of it.
    Done(Op),
    /// It has heard, and is about to note it.
    Noting,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_at_any_step_leaves_nothing_undone_and_nothing_done_twice() {
    let google = idle().await;
    let (clinic, appointments) = ground(&google, 1, 1).await;
    let id = &appointments[0];
    let moved = format!(
        "update appointment set starts_at = starts_at + interval '1 minute', version = version + 1 where appointment_id = '{id}'"
    );
    let cancelled = format!(
        "update appointment set state = 'cancelled', version = version + 1 where appointment_id = '{id}'"
    );
    let booked = format!(
        "update appointment set state = 'booked', version = version + 1 where appointment_id = '{id}'"
    );
    for (step, sql) in [
        (Step::Leased, &moved),
        (Step::Asked(Op::Insert), &moved),
        (Step::Done(Op::Insert), &moved),
        (Step::Asked(Op::Patch), &moved),
        (Step::Done(Op::Patch), &moved),
        (Step::Noting, &moved),
        (Step::Asked(Op::Delete), &cancelled),
        (Step::Done(Op::Delete), &cancelled),
        (Step::Noting, &booked),
    ] {
        // An insert needs an appointment that has no event yet.
        if let Step::Asked(Op::Insert) | Step::Done(Op::Insert) = step {
            settle(&google, &cancelled).await;
            settle(&google, "select 1").await;
            google.app.sql(&booked).await;
        }
        if let Step::Asked(Op::Delete) | Step::Done(Op::Delete) = step {
            settle(&google, &booked).await;
        }
        let hold = Hold::default();
        let mut locker = google.app.database.superuser().await;
        match step {
            Step::Leased => google.fake.once(Op::Token, Mishap::HeldBefore(hold.clone())),
            Step::Asked(op) => google.fake.once(op, Mishap::HeldBefore(hold.clone())),
            Step::Done(op) => google.fake.once(op, Mishap::HeldAfter(hold.clone())),
            Step::Noting => {}
        }
        google.app.sql(sql).await;
        // Whoever was killed before has had the calendar long enough.
        google.app.pass("10 minutes").await;
        let asked = google.fake.journal().len();
        if matches!(step, Step::Noting) {
            google.fake.plan(Fault {
                op: None,
                mishap: Mishap::HeldAfter(hold.clone()),
                times: 1,
                one_in: 1,
            });
        }
        let program = Program::start(&google.app.database, &google.fake, &[]).await;
        hold.arrived().await;
        if matches!(step, Step::Noting) {
            // Its note waits for us.
            sqlx::raw_sql("begin; select from calendar for update").execute(&mut locker).await.unwrap();
            hold.let_go();
            google
                .app
                .eventually("select exists (select from pg_stat_activity where wait_event_type = 'Lock' and usename = 'frontdesk_worker')")
                .await;
        }
        program.kill();
        sqlx::raw_sql("rollback").execute(&mut locker).await.unwrap();
        hold.let_go();
        settle(&google, "select 1").await;
        agree(&google, 1).await;
        assert!(google.fake.journal().len() > asked, "{step:?}: nothing was asked");
    }
    in_order(&google.fake);
    drop(clinic);
}

/// Changes something, and has a service bring it into the calendar, after the lease of the one before has ended.
async fn settle(google: &Google, sql: &str) {
    google.app.sql(sql).await;
    google.app.pass("10 minutes").await;
    let _program = Program::start(&google.app.database, &google.fake, &[]).await;
    tokio::select! {
        () = google.app.settled() => {}
        _ = hurry(google) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_calendar_is_none_of_bookings() {
    let google = Google::with(|settings| CalendarSettings {
        wait: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        rate: 5.try_into().unwrap(),
        ..settings
    })
    .await;
    let (clinic, _) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-04T19:00:00Z")).await.unwrap();
    google.fake.go_away();
    let (mut latencies, mut pending) = (Vec::new(), 0);
    // Ten minutes, in steps of ten seconds.
    for n in 0..60 {
        let start = format!("2027-02-{:02}T{:02}:00:00Z", n / 8 + 1, n % 8 + 14);
        let began = Instant::now();
        let message = with_token(&clinic.admin, booking(&clinic, &start));
        let answer = google.app.appointments().book_appointment(message).await.unwrap().into_inner();
        latencies.push(began.elapsed());
        pending += usize::from(answer.calendar_sync.unwrap().status() == pb::CalendarSyncStatus::Pending);
        google.app.pass("10 seconds").await;
    }
    assert_eq!(pending, 60);
    // Once in a while one finds the calendar's pause over, and waits for what fails; the others wait for nothing.
    latencies.sort_unstable();
    let [half, most] = [latencies[30], latencies[59]];
    println!("a booking in the outage: {half:?} half of the time, {most:?} at most");
    assert!(half < google.app.app.calendars.settings.wait, "bookings wait for a calendar that is away");

    google.fake.heal();
    let before = google.fake.journal().len();
    // A minute, by the worker's clock: pauses are over, and the allowance says how quickly it goes.
    let began = Instant::now();
    google.app.pass("30 seconds").await;
    google.app.settled_within(Duration::from_mins(1)).await;
    assert_eq!(google.fake.events(crate::harness::calendars::CALENDAR).len(), 61);
    let asked = google.fake.journal().len() - before;
    println!("{asked} requests in {:?}", began.elapsed());
    // Sixty inserts, a token, and nothing twice that was not begun in the outage; five a second after a burst of ten.
    assert!(asked <= 70 && google.fake.most_at_once() == 1, "{asked} requests");
    let allowed = 10.0 + 5.0 * began.elapsed().as_secs_f64() + 1.0;
    assert!(
        f64::from(u32::try_from(asked).unwrap()) <= allowed + 2.0,
        "{asked} requests, and {allowed} were allowed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_copies_share_the_work() {
    let google = idle().await;
    let (_, appointments) = ground(&google, 6, 60).await;
    let one = [("BOOKING_CALENDAR_WORKERS", "1")];
    let programs = [
        Program::start(&google.app.database, &google.fake, &one).await,
        Program::start(&google.app.database, &google.fake, &one).await,
    ];
    google.app.settled().await;
    agree(&google, 6).await;
    assert_eq!(appointments.len(), 60);
    assert!(programs[0].grpc != programs[1].grpc);
}
