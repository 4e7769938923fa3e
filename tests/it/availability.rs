//! Whether a time is free, and what is free near it.

use proto::booking::v1::{
    self as pb, availability_service_client::AvailabilityServiceClient, slot_choice::When,
};
use reqwest::StatusCode;
use serde_json::json;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, VapiCall, before_offers, booking, booking_of, minutes, reason, slot},
    with_token,
};

const NINE_AM: &str = "2027-01-05T14:00:00Z";

async fn check(app: &TestApp, clinic: &Clinic, slot: pb::SlotChoice) -> pb::CheckSlotResponse {
    let message = pb::CheckSlotRequest { slot: Some(slot) };
    let mut availability = AvailabilityServiceClient::new(app.grpc.clone());
    availability.check_slot(with_token(&clinic.admin, message)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_free_time_is_free_and_asking_keeps_nothing() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for _ in 0..2 {
        let found = check(&app, &clinic, slot(&clinic, NINE_AM)).await;
        assert!(found.available && found.alternatives.is_empty());
        let open = found.slot.unwrap();
        assert_eq!(
            (open.provider_id, open.provider_name.as_str()),
            (clinic.provider.clone(), "Dr. Ana Reyes")
        );
        assert_eq!(open.spoken_start_time, "Tuesday, January 5, 2027 at 9 AM");
    }
    assert_eq!(app.count("select count(*) from appointment").await, 0);
}

#[tokio::test]
async fn what_is_offered_instead_of_a_taken_time_can_be_booked() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, NINE_AM)).await.unwrap();
    let mut asked = slot(&clinic, NINE_AM);
    asked.duration = Some(minutes(60));
    let found = check(&app, &clinic, asked).await;
    assert!(!found.available);
    assert_eq!(found.alternatives.len(), 3);
    for open in found.alternatives {
        let choice = pb::SlotChoice {
            clinic_id: open.clinic_id,
            provider_id: open.provider_id,
            when: Some(When::Timestamp(open.start_time.unwrap())),
            duration: Some(minutes(60)),
            ..Default::default()
        };
        app.book(&clinic.admin, booking_of(choice)).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_is_free_will_do_when_nobody_is_asked_for() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let okafor = app.provider(&clinic, "Dr. Ben Okafor").await;
    app.book(&clinic.admin, booking(&clinic, NINE_AM)).await.unwrap();
    let mut anybody = slot(&clinic, NINE_AM);
    anybody.provider_id.clear();
    let found = check(&app, &clinic, anybody.clone()).await;
    assert_eq!((found.available, found.slot.unwrap().provider_id), (true, okafor));
    app.book(&clinic.admin, booking_of(anybody.clone())).await.unwrap();
    let full = check(&app, &clinic, anybody).await;
    assert_eq!((full.available, full.slot.unwrap().provider_id.as_str()), (false, ""));
}

#[tokio::test]
async fn a_providers_time_is_one_across_clinics() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let second = app.second_clinic(&clinic).await;
    let assign =
        pb::AssignProviderRequest { provider_id: clinic.provider.clone(), clinic_id: second.clone() };
    let assigned = app.clinics().assign_provider(with_token(&clinic.admin, assign)).await.unwrap();
    assert_eq!(assigned.into_inner().provider.unwrap().clinic_ids.len(), 2);
    app.book(&clinic.admin, booking(&clinic, NINE_AM)).await.unwrap();
    let elsewhere = Clinic { id: second, ..clinic };
    assert!(!check(&app, &elsewhere, slot(&elsewhere, NINE_AM)).await.available);
}

#[tokio::test]
async fn a_local_time_is_the_clinics_own() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let second = app.second_clinic(&clinic).await;
    for (id, start) in [(&clinic.id, 1_799_157_600), (&second, 1_799_164_800)] {
        let provider = pb::CreateProviderRequest { name: "Dr. Li".into(), clinic_ids: vec![id.clone()] };
        app.clinics().create_provider(with_token(&clinic.admin, provider)).await.unwrap();
        let when = Some(When::LocalTime("2027-01-05T09:00".into()));
        let local = pb::SlotChoice { clinic_id: id.clone(), when, ..Default::default() };
        let found = check(&app, &clinic, local).await;
        assert_eq!(found.slot.unwrap().start_time.unwrap().seconds, start);
    }
}

#[tokio::test]
async fn the_tool_says_free_or_what_is_free_instead() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let at_nine = json!({"appointment_time": "2027-01-05T09:00"});
    let said = app.vapi(&clinic.voice, &call, "checkAvailability", at_nine.clone()).await;
    assert_eq!(
        before_offers(&said),
        "Free: Tuesday, January 5, 2027 at 9 AM with Dr. Ana Reyes. It is not booked yet."
    );
    app.book(&clinic.admin, booking(&clinic, NINE_AM)).await.unwrap();
    let said = app.vapi(&clinic.voice, &call, "check_availability", at_nine.clone()).await;
    assert_eq!(
        before_offers(&said),
        "Not available: that time is taken. The nearest free times are Tuesday, January 5, 2027 at 9:30 AM, 10 AM, \
         or 10:30 AM with Dr. Ana Reyes."
    );
    let (status, body) =
        app.post(Some(&clinic.admin), &json!({"tool": "check_availability", "params": at_nine})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["success"], &body["available"]), (&json!(true), &json!(false)));
    assert_eq!(before_offers(body["say"].as_str().unwrap()), before_offers(&said));
    assert_eq!(
        body["slots"][0],
        json!({
            "offer_id": body["slots"][0]["offer_id"].as_str().filter(|offer| offer.len() == 4).unwrap(),
            "service_id": null,
            "clinic_id": clinic.id,
            "provider_id": clinic.provider,
            "provider_name": "Dr. Ana Reyes",
            "start_time": "2027-01-05T14:30:00.000Z",
            "end_time": "2027-01-05T15:00:00.000Z",
            "time_zone": "America/New_York",
        })
    );
}

