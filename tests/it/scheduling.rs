//! What a clinic has said of its services, hours and closures is what can be found and booked.

use proto::booking::v1::{self as pb, slot_choice::When};
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, VapiCall, before_offers, booking, booking_of, minutes, reason, refusal},
    with_token,
};

/// A slot with the clinic's provider, by the clinic's clock.
pub(crate) fn local(clinic: &Clinic, time: &str) -> pb::SlotChoice {
    pb::SlotChoice {
        clinic_id: clinic.id.clone(),
        provider_id: clinic.provider.clone(),
        when: Some(When::LocalTime(time.into())),
        ..Default::default()
    }
}

async fn check(app: &TestApp, clinic: &Clinic, slot: pb::SlotChoice) -> pb::CheckSlotResponse {
    let message = pb::CheckSlotRequest { slot: Some(slot) };
    app.availability().check_slot(with_token(&clinic.admin, message)).await.unwrap().into_inner()
}

async fn search(app: &TestApp, clinic: &Clinic, message: pb::SearchSlotsRequest) -> pb::SearchSlotsResponse {
    app.availability().search_slots(with_token(&clinic.admin, message)).await.unwrap().into_inner()
}

fn starts(found: &pb::SearchSlotsResponse) -> Vec<&str> {
    found.slots.iter().map(|slot| &slot.local_start_time[..16]).collect()
}

/// Elm Street opens Mondays and Tuesdays, on a grid, with notice and horizon, and a cleaning of 30 or 45 minutes with time around it.
async fn elm_street(app: &TestApp) -> (Clinic, pb::Service) {
    let clinic = app.clinic().await;
    app.hours(
        &clinic,
        &[("monday", "09:00-12:00 13:00-17:00"), ("tuesday", "09:00-17:00"), ("2027-01-12", "10:00-11:00")],
    )
    .await;
    let offers =
        vec![pb::ServiceOffer { clinic_id: clinic.id.clone(), provider_id: clinic.provider.clone() }];
    let cleaning = pb::CreateServiceRequest {
        name: "Teeth cleaning".into(),
        durations: vec![minutes(30), minutes(45)],
        buffer_before: Some(minutes(5)),
        buffer_after: Some(minutes(10)),
        policy: Some(pb::StartPolicy { grid_minutes: 15, notice: Some(minutes(24 * 60)), horizon_days: 60 }),
        offers,
        ..Default::default()
    };
    let cleaning = app.service_of(&clinic, cleaning).await;
    (clinic, cleaning)
}

