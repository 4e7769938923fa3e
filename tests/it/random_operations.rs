//! Eight callers do what they like, all at once. Afterwards every answer has to be one that a model of the clinic explains, and the database has to be
//! what was acknowledged.
//!
//! `FRONTDESK_OPERATIONS` and `FRONTDESK_SEED` repeat a run, or make it longer: `FRONTDESK_OPERATIONS=100000 ./x test -E 'test(whatever_eight_callers_do)'`.
//! The seed decides what each caller asks for; which of them is first is up to the machine.

#![expect(clippy::print_stdout, reason = "which run it was, for whoever wants it again")]

mod model;

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use booking_service::caller::Role;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use proto::booking::v1::{
    self as pb, book_appointment_request::What, hold_slot_request, reschedule_appointment_request::To,
    slot_choice::When,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tonic::{Request, Status};

use self::model::{Answer, Asked, Event, History, Minutes, Span};
use crate::harness::{
    TestApp,
    fixtures::{Clinic, DEADLOCKS, OVERLAPS, minutes, reason},
    token_at, with_metadata, with_token,
};

const CALLERS: u64 = 8;

/// A setting of the run; the only tests that have any.
#[expect(clippy::disallowed_methods, reason = "no program of ours: whoever runs the test says how long")]
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The clinic, and what everybody needs to know of it.
struct World<'a> {
    app: &'a TestApp,
    clinic: Clinic,
    providers: Vec<String>,
    /// Needs five minutes before, and ten after.
    service: String,
    /// Since when there are which.
    tokens: Mutex<(Timestamp, String, String)>,
    /// Orders what is asked and what is answered.
    steps: AtomicU64,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_eight_callers_do_is_explained_and_nothing_acknowledged_is_lost() {
    let (operations, seed) = (setting("FRONTDESK_OPERATIONS", 8_000), setting("FRONTDESK_SEED", 20_261_127));
    println!("seed {seed}, {operations} operations");
    // Nobody listens for secrets here: the other tests do, and so many lines would take longer than all that is asked.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default()).unwrap();
    let app = TestApp::with_connections(10).await;
    let clinic = app.clinic().await;
    let mut providers = vec![clinic.provider.clone()];
    for name in ["Dr. Ben Okafor", "Dr. Chu Li"] {
        providers.push(app.provider(&clinic, name).await);
    }
    let offers =
        providers.iter().map(|id| pb::ServiceOffer { clinic_id: clinic.id.clone(), provider_id: id.clone() });
    let service = pb::CreateServiceRequest {
        name: "Cleaning".into(),
        durations: vec![minutes(30), minutes(60)],
        buffer_before: Some(minutes(5)),
        buffer_after: Some(minutes(10)),
        offers: offers.collect(),
        ..Default::default()
    };
    let service = app.service_of(&clinic, service).await.id;
    let tokens = Mutex::new((Timestamp::UNIX_EPOCH, String::new(), String::new()));
    let world = World { app: &app, clinic, providers, service, tokens, steps: AtomicU64::new(0) };
    let histories =
        join_all((0..CALLERS).map(|caller| run(&world, caller, seed, operations / CALLERS))).await;
    let history = History::of(histories.into_iter().flatten().collect());
    println!("{history}");
    history.explain();
    let mut superuser = app.database.superuser().await;
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "select appointment_id::text, provider_id::text, state, (extract(epoch from starts_at) / 60)::bigint from appointment",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    history.compare(&rows);
    assert_eq!(app.count(OVERLAPS).await, 0);
    assert_eq!(app.count(DEADLOCKS).await, 0);
}

/// One caller's way through it, one request at a time.
async fn run(world: &World<'_>, caller: u64, seed: u64, operations: u64) -> Vec<Event> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(caller));
    let mut done: Vec<Event> = Vec::new();
    // What is thought to be theirs: holds, appointments, absences.
    let (mut holds, mut booked, mut absences): (Vec<String>, Vec<String>, Vec<String>) = Default::default();
    for _ in 0..operations {
        let asked = choose(world, &mut rng, &holds, &booked, &absences);
        let (began, now_before) = (world.steps.fetch_add(1, Ordering::SeqCst), world.now());
        let answer = ask(world, caller, &asked).await;
        let (ended, now_after) = (world.steps.fetch_add(1, Ordering::SeqCst), world.now());
        match (&asked, &answer) {
            (Asked::Hold(..), Answer::Placed(placed)) => holds.push(placed.id.clone()),
            (Asked::Book(..) | Asked::Confirm(_), Answer::Placed(placed)) => {
                holds.retain(|id| *id != placed.id);
                if !booked.contains(&placed.id) {
                    booked.push(placed.id.clone());
                }
            }
            (Asked::Confirm(id) | Asked::Release(id), _) => holds.retain(|held| held != id),
            (Asked::Cancel(id), Answer::Done) => booked.retain(|known| known != id),
            (Asked::Away(..), Answer::Absent(id)) => absences.push(id.clone()),
            (Asked::Back(id), Answer::Done) => absences.retain(|known| known != id),
            _ => {}
        }
        done.push(Event { caller, asked, answer, steps: (began, ended), clock: (now_before, now_after) });
    }
    done
}

/// What a caller thinks of next.
fn choose(
    world: &World<'_>,
    rng: &mut StdRng,
    holds: &[String],
    booked: &[String],
    absences: &[String],
) -> Asked {
    let provider = (rng.random_range(0..3) > 0).then(|| world.providers.choose(rng).cloned().unwrap());
    // Three days from eight to twelve, on the quarter hour: not much room for eight.
    let start =
        Minutes::of("2027-01-05T13:00:00Z") + rng.random_range(0..3) * 24 * 60 + rng.random_range(0..16) * 15;
    let span = Span {
        provider,
        start,
        length: [30, 60][rng.random_range(0..2)],
        buffered: rng.random_range(0..2) == 0,
    };
    let one = |ids: &[String], rng: &mut StdRng| ids.choose(rng).cloned();
    match rng.random_range(0..100) {
        0..30 => Asked::Book(span),
        30..48 => Asked::Hold(span),
        48..58 => one(holds, rng).map_or(Asked::Book(span), Asked::Confirm),
        58..63 => one(holds, rng).map_or(Asked::TurnClock, Asked::Release),
        63..76 => one(booked, rng).map_or(Asked::Hold(span.clone()), |id| Asked::Move(id, span)),
        76..93 => one(booked, rng).map_or(Asked::TurnClock, Asked::Cancel),
        93..95 => Asked::Away(Span {
            provider: world.providers.choose(rng).cloned(),
            length: 90,
            buffered: false,
            ..span
        }),
        95..98 => one(absences, rng).map_or(Asked::TurnClock, Asked::Back),
        _ => Asked::TurnClock,
    }
}

impl World<'_> {
    fn now(&self) -> Timestamp {
        self.app.app.clock.now()
    }

    /// Tokens for voice and desk. The clock is turned on for longer than they live.
    fn tokens(&self) -> (String, String) {
        let (now, mut tokens) = (self.now(), self.tokens.lock().unwrap());
        if tokens.0.checked_add(SignedDuration::from_mins(40)).unwrap() < now {
            let token = |role, voice| token_at(self.clinic.org, role, voice, now);
            *tokens = (now, token(Role::Agent, true), token(Role::Admin, false));
        }
        (tokens.1.clone(), tokens.2.clone())
    }

    fn admin(&self) -> String {
        self.tokens().1
    }

    fn in_call<T>(&self, caller: u64, message: T) -> Request<T> {
        let (bearer, call) = (format!("Bearer {}", self.tokens().0), format!("call-{caller}"));
        let number = format!("+1718555{caller:04}");
        with_metadata(
            message,
            &[("authorization", &bearer), ("x-call-id", &call), ("x-caller-number", &number)],
        )
    }

    fn slot(&self, span: &Span) -> pb::SlotChoice {
        pb::SlotChoice {
            clinic_id: self.clinic.id.clone(),
            provider_id: span.provider.clone().unwrap_or_default(),
            when: Some(When::Timestamp(prost_types::Timestamp { seconds: span.start * 60, nanos: 0 })),
            duration: Some(minutes(span.length)),
            service_id: if span.buffered { self.service.clone() } else { String::new() },
            service_text: String::new(),
        }
    }
}