async fn search(
    app: &TestApp,
    token: &str,
    message: pb::SearchSlotsRequest,
) -> Result<pb::SearchSlotsResponse, Status> {
    let mut availability = AvailabilityServiceClient::new(app.grpc.clone());
    Ok(availability.search_slots(with_token(token, message)).await?.into_inner())
}

fn day(date: &str) -> pb::SearchSlotsRequest {
    pb::SearchSlotsRequest { date: date.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_days_free_times_are_listed_and_each_can_be_booked() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, NINE_AM)).await.unwrap();
    let found = search(&app, &clinic.admin, day("2027-01-05")).await.unwrap();
    assert_eq!(
        (found.clinic_id.as_str(), found.time_zone.as_str()),
        (clinic.id.as_str(), "America/New_York")
    );
    assert_eq!((found.date.as_str(), found.spoken_date.as_str()), ("2027-01-05", "Tuesday, January 5, 2027"));
    assert_eq!(found.slots.len(), 15, "sixteen half hours, and one is taken");
    assert_eq!(found.slots[0].spoken_start_time, "Tuesday, January 5, 2027 at 9:30 AM");
    for open in found.slots {
        let choice = pb::SlotChoice {
            clinic_id: open.clinic_id,
            provider_id: open.provider_id,
            when: Some(When::Timestamp(open.start_time.unwrap())),
            duration: None,
            ..Default::default()
        };
        app.book(&clinic.admin, booking_of(choice)).await.unwrap();
    }
    assert_eq!(search(&app, &clinic.admin, day("2027-01-05")).await.unwrap().slots, []);
    // Who is free when somebody is not is offered instead.
    let other = app.provider(&clinic, "Dr. Ben Ito").await;
    let found = search(&app, &clinic.admin, day("2027-01-05")).await.unwrap();
    assert!(found.slots.len() == 16 && found.slots.iter().all(|slot| slot.provider_id == other));
    let asked = pb::SearchSlotsRequest { provider_id: clinic.provider.clone(), ..day("2027-01-05") };
    assert_eq!(search(&app, &clinic.admin, asked).await.unwrap().slots, []);
}

#[tokio::test]
async fn a_day_that_is_over_or_is_none_is_refused() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let status = search(&app, &clinic.admin, day("2020-01-01")).await.unwrap_err();
    assert_eq!(reason(&status), "START_IN_THE_PAST");
    let wrong = pb::SearchSlotsRequest {
        clinic_id: "x".into(),
        provider_id: "y".into(),
        date: "tomorrow".into(),
        duration: Some(minutes(0)),
        ..Default::default()
    };
    let status = search(&app, &clinic.admin, wrong).await.unwrap_err();
    let details = status.get_error_details();
    let fields: Vec<&str> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["clinic_id", "provider_id", "date", "duration"]);
}

#[tokio::test]
async fn today_only_what_is_still_to_come_is_listed() {
    let app = TestApp::start().await;
    let noon: jiff::Timestamp = "2027-01-05T17:00:00Z".parse().unwrap();
    app.app.clock.advance(noon.duration_since(app.app.clock.now()));
    let clinic = app.clinic().await;
    let found = search(&app, &clinic.admin, day("2027-01-05")).await.unwrap();
    assert_eq!(found.slots[0].spoken_start_time, "Tuesday, January 5, 2027 at 12:30 PM");
    let long = pb::SearchSlotsRequest { duration: Some(minutes(8 * 60 + 1)), ..day("2027-01-06") };
    assert_eq!(search(&app, &clinic.admin, long).await.unwrap().slots, []);
}

#[tokio::test]
async fn the_assistant_hears_a_days_free_times_as_one_sentence() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let ask = async |arguments| app.vapi(&clinic.voice, &call, "check_availability", arguments).await;
    let hour = json!({"date": "2027-01-05", "duration": 420});
    assert_eq!(
        before_offers(&ask(hour).await),
        "Free on Tuesday, January 5, 2027 with Dr. Ana Reyes: 9 AM, 9:30 AM, and 10 AM. Nothing is booked yet."
    );
    let said = ask(json!({"date": "2027-01-05", "duration": 600})).await;
    assert!(
        said.starts_with(
            "I find no free time on Tuesday, January 5, 2027: nobody works then, or not for so long."
        ),
        "{said}"
    );
    let said = ask(json!({"date": "2020-01-05"})).await;
    assert!(said.starts_with("That time has passed already. Today is "), "{said}");
    let said = ask(json!({"date": "05/01/2027"})).await;
    assert!(said.contains("date is not a date like 2027-01-05") && said.contains("Today is "), "{said}");
    let said = ask(json!({"date": "2027-01-05", "time": "9:00"})).await;
    assert!(said.starts_with("Free: Tuesday, January 5, 2027 at 9 AM"), "{said}");
    let direct =
        json!({"tool": "check_availability", "params": {"date": "2027-01-05", "duration_minutes": 480}});
    let (status, body) = app.post(Some(&clinic.admin), &direct).await;
    assert_eq!((status, &body["available"]), (StatusCode::OK, &json!(true)));
    assert_eq!(body["slots"][0]["start_time"], "2027-01-05T14:00:00.000Z");
}