#[tokio::test]
async fn each_reason_not_to_be_bookable_is_named_alike_by_check_search_hold_and_booking() {
    use pb::SlotProblem as P;
    let app = TestApp::start().await;
    let (clinic, cleaning) = elm_street(&app).await;
    app.closed(&clinic, "2027-01-18", "2027-01-18").await;
    app.away(&clinic, "2027-01-19T12:00", "2027-01-19T17:00").await;
    app.book(&clinic.admin, booking(&clinic, "2027-01-04T15:00:00Z")).await.unwrap(); // 10:00
    for (time, length, problem, said) in [
        ("2027-01-04T09:00", 30, P::Unspecified, ""),
        ("2027-01-04T09:00", 60, P::InvalidDuration, "INVALID_DURATION"),
        ("2026-11-23T06:45", 30, P::TooSoon, "TOO_SOON"),
        ("2027-01-25T09:00", 30, P::TooFar, "TOO_FAR"),
        ("2027-01-18T09:00", 30, P::Closed, "CLOSED"),
        ("2027-01-06T09:00", 30, P::OutsideHours, "OUTSIDE_HOURS"),
        ("2027-01-04T11:45", 30, P::OutsideHours, "OUTSIDE_HOURS"),
        // A day unlike others.
        ("2027-01-12T09:00", 30, P::OutsideHours, "OUTSIDE_HOURS"),
        ("2027-01-12T10:15", 45, P::Unspecified, ""),
        ("2027-01-19T13:00", 30, P::ProviderAway, "PROVIDER_AWAY"),
        ("2027-01-04T09:20", 30, P::Misaligned, "MISALIGNED"),
        ("2027-01-04T10:15", 30, P::Taken, "SLOT_TAKEN"),
        // The visit is over before the next one begins, the time after it is not.
        ("2027-01-04T09:30", 30, P::Taken, "SLOT_TAKEN"),
        // Ten minutes of it, and five before the next: a quarter of an hour on.
        ("2027-01-04T10:45", 30, P::Unspecified, ""),
    ] {
        let slot = pb::SlotChoice {
            service_id: cleaning.id.clone(),
            duration: Some(minutes(length)),
            ..local(&clinic, time)
        };
        let checked = check(&app, &clinic, slot.clone()).await;
        assert_eq!((checked.problem(), checked.available), (problem, said.is_empty()), "{time} {length}");
        let listed = pb::SearchSlotsRequest {
            clinic_id: clinic.id.clone(),
            date: time[..10].into(),
            service_id: cleaning.id.clone(),
            duration: Some(minutes(length)),
            ..Default::default()
        };
        let listed = search(&app, &clinic, listed).await;
        assert_eq!(starts(&listed).contains(&time), said.is_empty(), "{time} {length}");
        if said.is_empty() {
            continue;
        }
        let what = Some(pb::hold_slot_request::What::Slot(slot.clone()));
        let hold = pb::HoldSlotRequest { what, ..Default::default() };
        let not_held = app.appointments().hold_slot(with_token(&clinic.admin, hold)).await.unwrap_err();
        let not_booked = app.book(&clinic.admin, booking_of(slot)).await.unwrap_err();
        for status in [not_held, not_booked] {
            let code = if problem == P::Taken { Code::AlreadyExists } else { Code::FailedPrecondition };
            assert_eq!((status.code(), reason(&status).as_str()), (code, said), "{time} {length}");
            // What is offered instead can be booked; a day is far enough for all but the horizon.
            let facts = status.get_details_error_info().unwrap().metadata;
            let expected = match problem {
                P::InvalidDuration => Some(("durations_minutes", "30, 45")),
                P::TooSoon => Some(("notice_minutes", "1440")),
                P::TooFar => Some(("horizon_days", "60")),
                P::Misaligned => Some(("grid_minutes", "15")),
                P::Unspecified | P::Closed | P::OutsideHours | P::ProviderAway | P::Taken => None,
            };
            assert_eq!(expected.map(|(name, _)| facts[name].as_str()), expected.map(|(_, fact)| fact));
        }
        assert_eq!(checked.alternatives.len(), 3, "{time}: {checked:?}");
        for open in checked.alternatives {
            let again = pb::SlotChoice {
                service_id: open.service_id,
                when: Some(When::Timestamp(open.start_time.unwrap())),
                ..local(&clinic, time)
            };
            assert!(check(&app, &clinic, again).await.available, "{time}");
        }
    }
    assert_eq!(app.count("select count(*) from appointment").await, 1);
}