async fn ask(world: &World<'_>, caller: u64, asked: &Asked) -> Answer {
    let (mut appointments, mut clinics) = (world.app.appointments(), world.app.clinics());
    let name = format!("Caller {caller}");
    let patient = Some(pb::PatientDetails { name, ..Default::default() });
    let placed = |answer: Result<Option<pb::Appointment>, Status>| match answer {
        Ok(appointment) => Answer::placed(&appointment.unwrap()),
        Err(status) => Answer::Refused(reason(&status)),
    };
    let done = |answer: Result<(), Status>| {
        answer.map_or_else(|status| Answer::Refused(reason(&status)), |()| Answer::Done)
    };
    match asked {
        Asked::Book(span) => {
            let what = Some(What::Slot(world.slot(span)));
            let message = pb::BookAppointmentRequest { what, patient, ..Default::default() };
            let answer = appointments.book_appointment(world.in_call(caller, message)).await;
            placed(answer.map(|answer| answer.into_inner().appointment))
        }
        Asked::Hold(span) => {
            let what = Some(hold_slot_request::What::Slot(world.slot(span)));
            let message = pb::HoldSlotRequest { what, ..Default::default() };
            let answer = appointments.hold_slot(world.in_call(caller, message)).await;
            placed(answer.map(|answer| answer.into_inner().appointment))
        }
        Asked::Confirm(id) => {
            let what = Some(What::AppointmentId(id.clone()));
            let message = pb::BookAppointmentRequest { what, patient, ..Default::default() };
            let answer = appointments.book_appointment(world.in_call(caller, message)).await;
            placed(answer.map(|answer| answer.into_inner().appointment))
        }
        Asked::Move(id, span) => {
            let to = Some(To::Slot(pb::SlotChoice { service_text: String::new(), ..world.slot(span) }));
            let message =
                pb::RescheduleAppointmentRequest { appointment_id: id.clone(), to, ..Default::default() };
            let answer = appointments.reschedule_appointment(world.in_call(caller, message)).await;
            placed(answer.map(|answer| answer.into_inner().appointment))
        }
        Asked::Release(id) => {
            let message = pb::ReleaseHoldRequest { appointment_id: id.clone() };
            done(appointments.release_hold(world.in_call(caller, message)).await.map(drop))
        }
        Asked::Cancel(id) => {
            let message = pb::CancelAppointmentRequest { appointment_id: id.clone(), ..Default::default() };
            done(appointments.cancel_appointment(with_token(&world.admin(), message)).await.map(drop))
        }
        Asked::Away(span) => {
            let text = |at: i64| {
                let at = Timestamp::from_second(at * 60).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
                at.strftime("%Y-%m-%dT%H:%M").to_string()
            };
            let message = pb::CreateAbsenceRequest {
                of: span.provider.clone().map(pb::create_absence_request::Of::ProviderId),
                start: text(span.start),
                end: text(span.start + span.length),
                time_zone: "UTC".into(),
                ..Default::default()
            };
            match clinics.create_absence(with_token(&world.admin(), message)).await {
                Ok(made) => Answer::Absent(made.into_inner().absence.unwrap().id),
                Err(status) => Answer::Refused(reason(&status)),
            }
        }
        Asked::Back(id) => {
            let message = pb::ArchiveAbsenceRequest { absence_id: id.clone() };
            done(clinics.archive_absence(with_token(&world.admin(), message)).await.map(drop))
        }
        Asked::TurnClock => {
            world.app.app.clock.advance(SignedDuration::from_secs(45));
            Answer::Done
        }
    }
}
