//! Failures of others that are known from their users' complaints: each is a test here, under a name of its own.

use futures::future::join_all;
use jiff::SignedDuration;
use proto::booking::v1::{self as pb, reschedule_appointment_request::To, slot_choice::When};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tonic::Code;

use crate::{
    harness::{
        TestApp,
        fixtures::{
            Clinic, OVERLAPS, VapiCall, booking, booking_of, direct_booking, minutes, reason, refusal,
            scattered, slot,
        },
        with_token,
    },
    holds::{book_hold, hold, in_call},
    scheduling::local,
};

const TEN: &str = "2027-01-05T15:00:00Z";

const LIVE: &str = "select count(*) from appointment where state in ('held', 'booked', 'confirmed')";

#[tokio::test(flavor = "multi_thread")]
async fn regression_1_of_fifty_bookings_with_mixed_overlapping_starts_one_wins() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let book = |n: u64| {
        let start = format!("2027-01-05T15:{:02}:00Z", scattered(n) % 30);
        app.book(&clinic.admin, booking(&clinic, &start))
    };
    let answers = join_all((0..50).map(book)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let reasons: Vec<String> =
        answers.iter().filter_map(|answer| answer.as_ref().err()).map(reason).collect();
    assert_eq!(
        (reasons.len(), reasons.iter().all(|reason| reason == "SLOT_TAKEN")),
        (49, true),
        "{reasons:?}"
    );
}

/// Experiment G: the confirmation looks while its hold runs, and writes when it has run out and somebody else has booked.
#[tokio::test(flavor = "multi_thread")]
async fn regression_2_a_confirmation_that_stalls_over_the_end_of_its_hold_cannot_double_book() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut superuser = app.database.superuser().await;
    // Not so many that the tokens run out with the holds.
    for round in 0..9_u32 {
        let start = format!("2027-02-{:02}T15:00:00Z", round + 1);
        let held = hold(&app, &clinic, &format!("call-{round}"), &start).await.unwrap();
        // Everybody stalls at the provider's lock, whoever comes first; then the hold runs out under them.
        let mut stuck = superuser.begin().await.unwrap();
        sqlx::query("select from provider where provider_id = $1::uuid for update")
            .bind(&clinic.provider)
            .execute(&mut *stuck)
            .await
            .unwrap();
        let call = format!("call-{round}");
        let confirm = book_hold(&app, &clinic, &call, &held.id);
        let others = join_all((0..4).map(|_| app.book(&clinic.admin, booking(&clinic, &start))));
        let run_out = async {
            // Until somebody waits there.
            let waiting = "select count(*) from pg_locks where not granted";
            while app.count(waiting).await == 0 {
                tokio::task::yield_now().await;
            }
            app.app.clock.advance(SignedDuration::from_mins(if round % 3 == 0 { 4 } else { 6 }));
            stuck.rollback().await.unwrap();
        };
        let (confirmed, others, ()) = futures::join!(confirm, others, run_out);
        let late = join_all((0..2).map(|_| app.book(&clinic.admin, booking(&clinic, &start)))).await;
        let won = others.iter().chain(&late).filter(|answer| answer.is_ok()).count()
            + usize::from(confirmed.is_ok());
        assert_eq!(won, 1, "round {round}: {confirmed:?} {others:?}");
        if let Err(status) = confirmed {
            assert!(["HOLD_EXPIRED", "BUSY"].contains(&reason(&status).as_str()), "{status:?}");
        }
        for status in others.iter().chain(&late).filter_map(|answer| answer.as_ref().err()) {
            assert!(["SLOT_TAKEN", "BUSY"].contains(&reason(status).as_str()), "{status:?}");
        }
    }
    assert_eq!((app.count(LIVE).await, app.count(OVERLAPS).await), (9, 0));
}

#[tokio::test]
async fn regression_3_a_hold_that_ran_out_and_that_nobody_swept_does_not_block() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    hold(&app, &clinic, "call-1", TEN).await.unwrap();
    assert_eq!(refusal(app.book(&clinic.admin, booking(&clinic, TEN)).await).1, "SLOT_TAKEN");
    app.app.clock.advance(SignedDuration::from_mins(5));
    let listed = pb::SearchSlotsRequest { date: "2027-01-05".into(), ..Default::default() };
    let listed =
        app.availability().search_slots(with_token(&clinic.admin, listed)).await.unwrap().into_inner();
    assert_eq!(listed.slots.len(), 16, "it is listed");
    app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
    assert_eq!(
        app.count("select count(*) from appointment where state = 'expired' and hold_expires_at is null")
            .await,
        1
    );
}