#[tokio::test]
async fn slots_are_found_by_part_of_the_day_weekday_provider_and_nearness() {
    let app = TestApp::start().await;
    let (clinic, _) = elm_street(&app).await;
    let okafor = app.provider(&clinic, "Dr. Ben Okafor").await;
    let week = pb::SearchSlotsRequest {
        clinic_id: clinic.id.clone(),
        date: "2027-01-04".into(),
        end_date: "2027-01-10".into(),
        ..Default::default()
    };
    let reyes = pb::SearchSlotsRequest { provider_id: clinic.provider.clone(), ..week.clone() };
    let found = search(&app, &clinic, reyes.clone()).await;
    // Monday without its break, Tuesday whole: half hours, as nobody has set a grid for a visit without a service.
    assert_eq!(found.slots.len(), 6 + 8 + 16);
    let found = search(
        &app,
        &clinic,
        pb::SearchSlotsRequest { part_of_day: pb::PartOfDay::Morning.into(), ..reyes.clone() },
    )
    .await;
    assert_eq!((found.slots.len(), found.more), (12, false));
    let found =
        search(&app, &clinic, pb::SearchSlotsRequest { weekdays: vec![2, 3], limit: 3, ..reyes.clone() })
            .await;
    assert_eq!(starts(&found), ["2027-01-05T09:00", "2027-01-05T09:30", "2027-01-05T10:00"]);
    assert!(found.more);
    let near = pb::SearchSlotsRequest { nearest_to: "2027-01-04T12:30".into(), limit: 3, ..reyes.clone() };
    assert_eq!(
        starts(&search(&app, &clinic, near).await),
        ["2027-01-04T11:30", "2027-01-04T13:00", "2027-01-04T13:30"]
    );
    let wednesday = pb::SearchSlotsRequest { weekdays: vec![3], ..reyes };
    let nothing = search(&app, &clinic, wednesday).await;
    assert_eq!((nothing.slots.len(), nothing.problem()), (0, pb::SlotProblem::OutsideHours));
    // Who has no hours of their own is listed in the usual ones.
    let several = vec![clinic.provider.clone(), okafor.clone()];
    let found =
        search(&app, &clinic, pb::SearchSlotsRequest { provider_ids: several, weekdays: vec![3], ..week })
            .await;
    assert_eq!(found.slots.len(), 16);
    assert!(found.slots.iter().all(|slot| slot.provider_id == okafor));
}

#[tokio::test]
async fn a_service_is_known_by_its_name_or_by_part_of_it() {
    let app = TestApp::start().await;
    let (clinic, cleaning) = elm_street(&app).await;
    app.service(&clinic, "Root canal", 90).await;
    let of = |text: &str| pb::SlotChoice { service_text: text.into(), ..local(&clinic, "2027-01-04T09:00") };
    for (text, service, length) in [
        ("Teeth cleaning", cleaning.id.as_str(), 30),
        ("CLEANING", &cleaning.id, 30),
        ("a teeth cleaning please", &cleaning.id, 30),
        ("my tooth hurts", "", 30),
        // Both have it in them: nobody is guessed.
        ("an", "", 30),
    ] {
        let slot = check(&app, &clinic, of(text)).await.slot.unwrap();
        let (start, end) = (slot.start_time.unwrap(), slot.end_time.unwrap());
        assert_eq!(
            (slot.service_id.as_str(), (end.seconds - start.seconds) / 60),
            (service, length),
            "{text}"
        );
    }
    // What the caller said is kept beside the service.
    let mut book = booking_of(local(&clinic, "2027-01-04T09:00"));
    book.service_text = "root canal".into();
    let booked = app.book(&clinic.admin, book).await.unwrap();
    assert_eq!((booked.service_name.as_str(), booked.service_text.as_str()), ("Root canal", "root canal"));
    assert_eq!(booked.end_time.unwrap().seconds - booked.start_time.unwrap().seconds, 90 * 60);
}

#[tokio::test]
async fn a_service_is_booked_only_with_who_offers_it() {
    let app = TestApp::start().await;
    let (clinic, cleaning) = elm_street(&app).await;
    let okafor = app.provider(&clinic, "Dr. Ben Okafor").await;
    let slot = pb::SlotChoice { service_id: cleaning.id.clone(), ..local(&clinic, "2027-01-04T09:00") };
    let with_okafor = pb::SlotChoice { provider_id: okafor, ..slot.clone() };
    let answer = app.book(&clinic.admin, booking_of(with_okafor)).await;
    assert_eq!(refusal(answer), (Code::FailedPrecondition, "SERVICE_NOT_OFFERED".into()));
    let anybody = pb::SlotChoice { provider_id: String::new(), ..slot };
    let booked = app.book(&clinic.admin, booking_of(anybody.clone())).await.unwrap();
    assert_eq!(booked.provider_id, clinic.provider);
    let taken = app.book(&clinic.admin, booking_of(anybody)).await.unwrap_err();
    assert_eq!(reason(&taken), "SLOT_TAKEN", "whoever else is free does not offer it");
    let message = pb::ArchiveServiceRequest { service_id: cleaning.id.clone() };
    app.clinics().archive_service(with_token(&clinic.admin, message)).await.unwrap();
    let later = pb::SlotChoice { service_id: cleaning.id, ..local(&clinic, "2027-01-05T09:00") };
    let answer = app.book(&clinic.admin, booking_of(later)).await;
    assert_eq!(refusal(answer), (Code::NotFound, "SERVICE_NOT_FOUND".into()));
}

