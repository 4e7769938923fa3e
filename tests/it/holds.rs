//! What is kept for a caller, and what was offered to one.

use jiff::SignedDuration;
use proto::booking::v1::{self as pb, book_appointment_request::What, hold_slot_request, slot_choice::When};
use serde_json::json;
use tonic::{Code, Request, Status};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, VapiCall, booking, booking_of, instant, refusal, slot},
    with_metadata, with_token,
};

const TEN: &str = "2027-01-05T15:00:00Z";
const ELEVEN: &str = "2027-01-05T16:00:00Z";

/// A request in the middle of a telephone call.
pub(crate) fn in_call<T>(clinic: &Clinic, call: &str, message: T) -> Request<T> {
    let bearer = format!("Bearer {}", clinic.voice);
    with_metadata(
        message,
        &[("authorization", &bearer), ("x-call-id", call), ("x-caller-number", "+17185550199")],
    )
}

pub(crate) fn hold_of(clinic: &Clinic, start: &str) -> pb::HoldSlotRequest {
    pb::HoldSlotRequest {
        what: Some(hold_slot_request::What::Slot(slot(clinic, start))),
        ..Default::default()
    }
}

pub(crate) async fn hold(
    app: &TestApp,
    clinic: &Clinic,
    call: &str,
    start: &str,
) -> Result<pb::Appointment, Status> {
    let answer = app.appointments().hold_slot(in_call(clinic, call, hold_of(clinic, start))).await?;
    Ok(answer.into_inner().appointment.unwrap())
}

pub(crate) async fn book_hold(
    app: &TestApp,
    clinic: &Clinic,
    call: &str,
    id: &str,
) -> Result<pb::Appointment, Status> {
    let message =
        pb::BookAppointmentRequest { what: Some(What::AppointmentId(id.into())), ..booking(clinic, TEN) };
    let answer = app.appointments().book_appointment(in_call(clinic, call, message)).await?;
    Ok(answer.into_inner().appointment.unwrap())
}

#[tokio::test]
async fn a_hold_becomes_the_appointment_and_nobody_else_has_it_meanwhile() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let held = hold(&app, &clinic, "call-1", TEN).await.unwrap();
    assert_eq!((held.state(), held.patient.clone()), (pb::AppointmentState::Held, None));
    assert_eq!(held.hold_expire_time.unwrap().seconds - held.create_time.unwrap().seconds, 300);
    // Held, it is not listed, not booked, and in no calendar.
    assert_eq!(refusal(app.book(&clinic.admin, booking(&clinic, TEN)).await).1, "SLOT_TAKEN");
    assert_eq!(refusal(hold(&app, &clinic, "call-2", TEN).await).1, "SLOT_TAKEN");
    assert_eq!(app.count("select count(*) from calendar_sync").await, 0);
    // Asked again by the same call, it is the same one.
    assert_eq!(hold(&app, &clinic, "call-1", TEN).await.unwrap().id, held.id);
    // Another call does not see it.
    assert_eq!(refusal(book_hold(&app, &clinic, "call-2", &held.id).await).1, "APPOINTMENT_NOT_FOUND");
    let booked = book_hold(&app, &clinic, "call-1", &held.id).await.unwrap();
    assert_eq!((booked.id.as_str(), booked.state()), (held.id.as_str(), pb::AppointmentState::Booked));
    assert_eq!(booked.confirmation_code, held.confirmation_code);
    assert_eq!(booked.patient.unwrap().name, "Dana Whitfield");
    // Again, after an answer that was lost: it is booked.
    assert_eq!(book_hold(&app, &clinic, "call-1", &held.id).await.unwrap().id, held.id);
    assert_eq!(app.count("select count(*) from appointment").await, 1);
    assert_eq!(app.count("select count(*) from calendar_sync").await, 1);
}

#[tokio::test]
async fn a_call_that_names_the_time_books_what_it_holds() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let time = json!({"appointment_time": "2027-01-05T10:00"});
    let said = app.vapi(&clinic.voice, &call, "hold_slot", time).await;
    assert!(said.starts_with("I am keeping Tuesday, January 5, 2027 at 10 AM with Dr. Ana Reyes for some minutes. It is not booked yet."), "{said}");
    let book = json!({"patient_name": "Dana Whitfield", "appointment_time": "2027-01-05T10:00"});
    let said = app.vapi(&clinic.voice, &call, "book_appointment", book).await;
    assert!(
        said.starts_with("Booked: Dana Whitfield with Dr. Ana Reyes on Tuesday, January 5, 2027 at 10 AM."),
        "{said}"
    );
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 1);
    assert_eq!(app.count("select count(*) from appointment").await, 1);
}

