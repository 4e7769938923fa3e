//! The life of an appointment after it was booked.

use futures::future::join_all;
use jiff::SignedDuration;
use proto::booking::v1::{self as pb, reschedule_appointment_request::To};
use serde_json::json;
use tonic::{Code, Status};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, DEADLOCKS, VapiCall, booking, instant, minutes, reason, refusal, slot},
    with_metadata, with_token,
};

const TEN: &str = "2027-01-05T15:00:00Z";
const ELEVEN: &str = "2027-01-05T16:00:00Z";

fn to(clinic: &Clinic, id: &str, start: &str) -> pb::RescheduleAppointmentRequest {
    let slot = pb::SlotChoice { provider_id: String::new(), ..slot(clinic, start) };
    pb::RescheduleAppointmentRequest {
        appointment_id: id.into(),
        to: Some(To::Slot(slot)),
        ..Default::default()
    }
}

async fn reschedule(
    app: &TestApp,
    token: &str,
    message: pb::RescheduleAppointmentRequest,
) -> Result<pb::Appointment, Status> {
    let answer = app.appointments().reschedule_appointment(with_token(token, message)).await?;
    Ok(answer.into_inner().appointment.unwrap())
}

#[tokio::test]
async fn forty_opposite_moves_at_once_do_not_lock_each_other_out() {
    let app = TestApp::with_connections(16).await;
    let clinic = app.clinic().await;
    let okafor = app.provider(&clinic, "Dr. Ben Okafor").await;
    let elsewhere = Clinic { provider: okafor.clone(), ..clinic.clone() };
    let days: Vec<String> = (1..=20).map(|day| format!("2027-01-{day:02}T15:00:00Z")).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for day in &days {
        ours.push(app.book(&clinic.admin, booking(&clinic, day)).await.unwrap().id);
        let later = day.replace("T15:00", "T17:00");
        theirs.push(app.book(&clinic.admin, booking(&elsewhere, &later)).await.unwrap().id);
    }
    // Each of ours to the other provider, each of theirs to ours, and to the other's time.
    let opposite = days.iter().zip(ours.iter().zip(&theirs)).flat_map(|(day, (our, their))| {
        let there = pb::SlotChoice { ..slot(&elsewhere, day) };
        let here = pb::SlotChoice { ..slot(&clinic, &day.replace("T15:00", "T17:00")) };
        [(our, there), (their, here)]
    });
    let moved = join_all(opposite.map(|(id, slot)| {
        let message = pb::RescheduleAppointmentRequest { to: Some(To::Slot(slot)), ..to(&clinic, id, TEN) };
        reschedule(&app, &clinic.admin, message)
    }))
    .await;
    let failed: Vec<_> = moved.iter().filter_map(|moved| moved.as_ref().err()).collect();
    assert_eq!((moved.len(), failed.len()), (40, 0), "{failed:?}");
    assert_eq!(app.count(DEADLOCKS).await, 0);
    let mine = app.count("select count(*) from appointment a join provider p using (org_id, provider_id) where p.name like '%Reyes'").await;
    assert_eq!(mine, 20);
}

#[tokio::test]
async fn the_new_time_obeys_the_rules_and_the_desk_sets_them_aside() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let booked = app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    app.hours(&clinic, &[("tuesday", "09:00-17:00")]).await;
    let sunday = "2027-01-10T15:00:00Z";
    let status = reschedule(&app, &clinic.admin, to(&clinic, &booked.id, sunday)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "OUTSIDE_HOURS"));
    let anyway = pb::RescheduleAppointmentRequest {
        override_reason: "flood".into(),
        ..to(&clinic, &booked.id, sunday)
    };
    assert_eq!(refusal(reschedule(&app, &clinic.voice, anyway.clone()).await).1, "ROLE_TOO_SMALL");
    let moved = reschedule(&app, &clinic.admin, anyway).await.unwrap();
    assert_eq!(moved.start_time, Some(instant(sunday)));
    assert_eq!(app.count("select count(*) from audit where note = 'flood'").await, 1);
}