#[tokio::test]
async fn whoever_is_at_the_desk_sets_rules_aside_with_a_reason_that_is_on_record_but_no_appointment() {
    let app = TestApp::start().await;
    let (clinic, cleaning) = elm_street(&app).await;
    let sunday = pb::SlotChoice { service_id: cleaning.id, ..local(&clinic, "2027-01-03T07:07") };
    let why = |slot: &pb::SlotChoice| pb::BookAppointmentRequest {
        override_reason: "an emergency".into(),
        ..booking_of(slot.clone())
    };
    assert_eq!(
        refusal(app.book(&clinic.voice, why(&sunday)).await),
        (Code::PermissionDenied, "ROLE_TOO_SMALL".into())
    );
    app.book(&clinic.admin, why(&sunday)).await.unwrap();
    let again = pb::SlotChoice { when: Some(When::LocalTime("2027-01-03T07:30".into())), ..sunday };
    assert_eq!(refusal(app.book(&clinic.admin, why(&again)).await).1, "SLOT_TAKEN");
    assert_eq!(
        app.count("select count(*) from audit where note = 'an emergency' and outcome = 'done'").await,
        1
    );
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_not_overwritten() {
    let app = TestApp::start().await;
    let (clinic, cleaning) = elm_street(&app).await;
    let update = |version| pb::UpdateServiceRequest {
        service_id: cleaning.id.clone(),
        name: "Polishing".into(),
        durations: vec![minutes(20)],
        version,
        ..Default::default()
    };
    let mut clinics = app.clinics();
    let updated = clinics.update_service(with_token(&clinic.admin, update(cleaning.version))).await.unwrap();
    let updated = updated.into_inner().service.unwrap();
    assert_eq!(
        (updated.name.as_str(), updated.version, updated.offers.len()),
        ("Polishing", cleaning.version + 1, 0)
    );
    let stale =
        clinics.update_service(with_token(&clinic.admin, update(cleaning.version))).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::FailedPrecondition, "STALE_VERSION"));
    assert_eq!(stale.get_details_error_info().unwrap().metadata["version"], updated.version.to_string());
    let same = pb::CreateServiceRequest {
        name: "polishing".into(),
        durations: vec![minutes(20)],
        ..Default::default()
    };
    let status = clinics.create_service(with_token(&clinic.admin, same)).await.unwrap_err();
    assert_eq!(reason(&status), "NAME_IN_USE");
    // The others as well.
    let name = "Elm Street".to_owned();
    let message = pb::UpdateClinicRequest {
        clinic_id: clinic.id.clone(),
        name: name.clone(),
        version: 99,
        ..Default::default()
    };
    assert_eq!(
        reason(&clinics.update_clinic(with_token(&clinic.admin, message)).await.unwrap_err()),
        "STALE_VERSION"
    );
    let message = pb::UpdateProviderRequest { provider_id: clinic.provider.clone(), name, version: 99 };
    assert_eq!(
        reason(&clinics.update_provider(with_token(&clinic.admin, message)).await.unwrap_err()),
        "STALE_VERSION"
    );
    let message = pb::SetWorkingHoursRequest {
        clinic_id: clinic.id.clone(),
        provider_id: clinic.provider.clone(),
        version: 99,
        ..Default::default()
    };
    assert_eq!(
        reason(&clinics.set_working_hours(with_token(&clinic.admin, message)).await.unwrap_err()),
        "STALE_VERSION"
    );
    let closure = app.closed(&clinic, "2027-01-18", "2027-01-18").await;
    let message = pb::UpdateAbsenceRequest {
        absence_id: closure.id,
        start: "2027-01-18".into(),
        end: "2027-01-19".into(),
        version: 99,
        ..Default::default()
    };
    assert_eq!(
        reason(&clinics.update_absence(with_token(&clinic.admin, message)).await.unwrap_err()),
        "STALE_VERSION"
    );
}