#[tokio::test]
async fn a_hold_lives_as_long_as_its_call_is_heard_of_and_no_longer_than_a_quarter_of_an_hour() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let held = hold(&app, &clinic, "call-1", TEN).await.unwrap();
    let look = pb::CheckSlotRequest { slot: Some(slot(&clinic, ELEVEN)) };
    for _ in 0..3 {
        app.app.clock.advance(SignedDuration::from_mins(4));
        app.availability().check_slot(in_call(&clinic, "call-1", look.clone())).await.unwrap();
        // Another call is no sign of life of this one.
        app.availability().check_slot(in_call(&clinic, "call-2", look.clone())).await.unwrap();
    }
    assert_eq!(refusal(app.book(&clinic.voice, booking(&clinic, TEN)).await).1, "SLOT_TAKEN");
    app.app.clock.advance(SignedDuration::from_mins(3) + SignedDuration::from_secs(1));
    app.availability().check_slot(in_call(&clinic, "call-1", look)).await.unwrap();
    // Its time is over, whether anybody has the slot or not.
    assert_eq!(
        refusal(book_hold(&app, &clinic, "call-1", &held.id).await),
        (Code::FailedPrecondition, "HOLD_EXPIRED".into())
    );
    let get = pb::GetAppointmentRequest { appointment_id: held.id.clone(), ..Default::default() };
    let seen = app.appointments().get_appointment(with_token(&clinic.admin, get)).await.unwrap();
    assert_eq!(seen.into_inner().appointment.unwrap().state(), pb::AppointmentState::Expired);
    app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    assert_eq!(app.count("select count(*) from appointment where state = 'expired'").await, 1);
}

#[tokio::test]
async fn a_hold_can_be_given_up_and_a_call_has_no_more_than_three() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let release = async |call: &str, id: &str| {
        let message = pb::ReleaseHoldRequest { appointment_id: id.into() };
        let answer = app.appointments().release_hold(in_call(&clinic, call, message)).await?;
        Ok::<_, Status>(answer.into_inner().appointment.unwrap().state())
    };
    let first = hold(&app, &clinic, "call-1", TEN).await.unwrap();
    for start in ["2027-01-06T15:00:00Z", "2027-01-07T15:00:00Z"] {
        hold(&app, &clinic, "call-1", start).await.unwrap();
    }
    let fourth = hold(&app, &clinic, "call-1", ELEVEN).await;
    assert_eq!(refusal(fourth), (Code::FailedPrecondition, "TOO_MANY_HOLDS".into()));
    assert_eq!(refusal(release("call-2", &first.id).await).1, "APPOINTMENT_NOT_FOUND");
    for _ in 0..2 {
        assert_eq!(release("call-1", &first.id).await.unwrap(), pb::AppointmentState::Released);
    }
    assert_eq!(refusal(book_hold(&app, &clinic, "call-1", &first.id).await).1, "HOLD_EXPIRED");
    hold(&app, &clinic, "call-1", ELEVEN).await.unwrap();
    let booked = app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let message = pb::ReleaseHoldRequest { appointment_id: booked.id };
    let answer = app.appointments().release_hold(with_token(&clinic.admin, message)).await;
    assert_eq!(refusal(answer), (Code::FailedPrecondition, "WRONG_STATE".into()));
}

/// What a search in a call offers.
async fn offered(app: &TestApp, clinic: &Clinic, call: &str) -> Vec<pb::Slot> {
    let message = pb::SearchSlotsRequest { date: "2027-01-05".into(), offered: true, ..Default::default() };
    let found = app.availability().search_slots(in_call(clinic, call, message)).await.unwrap();
    found.into_inner().slots
}