#[tokio::test]
async fn regression_4_asymmetric_buffers_are_kept_and_back_to_back_is_allowed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let offers =
        vec![pb::ServiceOffer { clinic_id: clinic.id.clone(), provider_id: clinic.provider.clone() }];
    let service = pb::CreateServiceRequest {
        name: "Cleaning".into(),
        durations: vec![minutes(30)],
        buffer_before: Some(minutes(10)),
        buffer_after: Some(minutes(5)),
        offers,
        ..Default::default()
    };
    let service = app.service_of(&clinic, service).await;
    let plain = |time: &str| booking_of(local(&clinic, time));
    let buffered =
        |time: &str| booking_of(pb::SlotChoice { service_id: service.id.clone(), ..local(&clinic, time) });
    app.book(&clinic.admin, buffered("2027-01-05T10:00")).await.unwrap();
    for (request, free) in [
        (plain("2027-01-05T09:21"), false),
        (plain("2027-01-05T09:20"), true),
        (plain("2027-01-05T10:34"), false),
        (plain("2027-01-05T10:35"), true),
        // Their buffers count against each other, too: ten minutes before it, after 11:05.
        (buffered("2027-01-05T11:14"), false),
        (buffered("2027-01-05T11:15"), true),
        (buffered("2027-01-05T11:59"), false),
        (buffered("2027-01-05T12:00"), true),
    ] {
        let answer = app.book(&clinic.admin, request.clone()).await;
        assert_eq!(answer.is_ok(), free, "{request:?}: {answer:?}");
    }
}

/// What the property tests in `domain/timetable.rs` say of the evaluator, through the API.
#[tokio::test]
async fn regression_5_every_listed_slot_can_be_booked_and_no_unlisted_one_can() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.hours(&clinic, &[("tuesday", "09:00-12:00 13:00-15:30")]).await;
    app.away(&clinic, "2027-01-05T10:00", "2027-01-05T10:40").await;
    let offers =
        vec![pb::ServiceOffer { clinic_id: clinic.id.clone(), provider_id: clinic.provider.clone() }];
    let service = pb::CreateServiceRequest {
        name: "Cleaning".into(),
        durations: vec![minutes(40)],
        buffer_after: Some(minutes(10)),
        policy: Some(pb::StartPolicy { grid_minutes: 20, ..Default::default() }),
        offers,
        ..Default::default()
    };
    let service = app.service_of(&clinic, service).await;
    let mut booked = 0;
    for step in 0..24 * 12 {
        let listed = pb::SearchSlotsRequest {
            date: "2027-01-05".into(),
            service_id: service.id.clone(),
            ..Default::default()
        };
        let listed =
            app.availability().search_slots(with_token(&clinic.admin, listed)).await.unwrap().into_inner();
        // In an order without a pattern, every five minutes of the day once.
        let minute = step * 7 * 13 % (24 * 12) * 5;
        let time = format!("2027-01-05T{:02}:{:02}", minute / 60, minute % 60);
        let is_listed = listed.slots.iter().any(|slot| slot.local_start_time.starts_with(&time));
        let answer = app
            .book(
                &clinic.admin,
                booking_of(pb::SlotChoice { service_id: service.id.clone(), ..local(&clinic, &time) }),
            )
            .await;
        assert_eq!(answer.is_ok(), is_listed, "{time}: {answer:?}");
        booked += usize::from(is_listed);
    }
    assert!((3..=7).contains(&booked), "{booked}");
}