#[tokio::test]
async fn a_move_can_change_provider_and_service_and_is_repeatable() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let okafor = app.provider(&clinic, "Dr. Ben Okafor").await;
    let canal = app.service(&Clinic { provider: okafor.clone(), ..clinic.clone() }, "Root canal", 90).await;
    let booked = app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let slot =
        pb::SlotChoice { provider_id: okafor.clone(), service_id: canal.id.clone(), ..slot(&clinic, TEN) };
    let message = pb::RescheduleAppointmentRequest {
        to: Some(To::Slot(slot)),
        version: 1,
        ..to(&clinic, &booked.id, TEN)
    };
    let bearer = format!("Bearer {}", clinic.admin);
    let metadata = [("authorization", bearer.as_str()), ("idempotency-key", "move-1")];
    for _ in 0..2 {
        let request = with_metadata(message.clone(), &metadata);
        let moved = app
            .appointments()
            .reschedule_appointment(request)
            .await
            .unwrap()
            .into_inner()
            .appointment
            .unwrap();
        assert_eq!(
            (moved.provider_id.as_str(), moved.service_name.as_str(), moved.version),
            (okafor.as_str(), "Root canal", 2)
        );
        assert_eq!(moved.end_time.unwrap().seconds - moved.start_time.unwrap().seconds, 90 * 60);
    }
    // Its old time is free, its new one is not.
    app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let with_okafor = Clinic { provider: okafor, ..clinic.clone() };
    assert_eq!(refusal(app.book(&clinic.admin, booking(&with_okafor, ELEVEN)).await).1, "SLOT_TAKEN");
    // Read before that.
    let stale =
        pb::RescheduleAppointmentRequest { version: 1, ..to(&clinic, &booked.id, "2027-01-06T15:00:00Z") };
    assert_eq!(refusal(reschedule(&app, &clinic.admin, stale).await).1, "STALE_VERSION");
}

#[tokio::test]
async fn a_caller_moves_their_own_visit_until_the_cut_off() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let message = pb::UpdateClinicRequest {
        clinic_id: clinic.id.clone(),
        name: "Elm".into(),
        change_cutoff: Some(minutes(120)),
        ..Default::default()
    };
    app.clinics().update_clinic(with_token(&clinic.admin, message)).await.unwrap();
    // 9:30 that morning at the clinic.
    let soon = "2026-11-22T14:30:00Z";
    let booked = app.book(&clinic.admin, booking(&clinic, soon)).await.unwrap();
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let stranger = VapiCall { id: "call-2", number: "+12125550142" };
    let to_ten = json!({"appointment_id": booked.id, "new_time": "2027-01-05T10:00"});
    let said = app.vapi(&clinic.voice, &stranger, "reschedule_appointment", to_ten.clone()).await;
    assert!(said.starts_with("I cannot find that appointment."), "{said}");
    app.app.clock.advance(SignedDuration::from_mins(31));
    let said = app.vapi(&clinic.voice, &call, "reschedule_appointment", to_ten).await;
    assert!(
        said.starts_with(
            "It is too late to change that visit: it can be done until 2 hours before it begins."
        ),
        "{said}"
    );
    let by_code = json!({"confirmation_code": booked.confirmation_code});
    let said = app.vapi(&clinic.voice, &call, "cancel_appointment", by_code).await;
    assert!(said.starts_with("It is too late"), "{said}");
    let cancel = pb::CancelAppointmentRequest { appointment_id: booked.id.clone(), ..Default::default() };
    let voice = crate::harness::token_at(
        clinic.org,
        booking_service::caller::Role::Agent,
        false,
        app.app.clock.now(),
    );
    let status = app.appointments().cancel_appointment(with_token(&voice, cancel.clone())).await.unwrap_err();
    assert_eq!(reason(&status), "CUTOFF_PASSED");
    // The desk may.
    app.appointments().cancel_appointment(with_token(&clinic.admin, cancel)).await.unwrap();
    let later = app.book(&clinic.admin, booking(&clinic, "2027-01-05T18:00:00Z")).await.unwrap();
    let to_ten =
        json!({"confirmation_code": later.confirmation_code, "appointment_time": "2027-01-05T10:00"});
    let said = app.vapi(&clinic.voice, &stranger, "rescheduleAppointment", to_ten).await;
    assert!(
        said.starts_with(
            "Moved: the appointment is now on Tuesday, January 5, 2027 at 10 AM with Dr. Ana Reyes."
        ),
        "{said}"
    );
}

