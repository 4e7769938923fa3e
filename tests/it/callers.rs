//! Callers on the telephone: what they may see, what they have to prove, and what is on record of it.

use booking_service::domain::ids::ClinicId;
use proto::booking::v1::{self as pb, appointment_service_client::AppointmentServiceClient};
use serde_json::json;
use tonic::Code;

use crate::harness::{
    TestApp,
    fixtures::{VapiCall, booking, reason},
    with_metadata, with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

#[tokio::test]
async fn a_caller_on_the_telephone_proves_an_appointment_by_code_or_number() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let made = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let own = VapiCall { id: "call-1", number: "+1 718-555-0199" };
    let strange = VapiCall { id: "call-2", number: "+12125550142" };

    let by_id = json!({"appointment_id": made.id});
    let said = app.vapi(&clinic.voice, &strange, "cancel_appointment", by_id.clone()).await;
    assert!(said.starts_with("I cannot find that appointment"), "{said}");
    // A number that the model names is no proof.
    let claimed = json!({"appointment_id": made.id, "patient_phone": "+17185550199"});
    let said = app.vapi(&clinic.voice, &strange, "cancel_appointment", claimed).await;
    assert!(said.starts_with("I cannot find that appointment"), "{said}");
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 1);

    let said = app.vapi(&clinic.voice, &own, "cancel_appointment", by_id).await;
    assert!(said.starts_with("Cancelled: "), "{said}");
    let code = made.confirmation_code.to_lowercase().chars().map(String::from).collect::<Vec<_>>().join(" ");
    let said =
        app.vapi(&clinic.voice, &strange, "cancel_appointment", json!({"confirmation_code": code})).await;
    assert!(said.starts_with("Cancelled: "), "{said}");
}

#[tokio::test]
async fn a_caller_on_the_telephone_lists_their_own_appointments() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let list = async |bearer: &str, context: &[(&'static str, &str)]| {
        let bearer = format!("Bearer {bearer}");
        let metadata: Vec<_> =
            [("authorization", bearer.as_str())].into_iter().chain(context.iter().copied()).collect();
        let request = with_metadata(pb::ListAppointmentsRequest::default(), &metadata);
        let response = AppointmentServiceClient::new(app.grpc.clone()).list_appointments(request).await;
        response.map(|page| page.into_inner().appointments.len())
    };
    let from = |number| [("x-call-id", "call-1"), ("x-caller-number", number)];
    assert_eq!(list(&clinic.voice, &from("+17185550199")).await.unwrap(), 1);
    assert_eq!(list(&clinic.voice, &from("+12125550142")).await.unwrap(), 0);
    for context in [&from("anonymous")[..], &[]] {
        let status = list(&clinic.voice, context).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "CALLER_NOT_IDENTIFIED")
        );
    }
    // Who is not a voice agent sees everything, and speaks for nobody.
    assert_eq!(list(&clinic.admin, &from("+12125550142")).await.unwrap(), 1);
}

#[tokio::test]
async fn who_names_a_patients_number_is_told_nothing_that_they_did_not_say() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let mut claimed = booking(&clinic, "2027-01-06T19:00:00Z");
    claimed.patient.as_mut().unwrap().email.clear();
    for _ in 0..2 {
        let made = app.book_once(&clinic.voice, "key", claimed.clone()).await.unwrap();
        assert_eq!(made.patient.unwrap().email, "");
    }
    assert_eq!(app.count("select count(*) from patient").await, 1);
}

#[tokio::test]
async fn every_look_at_a_patients_data_is_on_record() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let made = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let get = pb::GetAppointmentRequest { appointment_id: made.id.clone(), ..Default::default() };
    let shown = app.appointments().get_appointment(with_token(&clinic.admin, get)).await.unwrap();
    assert_eq!(shown.into_inner().appointment, Some(made));
    let list = with_token(&clinic.admin, pb::ListAppointmentsRequest::default());
    app.appointments().list_appointments(list).await.unwrap();
    let mut database = app.database.superuser().await;
    let seen: Vec<String> = sqlx::query_scalar(
        "select action from audit where outcome = 'done' and resource = 'appointment' order by 1",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert_eq!(seen, ["BookAppointment", "GetAppointment", "ListAppointments"]);
}

#[tokio::test]
async fn a_caller_hears_what_they_have_coming() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let own = VapiCall { id: "call-1", number: "+17185550199" };
    let strange = VapiCall { id: "call-2", number: "+12125550142" };
    let find = async |call, arguments| app.vapi(&clinic.voice, call, "find_appointments", arguments).await;
    assert_eq!(find(&own, json!({})).await, "I find no coming appointment.");
    let first = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    let cancelled = app.book(&clinic.admin, booking(&clinic, "2027-01-07T19:00:00Z")).await.unwrap();
    let code = json!({"confirmation_code": cancelled.confirmation_code});
    app.vapi(&clinic.voice, &own, "cancel_appointment", code.clone()).await;
    assert_eq!(
        find(&own, json!({})).await,
        "There are 2 appointments: Tuesday, January 5, 2027 at 2 PM with Dr. Ana Reyes; \
         Wednesday, January 6, 2027 at 2 PM with Dr. Ana Reyes."
    );
    assert_eq!(find(&strange, json!({})).await, "I find no coming appointment.");
    let said = find(&strange, json!({"code": first.confirmation_code})).await;
    assert_eq!(said, "There is one appointment: Tuesday, January 5, 2027 at 2 PM with Dr. Ana Reyes.");
    let said = find(&strange, code).await;
    assert!(said.ends_with("with Dr. Ana Reyes (cancelled)."), "{said}");
    let withheld = VapiCall { id: "call-3", number: "anonymous" };
    let said = find(&withheld, json!({})).await;
    assert!(said.starts_with("I do not know the number you are calling from"), "{said}");
    let said = find(&own, json!({"clinic_id": ClinicId::generate().to_string()})).await;
    assert_eq!(said, "That clinic cannot be reached over this connection.");
    // What has begun is not to come.
    app.app.clock.advance(first_start(&first).duration_since(app.app.clock.now()));
    let admin = app.token_for(&clinic);
    let (_, body) = app.post(Some(&admin), &json!({"tool": "find_appointments"})).await;
    let starts: Vec<&str> = body["appointments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["scheduled_at"].as_str().unwrap())
        .collect();
    assert_eq!(starts, ["2027-01-05T19:00:00.000Z", "2027-01-06T19:00:00.000Z"][1..]);
}

fn first_start(appointment: &pb::Appointment) -> jiff::Timestamp {
    let start = appointment.start_time.unwrap();
    jiff::Timestamp::from_second(start.seconds + 1).unwrap()
}