#[tokio::test]
async fn appointments_that_lie_in_an_absence_are_told_and_stay() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let booked = app.book(&clinic.admin, booking(&clinic, "2027-01-05T15:00:00Z")).await.unwrap();
    let of = Some(pb::create_absence_request::Of::ProviderId(clinic.provider.clone()));
    let message = pb::CreateAbsenceRequest {
        of,
        start: "2027-01-05".into(),
        end: "2027-01-05".into(),
        ..Default::default()
    };
    let entered =
        app.clinics().create_absence(with_token(&clinic.admin, message)).await.unwrap().into_inner();
    let told: Vec<&str> = entered.affected.iter().map(|appointment| appointment.id.as_str()).collect();
    assert_eq!(told, [booked.id.as_str()]);
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 1);
    let status = app.book(&clinic.admin, booking(&clinic, "2027-01-05T18:00:00Z")).await.unwrap_err();
    assert_eq!(reason(&status), "PROVIDER_AWAY");
    let absence_id = entered.absence.unwrap().id;
    let message = pb::ArchiveAbsenceRequest { absence_id };
    app.clinics().archive_absence(with_token(&clinic.admin, message)).await.unwrap();
    app.book(&clinic.admin, booking(&clinic, "2027-01-05T18:00:00Z")).await.unwrap();
}

#[tokio::test]
async fn patients_are_found_by_number_name_and_birth_date_and_a_caller_finds_their_own_household() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let message = pb::UpdateClinicRequest {
        clinic_id: clinic.id.clone(),
        name: "Elm".into(),
        country: "us".into(),
        ..Default::default()
    };
    app.clinics().update_clinic(with_token(&clinic.admin, message)).await.unwrap();
    let add = async |name: &str, phone: &str, born: &str| {
        let message = pb::CreatePatientRequest {
            name: name.into(),
            phone: phone.into(),
            birth_date: born.into(),
            clinic_id: clinic.id.clone(),
            ..Default::default()
        };
        let made = app.clinics().create_patient(with_token(&clinic.admin, message)).await?;
        Ok::<_, tonic::Status>(made.into_inner().patient.unwrap())
    };
    let dana = add("Dana Whitfield", "(718) 555-0199", "1985-04-12").await.unwrap();
    assert_eq!(dana.patient.clone().unwrap().phone, "+17185550199");
    let sam = add("Sam Whitfield", "+1 718 555 0199", "2015-01-02").await.unwrap();
    add("Eve Stone", "+12125550142", "").await.unwrap();
    assert_eq!(
        refusal(add("dana whitfield", "718-555-0199", "").await),
        (Code::FailedPrecondition, "NAME_IN_USE".into())
    );
    let find = async |token: &str, message: pb::SearchPatientsRequest| {
        let found =
            app.clinics().search_patients(with_token(token, message)).await.unwrap().into_inner().patients;
        found.into_iter().map(|record| record.patient.unwrap().name).collect::<Vec<_>>()
    };
    let by = pb::SearchPatientsRequest::default;
    assert_eq!(
        find(&clinic.admin, pb::SearchPatientsRequest { phone: "7185550199".into(), ..by() }).await,
        ["Dana Whitfield", "Sam Whitfield"]
    );
    assert_eq!(
        find(
            &clinic.admin,
            pb::SearchPatientsRequest { name: "whit".into(), birth_date: "2015-01-02".into(), ..by() }
        )
        .await,
        ["Sam Whitfield"]
    );
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let said = app.vapi(&clinic.voice, &call, "lookup_patient", json!({"phone": "+12125550142"})).await;
    assert_eq!(said, "2 patients are known: Dana Whitfield and Sam Whitfield.");
    let said = app.vapi(&clinic.voice, &call, "lookupPatient", json!({"name": "Sam"})).await;
    assert_eq!(said, "One patient is known: Sam Whitfield.");
    let withheld = VapiCall { id: "call-2", number: "anonymous" };
    let said = app.vapi(&clinic.voice, &withheld, "lookup_patient", json!({"name": "Sam"})).await;
    assert!(said.starts_with("I do not know the number you are calling from."), "{said}");
    // A booking over the telephone finds the same patient again.
    let book = json!({"patient_name": "Dana Whitfield", "appointment_time": "2027-01-05T10:00"});
    app.vapi(&clinic.voice, &call, "book_appointment", book).await;
    assert_eq!(app.count("select count(*) from patient").await, 3);
    let sam = sam.patient.unwrap().id;
    let message = pb::ArchivePatientRequest { patient_id: sam };
    app.clinics().archive_patient(with_token(&clinic.admin, message)).await.unwrap();
    assert_eq!(
        find(&clinic.admin, pb::SearchPatientsRequest { name: "Whitfield".into(), ..by() }).await,
        ["Dana Whitfield"]
    );
    // Whoever comes again is found again.
    let book = json!({"patient_name": "Sam Whitfield", "appointment_time": "2027-01-06T10:00"});
    app.vapi(&clinic.voice, &call, "book_appointment", book).await;
    assert_eq!(find(&clinic.admin, pb::SearchPatientsRequest { name: "Sam".into(), ..by() }).await.len(), 1);
}