#[tokio::test]
async fn what_was_offered_is_booked_by_its_short_name_in_its_own_call_for_ten_minutes() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let slots = offered(&app, &clinic, "call-1").await;
    let mut names: Vec<&str> = slots.iter().map(|slot| slot.offer_id.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() == slots.len() && names.iter().all(|name| name.len() == 4));
    let by = |offer: &str, expected: Option<pb::SlotChoice>| pb::BookAppointmentRequest {
        what: Some(What::OfferId(offer.into())),
        expected,
        ..booking(&clinic, TEN)
    };
    let book = async |call: &str, message: pb::BookAppointmentRequest| {
        let answer = app.appointments().book_appointment(in_call(&clinic, call, message)).await?;
        Ok::<_, Status>(answer.into_inner().appointment.unwrap())
    };
    let (first, second) = (&slots[0], &slots[1]);
    // Another call's, another organisation's, one that never was: one answer.
    let other = app.clinic().await;
    let foreign =
        app.appointments().book_appointment(in_call(&other, "call-1", by(&first.offer_id, None))).await;
    assert_eq!(refusal(foreign), (Code::FailedPrecondition, "OFFER_EXPIRED".into()));
    assert_eq!(refusal(book("call-2", by(&first.offer_id, None)).await).1, "OFFER_EXPIRED");
    let never = if names.contains(&"2222") { "3333" } else { "2222" };
    assert_eq!(refusal(book("call-1", by(never, None)).await).1, "OFFER_EXPIRED");
    assert_eq!(refusal(book("call-1", by("no", None)).await).1, "INVALID_ARGUMENT");
    // It must be the time that the caller believes it to be.
    let at =
        |time: &str| Some(pb::SlotChoice { when: Some(When::LocalTime(time.into())), ..Default::default() });
    let wrong = book("call-1", by(&first.offer_id, at("2027-01-05T14:00"))).await;
    assert_eq!(refusal(wrong), (Code::InvalidArgument, "AMBIGUOUS_SLOT".into()));
    let said = first.offer_id.to_lowercase().chars().map(String::from).collect::<Vec<_>>().join(" ");
    let booked = book("call-1", by(&said, at("2027-01-05T09:00"))).await.unwrap();
    assert_eq!(booked.start_time, first.start_time);
    // Held by its name, and booked by its time.
    let message = pb::HoldSlotRequest {
        what: Some(hold_slot_request::What::OfferId(second.offer_id.clone())),
        ..Default::default()
    };
    let held = app.appointments().hold_slot(in_call(&clinic, "call-1", message)).await.unwrap().into_inner();
    assert_eq!(held.appointment.unwrap().start_time, second.start_time);
    app.app.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(refusal(book("call-1", by(&slots[3].offer_id, None)).await).1, "OFFER_EXPIRED");
}

#[tokio::test]
async fn a_taken_slot_comes_with_offers_that_can_be_booked() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let call = VapiCall { id: "call-1", number: "+12125550142" };
    let book = json!({"patient_name": "Marcus Lee", "appointment_time": "2027-01-05T10:00"});
    let said = app.vapi(&clinic.voice, &call, "book_appointment", book).await;
    let offer = said.trim_end_matches('.').rsplit([' ', ',']).next().unwrap().to_owned();
    let book = json!({"patient_name": "Marcus Lee", "offer_id": offer});
    let said = app.vapi(&clinic.voice, &call, "book_appointment", book).await;
    assert!(
        said.starts_with("Booked: Marcus Lee with Dr. Ana Reyes on Tuesday, January 5, 2027 at 10:30 AM."),
        "{said}"
    );
    // Both at once, of different times.
    let book =
        json!({"patient_name": "Marcus Lee", "offer_id": offer, "appointment_time": "2027-01-05T16:00"});
    let said = app.vapi(&clinic.voice, &call, "book_appointment", book).await;
    assert!(said.starts_with("The offer or the hold is another time"), "{said}");
}

#[tokio::test]
async fn a_hold_keeps_what_it_promised_though_the_rules_have_changed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let held = hold(&app, &clinic, "call-1", TEN).await.unwrap();
    app.away(&clinic, "2027-01-05", "2027-01-05").await;
    assert_eq!(refusal(app.book(&clinic.admin, booking(&clinic, ELEVEN)).await).1, "PROVIDER_AWAY");
    book_hold(&app, &clinic, "call-1", &held.id).await.unwrap();
}

#[tokio::test]
async fn whoever_is_not_on_the_telephone_books_any_hold_and_a_hold_without_a_patient_needs_one() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let held = hold(&app, &clinic, "call-1", TEN).await.unwrap();
    let by_id = || pb::BookAppointmentRequest {
        what: Some(What::AppointmentId(held.id.clone())),
        ..Default::default()
    };
    assert_eq!(refusal(app.book(&clinic.admin, by_id()).await).1, "INVALID_ARGUMENT");
    let wrong = pb::BookAppointmentRequest {
        expected: Some(slot(&clinic, ELEVEN)),
        ..booking_of(slot(&clinic, TEN))
    };
    let wrong = pb::BookAppointmentRequest { what: by_id().what, ..wrong };
    assert_eq!(refusal(app.book(&clinic.admin, wrong).await).1, "AMBIGUOUS_SLOT");
    let named = pb::HoldSlotRequest {
        patient: Some(pb::PatientDetails { name: "Sam Whitfield".into(), ..Default::default() }),
        ..hold_of(&clinic, ELEVEN)
    };
    let held = app.appointments().hold_slot(in_call(&clinic, "call-1", named)).await.unwrap().into_inner();
    let id = held.appointment.unwrap().id;
    let by_id = pb::BookAppointmentRequest { what: Some(What::AppointmentId(id)), ..Default::default() };
    let booked = app.book(&clinic.admin, by_id).await.unwrap();
    let patient = booked.patient.unwrap();
    assert_eq!((patient.name.as_str(), patient.phone.as_str()), ("Sam Whitfield", "+17185550199"));
    assert_eq!(booked.start_time, Some(instant(ELEVEN)));
}