#[tokio::test]
async fn regression_6_the_hours_of_a_day_with_a_clock_change_are_the_clinics_own() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    // Zone, day, hours, first and last start of a visit of half an hour, and how many there are.
    for (zone, day, hours, first, last, count) in [
        (
            "America/Los_Angeles",
            "2027-03-14",
            "09:00-12:00",
            "2027-03-14T16:00:00Z",
            "2027-03-14T18:30:00Z",
            6,
        ),
        ("Australia/Sydney", "2027-04-04", "17:00-19:00", "2027-04-04T07:00:00Z", "2027-04-04T08:30:00Z", 4),
        // 23 and 25 hours, without a break.
        ("America/New_York", "2027-03-14", "00:00-24:00", "2027-03-14T05:00:00Z", "2027-03-15T03:30:00Z", 46),
        ("America/New_York", "2027-11-07", "00:00-24:00", "2027-11-07T04:00:00Z", "2027-11-08T04:30:00Z", 50),
        // At midnight: there is no half past twelve; and by half an hour.
        ("America/Santiago", "2027-09-05", "00:00-02:00", "2027-09-05T04:00:00Z", "2027-09-05T04:30:00Z", 2),
        ("Africa/Cairo", "2027-04-30", "00:00-02:00", "2027-04-29T22:00:00Z", "2027-04-29T22:30:00Z", 2),
        (
            "Australia/Lord_Howe",
            "2027-10-03",
            "01:00-04:00",
            "2027-10-02T14:30:00Z",
            "2027-10-02T16:30:00Z",
            5,
        ),
    ] {
        let message =
            pb::CreateClinicRequest { name: zone.into(), time_zone: zone.into(), ..Default::default() };
        let made =
            app.clinics().create_clinic(with_token(&clinic.admin, message)).await.unwrap().into_inner();
        let id = made.clinic.unwrap().id;
        let there = Clinic { id: id.clone(), ..clinic.clone() };
        let there = Clinic { provider: app.provider(&there, "Dr. Away").await, ..there };
        app.hours(&there, &[(day, hours)]).await;
        let search = pb::SearchSlotsRequest { clinic_id: id, date: day.into(), ..Default::default() };
        let found =
            app.availability().search_slots(with_token(&clinic.admin, search)).await.unwrap().into_inner();
        let starts: Vec<String> =
            found.slots.iter().map(|slot| slot.start_time.unwrap().to_string()).collect();
        let ends = (starts.first().unwrap().as_str(), starts.last().unwrap().as_str());
        assert_eq!((ends, starts.len()), ((first, last), count), "{zone}");
        for slot in [found.slots.first().unwrap(), found.slots.last().unwrap()] {
            let when = Some(When::Timestamp(slot.start_time.unwrap()));
            app.book(&clinic.admin, booking_of(pb::SlotChoice { when, ..local(&there, day) })).await.unwrap();
        }
    }
}

#[tokio::test]
async fn regression_7_a_move_keeps_id_code_and_metadata_and_one_that_fails_keeps_the_old_time() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut request = booking(&clinic, TEN);
    request.metadata = [("crm".to_owned(), "42".to_owned())].into();
    let booked = app.book(&clinic.admin, request).await.unwrap();
    app.book(&clinic.admin, booking(&clinic, "2027-01-05T17:00:00Z")).await.unwrap();
    let to = async |start: &str| {
        let message = pb::RescheduleAppointmentRequest {
            appointment_id: booked.id.clone(),
            to: Some(To::Slot(slot(&clinic, start))),
            metadata: [("moved".to_owned(), "yes".to_owned())].into(),
            ..Default::default()
        };
        let answer = app.appointments().reschedule_appointment(with_token(&clinic.admin, message)).await?;
        Ok::<_, tonic::Status>(answer.into_inner().appointment.unwrap())
    };
    // Onto somebody else: it stays where it was.
    assert_eq!(refusal(to("2027-01-05T17:15:00Z").await), (Code::AlreadyExists, "SLOT_TAKEN".into()));
    let get = pb::GetAppointmentRequest { appointment_id: booked.id.clone(), ..Default::default() };
    let same = app.appointments().get_appointment(with_token(&clinic.admin, get)).await.unwrap().into_inner();
    assert_eq!(same.appointment, Some(booked.clone()));
    // Onto itself: it does not stand in its own way.
    let moved = to("2027-01-05T15:15:00Z").await.unwrap();
    assert_eq!(
        (&moved.id, &moved.confirmation_code, moved.version),
        (&booked.id, &booked.confirmation_code, 2)
    );
    let metadata: Vec<(&str, &str)> = {
        let mut pairs: Vec<_> = moved.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(metadata, [("crm", "42"), ("moved", "yes")]);
    // The old time is free again.
    app.book(&clinic.admin, booking(&clinic, "2027-01-05T14:30:00Z")).await.unwrap();
}