#[tokio::test]
async fn a_clinic_is_described_in_one_answer() {
    let app = TestApp::start().await;
    let (clinic, _) = elm_street(&app).await;
    app.closed(&clinic, "2027-01-18", "2027-01-18").await;
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let said = app.vapi(&clinic.voice, &call, "describe_clinic", json!({})).await;
    assert_eq!(
        said,
        "Elm Street Dental. Today is Sunday, November 22, 2026 there. Services: Teeth cleaning: 30 or 45 minutes. Providers: Dr. Ana \
         Reyes (Monday 09:00 to 12:00 and 13:00 to 17:00, Tuesday 09:00 to 17:00). Closed: from 2027-01-18 00:00 until 2027-01-19 00:00."
    );
    let afternoon = json!({"date": "2027-01-04", "part_of_day": "in the afternoon", "service": "cleaning"});
    let said = app.vapi(&clinic.voice, &call, "check_availability", afternoon).await;
    assert!(
        before_offers(&said).starts_with("Free on Monday, January 4, 2027 with Dr. Ana Reyes: 1 PM, 1:15 PM"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_archived_or_unassigned_is_booked_no_more() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, "2027-01-05T15:00:00Z")).await.unwrap();
    let (clinic_id, provider_id) = (clinic.id.clone(), clinic.provider.clone());
    let message =
        pb::UnassignProviderRequest { clinic_id: clinic_id.clone(), provider_id: provider_id.clone() };
    app.clinics().unassign_provider(with_token(&clinic.admin, message)).await.unwrap();
    let later = || booking(&clinic, "2027-01-05T18:00:00Z");
    assert_eq!(refusal(app.book(&clinic.admin, later()).await).1, "PROVIDER_NOT_FOUND");
    let assign = pb::AssignProviderRequest { clinic_id: clinic_id.clone(), provider_id: provider_id.clone() };
    app.clinics().assign_provider(with_token(&clinic.admin, assign)).await.unwrap();
    let message = pb::ArchiveProviderRequest { provider_id };
    app.clinics().archive_provider(with_token(&clinic.admin, message)).await.unwrap();
    assert_eq!(refusal(app.book(&clinic.admin, later()).await).1, "PROVIDER_NOT_FOUND");
    let message = pb::ArchiveClinicRequest { clinic_id };
    app.clinics().archive_clinic(with_token(&clinic.admin, message)).await.unwrap();
    assert_eq!(refusal(app.book(&clinic.admin, later()).await).1, "CLINIC_FORBIDDEN");
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 1);
}