#[tokio::test]
async fn a_voice_without_a_call_holds_nothing_and_has_nobody_elses_hold_or_appointment() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let booked = app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let held =
        app.appointments().hold_slot(with_token(&clinic.admin, hold_of(&clinic, ELEVEN))).await.unwrap();
    let held = held.into_inner().appointment.unwrap();
    for id in [&booked.id, &held.id] {
        let message =
            pb::BookAppointmentRequest { what: Some(What::AppointmentId(id.clone())), ..Default::default() };
        assert_eq!(refusal(app.book(&clinic.voice, message.clone()).await).1, "APPOINTMENT_NOT_FOUND");
        let in_a_call = app.appointments().book_appointment(in_call(&clinic, "call-1", message)).await;
        assert_eq!(refusal(in_a_call).1, "APPOINTMENT_NOT_FOUND");
        let message = pb::ReleaseHoldRequest { appointment_id: id.clone() };
        let answer = app.appointments().release_hold(with_token(&clinic.voice, message)).await;
        assert_eq!(refusal(answer).1, "APPOINTMENT_NOT_FOUND");
    }
    let url = format!("{}/api/vapi/tools/book_appointment", app.gateway);
    let named = json!({"appointment_id": booked.id, "patient_name": "Mallory Stone"});
    let answer = app.http.post(url).bearer_auth(&clinic.voice).json(&named).send().await.unwrap();
    let (status, said) = (answer.status(), answer.text().await.unwrap());
    assert!(status == 404 && !said.contains(&booked.confirmation_code), "{status} {said}");
    let answer = app.appointments().hold_slot(with_token(&clinic.voice, hold_of(&clinic, TEN))).await;
    assert_eq!(refusal(answer).1, "INVALID_ARGUMENT");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_holds_a_call_asks_for_at_once_it_has_three_and_none_when_it_is_over() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let days: Vec<String> = (1..=8).map(|day| format!("2027-01-{day:02}T15:00:00Z")).collect();
    let held = futures::future::join_all(days.iter().map(|day| hold(&app, &clinic, "call-1", day))).await;
    assert_eq!(held.iter().filter(|held| held.is_ok()).count(), 3);
    let report = json!({"message": {"type": "end-of-call-report", "call": {"id": "call-1"}}});
    let request =
        app.http.post(format!("{}/api/vapi/webhook", app.gateway)).bearer_auth(&clinic.voice).json(&report);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(
        refusal(hold(&app, &clinic, "call-1", TEN).await).1,
        "HOLD_EXPIRED",
        "nobody is there any more"
    );
    assert_eq!(app.count("select count(*) from appointment where state = 'held'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_books_and_holds_at_once_does_not_stand_in_its_own_way() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for round in 0..6 {
        let (call, day) = (format!("call-{round}"), format!("2027-02-{:02}", round + 1));
        let first = hold(&app, &clinic, &call, &format!("{day}T15:00:00Z")).await.unwrap();
        let (ten, eleven) = (format!("{day}T16:00:00Z"), format!("{day}T17:00:00Z"));
        let answers = futures::join!(
            book_hold(&app, &clinic, &call, &first.id),
            hold(&app, &clinic, &call, &ten),
            hold(&app, &clinic, &call, &eleven),
        );
        assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok(), "{answers:?}");
    }
}

#[tokio::test]
async fn a_hold_that_is_asked_for_again_under_its_key_is_the_same_though_the_rules_have_changed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let ask = async || {
        let bearer = format!("Bearer {}", clinic.voice);
        let metadata =
            [("authorization", bearer.as_str()), ("x-call-id", "call-1"), ("idempotency-key", "hold-1")];
        let answer = app.appointments().hold_slot(with_metadata(hold_of(&clinic, TEN), &metadata)).await?;
        Ok::<_, Status>(answer.into_inner().appointment.unwrap().id)
    };
    let held = ask().await.unwrap();
    app.away(&clinic, "2027-01-05", "2027-01-05").await;
    assert_eq!(ask().await.unwrap(), held);
    // And is listed as what it is.
    let of = async |state: pb::AppointmentState| {
        let message = pb::ListAppointmentsRequest { state: state.into(), ..Default::default() };
        let answer = app.appointments().list_appointments(with_token(&clinic.admin, message)).await.unwrap();
        answer.into_inner().appointments.len()
    };
    assert_eq!((of(pb::AppointmentState::Held).await, of(pb::AppointmentState::Expired).await), (1, 0));
    app.app.clock.advance(SignedDuration::from_mins(6));
    assert_eq!((of(pb::AppointmentState::Held).await, of(pb::AppointmentState::Expired).await), (0, 1));
    assert_eq!(refusal(ask().await).1, "HOLD_EXPIRED");
}