#[tokio::test]
async fn regression_8_a_tool_call_twice_an_intent_twice_and_a_key_for_something_else() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let book = json!({"patient_name": "Dana Whitfield", "appointment_time": "2027-01-05T10:00"});
    let message = call.message(&[("tc_1", "book_appointment", book.clone())]);
    let (_, first) = app.post(Some(&clinic.voice), &message).await;
    let (_, again) = app.post(Some(&clinic.voice), &message).await;
    assert_eq!(first, again, "the same tool call");
    let anew = call.message(&[("tc_2", "book_appointment", book)]);
    let (_, anew) = app.post(Some(&clinic.voice), &anew).await;
    assert_eq!(first["results"][0]["result"], anew["results"][0]["result"], "the same intent");
    assert_eq!(app.count("select count(*) from appointment").await, 1);
    let keep = call.message(&[("tc_3", "hold_slot", json!({"appointment_time": "2027-01-06T10:00"}))]);
    let (_, kept) = app.post(Some(&clinic.voice), &keep).await;
    assert_eq!(kept, app.post(Some(&clinic.voice), &keep).await.1);
    assert_eq!(app.count(LIVE).await, 2);
    app.book_once(&clinic.admin, "key", booking(&clinic, "2027-01-07T15:00:00Z")).await.unwrap();
    let other = app.book_once(&clinic.admin, "key", booking(&clinic, "2027-01-08T15:00:00Z")).await;
    assert_eq!(refusal(other).1, "IDEMPOTENCY_KEY_REUSED");
}

/// The shapes are the corpus's (`vapi_corpus`); here the tools that came with scheduling, and what is no request at all.
#[tokio::test]
async fn regression_10_every_call_gets_one_line_under_its_own_id_with_status_200() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let tools = [
        "check_availability",
        "hold_slot",
        "book_appointment",
        "reschedule_appointment",
        "cancel_appointment",
        "find_appointments",
        "lookup_patient",
        "describe_clinic",
        "unknown",
    ];
    let odd = [
        json!({}),
        json!({"appointment_time": 7, "offer_id": ["x"], "part_of_day": {"a": 1}}),
        json!({"service": "\n\u{0}line\r\nbreak", "date": "2027-13-45", "offer_id": "!!!!"}),
        json!("not an object"),
        Value::Null,
    ];
    for arguments in odd {
        let ids: Vec<String> = (0..tools.len()).map(|n| format!("tc {n} ü")).collect();
        let calls: Vec<(&str, &str, Value)> =
            ids.iter().zip(tools).map(|(id, tool)| (id.as_str(), tool, arguments.clone())).collect();
        let (status, body) = app.post(Some(&clinic.voice), &call.message(&calls)).await;
        let results = body["results"].as_array().unwrap();
        assert_eq!((status.as_u16(), results.len()), (200, tools.len()), "{arguments}");
        for (result, id) in results.iter().zip(&ids) {
            assert_eq!(result["toolCallId"], id.as_str());
            let said = result["result"].as_str().unwrap();
            assert!(!said.is_empty() && !said.contains(['\n', '\r']), "{said:?}");
            assert!(!said.starts_with("I could not confirm"), "{result} for {arguments}");
        }
    }
}

#[tokio::test]
async fn regression_11_another_tenants_organisation_or_number_from_the_model_is_never_believed() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.clinic().await, app.clinic().await);
    app.book(&theirs.admin, booking(&theirs, TEN)).await.unwrap();
    let call = VapiCall { id: "call-1", number: "+12125550142" };
    for tool in
        ["hold_slot", "lookup_patient", "describe_clinic", "reschedule_appointment", "check_availability"]
    {
        let named = json!({"org_id": theirs.org.to_string(), "appointment_time": "2027-01-05T10:00", "confirmation_code": "222222"});
        let said = app.vapi(&ours.voice, &call, tool, named).await;
        assert!(said.starts_with("I can only act for this clinic"), "{tool}: {said}");
        let caller = json!({"caller_number": "+17185550199", "appointment_time": "2027-01-05T10:00", "confirmation_code": "222222"});
        let said = app.vapi(&ours.voice, &call, tool, caller).await;
        assert!(said.starts_with("I can only act for this clinic"), "{tool}: {said}");
    }
    // Their patient's number is on our caller's lips, and finds nobody.
    let said = app.vapi(&ours.voice, &call, "lookup_patient", json!({"phone": "+17185550199"})).await;
    assert_eq!(said, "I find no patient with that number and name.");
}