#[tokio::test]
async fn a_visit_is_confirmed_and_once_it_has_begun_completed_or_missed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let soon = "2026-11-22T12:20:00Z";
    let booked = app.book(&clinic.admin, booking(&clinic, soon)).await.unwrap();
    let later = app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let mut appointments = app.appointments();
    let confirm =
        || pb::ConfirmAppointmentRequest { appointment_id: booked.id.clone(), ..Default::default() };
    for _ in 0..2 {
        let confirmed = appointments.confirm_appointment(with_token(&clinic.admin, confirm())).await.unwrap();
        let confirmed = confirmed.into_inner().appointment.unwrap();
        assert_eq!((confirmed.state(), confirmed.version), (pb::AppointmentState::Confirmed, 2));
    }
    let complete = |id: &str, version| pb::CompleteAppointmentRequest { appointment_id: id.into(), version };
    let missed = |id: &str| pb::MarkNoShowRequest { appointment_id: id.into(), version: 0 };
    assert_eq!(
        refusal(appointments.complete_appointment(with_token(&clinic.admin, complete(&booked.id, 0))).await),
        (Code::FailedPrecondition, "NOT_BEGUN".into())
    );
    assert_eq!(
        refusal(appointments.mark_no_show(with_token(&clinic.admin, missed(&booked.id))).await).1,
        "NOT_BEGUN"
    );
    app.app.clock.advance(SignedDuration::from_mins(20));
    assert_eq!(
        refusal(appointments.complete_appointment(with_token(&clinic.admin, complete(&booked.id, 1))).await)
            .1,
        "STALE_VERSION"
    );
    let done =
        appointments.complete_appointment(with_token(&clinic.admin, complete(&booked.id, 2))).await.unwrap();
    assert_eq!(done.into_inner().appointment.unwrap().state(), pb::AppointmentState::Completed);
    // That is the end of it.
    assert_eq!(
        refusal(appointments.mark_no_show(with_token(&clinic.admin, missed(&booked.id))).await).1,
        "WRONG_STATE"
    );
    assert_eq!(
        refusal(appointments.confirm_appointment(with_token(&clinic.admin, confirm())).await).1,
        "WRONG_STATE"
    );
    assert_eq!(
        refusal(reschedule(&app, &clinic.admin, to(&clinic, &booked.id, ELEVEN)).await).1,
        "WRONG_STATE"
    );
    // A confirmed visit that is moved has to be confirmed anew.
    let confirm = pb::ConfirmAppointmentRequest {
        confirmation_code: later.confirmation_code.clone(),
        ..Default::default()
    };
    appointments.confirm_appointment(with_token(&clinic.admin, confirm)).await.unwrap();
    let moved = reschedule(&app, &clinic.admin, to(&clinic, &later.id, ELEVEN)).await.unwrap();
    assert_eq!(moved.state(), pb::AppointmentState::Booked);
}

#[tokio::test]
async fn what_a_client_keeps_with_an_appointment_has_limits() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let with = |pairs: Vec<(String, String)>| pb::BookAppointmentRequest {
        metadata: pairs.into_iter().collect(),
        ..booking(&clinic, TEN)
    };
    for too_much in [
        (0..51).map(|n| (n.to_string(), "x".into())).collect(),
        vec![("k".repeat(41), "x".into())],
        vec![(String::new(), "x".into())],
        vec![("k".into(), "x".repeat(501))],
    ] {
        assert_eq!(refusal(app.book(&clinic.admin, with(too_much)).await).1, "INVALID_ARGUMENT");
    }
    let full: Vec<(String, String)> = (0..50).map(|n| (format!("{n:040}"), "ü".repeat(500))).collect();
    let booked = app.book(&clinic.admin, with(full)).await.unwrap();
    assert_eq!(booked.metadata.len(), 50);
    let one_more = pb::RescheduleAppointmentRequest {
        metadata: [("more".into(), "x".into())].into(),
        ..to(&clinic, &booked.id, ELEVEN)
    };
    assert_eq!(refusal(reschedule(&app, &clinic.admin, one_more).await).1, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_confirmation_that_is_sent_again_after_a_move_confirms_nothing() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let booked = app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    let confirm = async || {
        let message =
            pb::ConfirmAppointmentRequest { appointment_id: booked.id.clone(), ..Default::default() };
        let bearer = format!("Bearer {}", clinic.admin);
        let request = with_metadata(message, &[("authorization", &bearer), ("idempotency-key", "confirm-1")]);
        app.appointments().confirm_appointment(request).await.unwrap().into_inner().appointment.unwrap()
    };
    assert_eq!(confirm().await.state(), pb::AppointmentState::Confirmed);
    reschedule(&app, &clinic.admin, to(&clinic, &booked.id, ELEVEN)).await.unwrap();
    assert_eq!(confirm().await.state(), pb::AppointmentState::Booked);
}

#[tokio::test]
async fn a_visit_whose_service_or_provider_is_offered_no_more_can_still_be_moved() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let service = app.service(&clinic, "Cleaning", 45).await;
    let slot = pb::SlotChoice { service_id: service.id.clone(), ..slot(&clinic, TEN) };
    let booked = app.book(&clinic.admin, crate::harness::fixtures::booking_of(slot)).await.unwrap();
    let message = pb::ArchiveServiceRequest { service_id: service.id.clone() };
    app.clinics().archive_service(with_token(&clinic.admin, message)).await.unwrap();
    let moved = reschedule(&app, &clinic.admin, to(&clinic, &booked.id, ELEVEN)).await.unwrap();
    assert_eq!(
        (moved.service_id.as_str(), moved.end_time.unwrap().seconds - moved.start_time.unwrap().seconds),
        (service.id.as_str(), 45 * 60)
    );
    let okafor = app.provider(&clinic, "Dr. Ben Okafor").await;
    let message = pb::ArchiveProviderRequest { provider_id: clinic.provider.clone() };
    app.clinics().archive_provider(with_token(&clinic.admin, message)).await.unwrap();
    let moved = reschedule(&app, &clinic.admin, to(&clinic, &booked.id, TEN)).await.unwrap();
    assert_eq!(moved.provider_id, okafor);
}