#[tokio::test]
async fn an_absence_counts_to_the_end_of_the_calendar_and_lasts_ten_years_at_most() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let enter = async |start: &str, end: &str| {
        let of = Some(pb::create_absence_request::Of::ProviderId(clinic.provider.clone()));
        let (start, end) = (start.to_owned(), end.to_owned());
        let message = pb::CreateAbsenceRequest { of, start, end, ..Default::default() };
        app.clinics().create_absence(with_token(&clinic.admin, message)).await.map(drop)
    };
    assert_eq!(refusal(enter("2027-01-01", "9999-12-30").await).1, "INVALID_ARGUMENT");
    enter("9999-12-01", "9999-12-30").await.unwrap();
    assert_eq!(
        check(&app, &clinic, local(&clinic, "9999-12-20T10:00")).await.problem(),
        pb::SlotProblem::ProviderAway
    );
    // Not over by its own clock, though it would be by another.
    enter("2026-11-22T06:30", "2026-11-22T07:30").await.unwrap();
    let of = Some(pb::list_absences_request::Of::ProviderId(clinic.provider.clone()));
    let message = pb::ListAbsencesRequest { of, ..Default::default() };
    let listed = app.clinics().list_absences(with_token(&clinic.admin, message)).await.unwrap().into_inner();
    assert_eq!(listed.absences.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_rules_and_bookings_that_change_at_once_are_refused_or_wait_but_never_break() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(app.service(&clinic, &format!("Service {n}"), 30).await.id);
    }
    let rename = |id: &String| {
        let message = pb::UpdateServiceRequest {
            service_id: id.clone(),
            name: "One name".into(),
            durations: vec![minutes(30)],
            ..Default::default()
        };
        let (mut clinics, request) = (app.clinics(), with_token(&clinic.admin, message));
        async move { clinics.update_service(request).await.map(drop) }
    };
    let renamed = futures::future::join_all(ids.iter().map(rename)).await;
    let reasons: Vec<String> =
        renamed.iter().filter_map(|answer| answer.as_ref().err()).map(reason).collect();
    assert_eq!(reasons, ["NAME_IN_USE"; 3]);
    let hours = async {
        for _ in 0..40 {
            app.hours(&clinic, &[("tuesday", "09:00-17:00")]).await;
        }
    };
    let bookings = async {
        let mut answers = Vec::new();
        for n in 0..16 {
            let time = format!("2027-01-05T{:02}:{:02}", 9 + n / 2, n % 2 * 30);
            answers.push(app.book(&clinic.admin, booking_of(local(&clinic, &time))).await);
        }
        answers
    };
    let ((), answers) = futures::join!(hours, bookings);
    let odd: Vec<String> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .map(reason)
        .filter(|reason| reason != "BUSY")
        .collect();
    assert_eq!(odd, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_sends_a_hundred_mistakes_is_told_of_the_first_ones() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let message = pb::SearchSlotsRequest {
        date: "2027-01-05".into(),
        provider_ids: vec!["x".repeat(300); 300],
        ..Default::default()
    };
    let status = app.availability().search_slots(with_token(&clinic.admin, message)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 25);
}

#[tokio::test]
async fn hours_that_were_taken_back_leave_their_version() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.hours(&clinic, &[("monday", "09:00-17:00")]).await;
    app.hours(&clinic, &[]).await;
    app.hours(&clinic, &[("tuesday", "09:00-17:00")]).await;
    let message =
        pb::GetWorkingHoursRequest { clinic_id: clinic.id.clone(), provider_id: clinic.provider.clone() };
    let hours =
        app.clinics().get_working_hours(with_token(&clinic.admin, message)).await.unwrap().into_inner();
    assert_eq!(hours.working_hours.unwrap().version, 3);
}