#[tokio::test(flavor = "multi_thread")]
async fn regression_16_of_many_to_whom_anybody_will_do_each_gets_somebody_while_there_is_one() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for n in 0..7 {
        app.provider(&clinic, &format!("Dr. {n}")).await;
    }
    let anybody =
        |start: &str| booking_of(pb::SlotChoice { provider_id: String::new(), ..slot(&clinic, start) });
    // Half of them hold and then book, half of them book at once; eight providers, twenty callers.
    let asked = (0..20).map(|n| {
        let (app, clinic, request) = (&app, &clinic, anybody(TEN));
        async move {
            if n % 2 == 0 {
                return app.book(&clinic.admin, request).await;
            }
            let call = format!("call-{n}");
            let what = Some(pb::hold_slot_request::What::Slot(pb::SlotChoice {
                provider_id: String::new(),
                ..slot(clinic, TEN)
            }));
            let message = pb::HoldSlotRequest { what, ..Default::default() };
            let held = app.appointments().hold_slot(in_call(clinic, &call, message)).await?.into_inner();
            book_hold(app, clinic, &call, &held.appointment.unwrap().id).await
        }
    });
    let answers = join_all(asked).await;
    let mut who: Vec<&str> = answers.iter().flatten().map(|booked| booked.provider_id.as_str()).collect();
    who.sort_unstable();
    who.dedup();
    assert_eq!(who.len(), 8, "each provider once");
    assert_eq!(answers.iter().flatten().count(), 8);
    assert!(
        answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .all(|status| reason(status) == "SLOT_TAKEN")
    );
    assert_eq!(app.count(OVERLAPS).await, 0);
}

#[tokio::test]
async fn regression_19_whoever_hangs_up_holds_nothing_any_more() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    hold(&app, &clinic, "call-1", TEN).await.unwrap();
    hold(&app, &clinic, "call-1", "2027-01-06T15:00:00Z").await.unwrap();
    hold(&app, &clinic, "call-2", "2027-01-07T15:00:00Z").await.unwrap();
    app.book(&clinic.voice, booking(&clinic, "2027-01-08T15:00:00Z")).await.unwrap();
    let report = json!({"message": {"type": "end-of-call-report", "endedReason": "customer-ended-call", "call": {"id": "call-1"}}});
    for _ in 0..2 {
        let request = app
            .http
            .post(format!("{}/api/vapi/webhook", app.gateway))
            .bearer_auth(&clinic.voice)
            .json(&report);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    assert_eq!(app.count("select count(*) from appointment where state = 'released'").await, 2);
    assert_eq!(app.count(LIVE).await, 2, "another call's, and what was booked");
    app.book(&clinic.admin, booking(&clinic, TEN)).await.unwrap();
}

#[tokio::test]
async fn regression_20_a_conflict_never_tells_of_another_patient() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut request = booking(&clinic, TEN);
    request.service_text = "secret complaint".into();
    let booked = app.book(&clinic.admin, request).await.unwrap();
    let mut other = direct_booking(&clinic, TEN);
    other["params"]["patient_name"] = "Marcus Lee".into();
    other["params"]["patient_email"] = Value::Null;
    let (_, direct) = app.post(Some(&clinic.admin), &other).await;
    let call = VapiCall { id: "call-1", number: "+12125550142" };
    let mut told = vec![direct.to_string()];
    for (tool, arguments) in [
        ("book_appointment", json!({"patient_name": "Marcus Lee", "appointment_time": "2027-01-05T10:00"})),
        ("hold_slot", json!({"appointment_time": "2027-01-05T10:00"})),
        ("check_availability", json!({"appointment_time": "2027-01-05T10:00"})),
        ("check_availability", json!({"date": "2027-01-05"})),
    ] {
        told.push(app.vapi(&clinic.voice, &call, tool, arguments).await);
    }
    let refused = app.book(&clinic.voice, booking_of(slot(&clinic, TEN))).await.unwrap_err();
    told.push(format!("{} {:?}", refused.message(), String::from_utf8_lossy(refused.details())));
    for secret in [
        "Dana",
        "Whitfield",
        "7185550199",
        "dana@example.com",
        "secret complaint",
        &booked.confirmation_code,
        &booked.id,
    ] {
        assert!(told.iter().all(|said| !said.contains(secret)), "{secret}: {told:#?}");
    }
}
