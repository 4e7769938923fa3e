//! Who is let in, to what, and what is written down of those who are not.

use booking_service::{
    caller::Role,
    development_issuer::{DevelopmentIssuer, Grant},
    domain::ids::{AppointmentId, ClinicId, OrgId, ProviderId},
};
use jiff::SignedDuration;
use prost::Message as _;
use proto::booking::v1::{
    self as pb, availability_service_client::AvailabilityServiceClient,
    clinic_service_client::ClinicServiceClient, identity_service_client::IdentityServiceClient,
};
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking, reason, slot},
    token, with_metadata, with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

/// Every RPC of the contract, as `/booking.v1.Service/Rpc`.
fn rpcs() -> Vec<String> {
    let files = prost_types::FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = files.file.into_iter().filter(|file| file.package() == "booking.v1");
    let mut rpcs: Vec<String> = ours
        .flat_map(|file| file.service)
        .flat_map(|service| {
            let name = service.name().to_owned();
            service.method.into_iter().map(move |method| format!("/booking.v1.{name}/{}", method.name()))
        })
        .collect();
    rpcs.sort();
    rpcs
}

/// Calls an RPC with an empty message.
async fn call(app: &TestApp, path: &str, credential: Option<&str>) -> Result<(), Status> {
    let mut grpc = Grpc::new(app.grpc.clone());
    grpc.ready().await.unwrap();
    let request = match credential {
        Some(credential) => with_metadata((), &[("authorization", credential)]),
        None => Request::new(()),
    };
    let path = PathAndQuery::try_from(path).unwrap();
    grpc.unary(request, path, ProstCodec::<(), ()>::default()).await.map(|_| ())
}

#[tokio::test]
async fn no_rpc_is_reached_without_a_good_token() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let (head, signature) = clinic.admin.rsplit_once('.').unwrap();
    let (header, claims) = head.split_once('.').unwrap();
    let stranger = DevelopmentIssuer::generate().unwrap();
    let grant = |org, lifetime| Grant { org, subject: "x".into(), role: Role::Admin, voice: false, lifetime };
    let now = crate::harness::moment();
    let hour = SignedDuration::from_hours(1);
    let mut credentials: Vec<Option<String>> = vec![
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some("Bearer nonsense".into()),
        Some("Basic dXNlcjpwYXNz".into()),
        Some(clinic.admin.clone()),
        Some(format!("Bearer {head}.")),
        Some(format!("Bearer {header}.{claims}A.{signature}")),
        Some(format!("Bearer {header}.{claims}.{}", signature.chars().rev().collect::<String>())),
        // {"alg":"none"}, with the claims of a good token.
        Some(format!("Bearer eyJhbGciOiJub25lIn0.{claims}.")),
        // {"typ":"JWT","alg":"HS256","kid":"x"}
        Some(format!("Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6IngifQ.{claims}.{signature}")),
        Some(format!("Bearer {}", stranger.issue(&grant(clinic.org, hour), now).unwrap())),
    ];
    let issuer = crate::harness::issuer();
    for (lifetime, made) in [(-hour, now), (hour, now + hour), (hour, now - hour)] {
        credentials
            .push(Some(format!("Bearer {}", issuer.issue(&grant(clinic.org, lifetime), made).unwrap())));
    }
    let before = app.count("select count(*) from auth_failure").await;
    let rpcs = rpcs();
    for path in &rpcs {
        for credential in &credentials {
            let status = call(&app, path, credential.as_deref()).await.unwrap_err();
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::Unauthenticated, "UNAUTHENTICATED"),
                "{path} {credential:?}"
            );
            assert_eq!(status.message(), "the credential is missing or not valid");
        }
    }
    let refused = i64::try_from(rpcs.len() * credentials.len()).unwrap();
    assert_eq!(app.count("select count(*) from auth_failure").await - before, refused);
}

#[tokio::test]
async fn a_token_of_an_organisation_that_is_not_there_opens_nothing() {
    let app = TestApp::start().await;
    let nobody = token(OrgId::generate(), Role::Admin, false);
    let request = with_token(&nobody, pb::GetCallerRequest {});
    let status = IdentityServiceClient::new(app.grpc.clone()).get_caller(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let create = pb::CreateClinicRequest { name: "Oak".into(), time_zone: "UTC".into() };
    let status = app.clinics().create_clinic(with_token(&nobody, create)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(app.count("select count(*) from auth_failure").await, 2);
}

/// What every RPC answers when it is asked for another organisation's things, and for things that are not there.
#[tokio::test]
async fn to_a_stranger_what_exists_is_as_what_does_not() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.clinic().await, app.clinic().await);
    let their_appointment = app.book(&theirs.admin, booking(&theirs, TWO_PM)).await.unwrap();
    let nowhere = Clinic {
        id: ClinicId::generate().to_string(),
        provider: ProviderId::generate().to_string(),
        ..theirs.clone()
    };
    let there = outcomes(&app, &ours, &theirs, &their_appointment.id).await;
    let not_there = outcomes(&app, &ours, &nowhere, &AppointmentId::generate().to_string()).await;
    assert_eq!(there, not_there);
    let expected = [
        ("AssignProvider", "CLINIC_FORBIDDEN"),
        ("AssignProvider", "PROVIDER_NOT_FOUND"),
        ("BookAppointment", "CLINIC_FORBIDDEN"),
        ("BookAppointment", "PROVIDER_NOT_FOUND"),
        ("CancelAppointment", "APPOINTMENT_NOT_FOUND"),
        ("CheckSlot", "CLINIC_FORBIDDEN"),
        ("CreateClinic", "names nothing"),
        ("CreateProvider", "CLINIC_FORBIDDEN"),
        ("GetAppointment", "APPOINTMENT_NOT_FOUND"),
        ("GetCaller", "names nothing"),
        ("GetClinic", "CLINIC_FORBIDDEN"),
        ("GetProvider", "PROVIDER_NOT_FOUND"),
        ("ListAppointments", "CLINIC_FORBIDDEN"),
        ("ListAppointments", "PROVIDER_NOT_FOUND"),
        ("ListClinics", "names nothing"),
        ("ListProviders", "CLINIC_FORBIDDEN"),
        ("SearchSlots", "CLINIC_FORBIDDEN"),
        ("SearchSlots", "PROVIDER_NOT_FOUND"),
    ];
    assert_eq!(there, expected.map(|(rpc, reason)| (rpc.to_owned(), reason.to_owned())));
    let mut covered: Vec<String> = there.into_iter().map(|(rpc, _)| rpc).collect();
    covered.dedup();
    let mut all: Vec<String> =
        rpcs().iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect();
    all.sort();
    assert_eq!(covered, all, "an RPC is missing from this table");
    // Nothing of theirs has changed, and each attempt is on record, at home.
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 1);
    let mut database = app.database.superuser().await;
    let attempts: Vec<(String, String, bool)> = sqlx::query_as(
        "select action, reason, resource_id is not null from audit where outcome = 'refused' and org_id = $1",
    )
    .bind(ours.org)
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert_eq!(attempts.len(), 2 * expected.iter().filter(|(_, reason)| *reason != "names nothing").count());
    assert!(attempts.iter().all(|(_, _, named)| *named));
    assert_eq!(app.count("select count(distinct org_id) from audit where outcome = 'refused'").await, 1);
}

/// Each RPC, asked by `ours` for `theirs`, with the reason of the refusal.
async fn outcomes(app: &TestApp, ours: &Clinic, theirs: &Clinic, appointment: &str) -> Vec<(String, String)> {
    fn refused<T>(answer: Result<T, Status>) -> String {
        reason(&answer.err().expect("a refusal"))
    }
    let token = ours.admin.as_str();
    let (mut appointments, mut clinics) = (app.appointments(), ClinicServiceClient::new(app.grpc.clone()));
    let mut foreign_provider = slot(ours, TWO_PM);
    foreign_provider.provider_id.clone_from(&theirs.provider);
    let (clinic_id, provider_id) = (theirs.id.clone(), theirs.provider.clone());
    let mut found = vec![
        ("CreateClinic", "names nothing".to_owned()),
        ("GetCaller", "names nothing".to_owned()),
        ("ListClinics", "names nothing".to_owned()),
    ];
    let book = booking(theirs, TWO_PM);
    found.push(("BookAppointment", refused(appointments.book_appointment(with_token(token, book)).await)));
    let book = crate::harness::fixtures::booking_of(foreign_provider);
    found.push(("BookAppointment", refused(appointments.book_appointment(with_token(token, book)).await)));
    let get = pb::GetAppointmentRequest { appointment_id: appointment.into(), ..Default::default() };
    found.push(("GetAppointment", refused(appointments.get_appointment(with_token(token, get)).await)));
    let cancel = pb::CancelAppointmentRequest { appointment_id: appointment.into(), ..Default::default() };
    found.push((
        "CancelAppointment",
        refused(appointments.cancel_appointment(with_token(token, cancel)).await),
    ));
    let list = pb::ListAppointmentsRequest { clinic_id: clinic_id.clone(), ..Default::default() };
    found.push(("ListAppointments", refused(appointments.list_appointments(with_token(token, list)).await)));
    let list = pb::ListAppointmentsRequest { provider_id: provider_id.clone(), ..Default::default() };
    found.push(("ListAppointments", refused(appointments.list_appointments(with_token(token, list)).await)));
    let check = pb::CheckSlotRequest { slot: Some(slot(theirs, TWO_PM)) };
    let mut availability = AvailabilityServiceClient::new(app.grpc.clone());
    found.push(("CheckSlot", refused(availability.check_slot(with_token(token, check)).await)));
    for (clinic, provider) in [(&theirs.id, ""), (&ours.id, theirs.provider.as_str())] {
        let search = pb::SearchSlotsRequest {
            clinic_id: clinic.clone(),
            provider_id: provider.to_owned(),
            date: "2027-01-05".to_owned(),
            duration: None,
        };
        found.push(("SearchSlots", refused(availability.search_slots(with_token(token, search)).await)));
    }
    let get = pb::GetClinicRequest { clinic_id: clinic_id.clone() };
    found.push(("GetClinic", refused(clinics.get_clinic(with_token(token, get)).await)));
    let create = pb::CreateProviderRequest { name: "X".into(), clinic_ids: vec![clinic_id.clone()] };
    found.push(("CreateProvider", refused(clinics.create_provider(with_token(token, create)).await)));
    let get = pb::GetProviderRequest { provider_id: provider_id.clone() };
    found.push(("GetProvider", refused(clinics.get_provider(with_token(token, get)).await)));
    let list = pb::ListProvidersRequest { clinic_id: clinic_id.clone(), ..Default::default() };
    found.push(("ListProviders", refused(clinics.list_providers(with_token(token, list)).await)));
    let assign = pb::AssignProviderRequest { provider_id: ours.provider.clone(), clinic_id };
    found.push(("AssignProvider", refused(clinics.assign_provider(with_token(token, assign)).await)));
    let assign = pb::AssignProviderRequest { provider_id, clinic_id: ours.id.clone() };
    found.push(("AssignProvider", refused(clinics.assign_provider(with_token(token, assign)).await)));
    found.sort();
    found.into_iter().map(|(rpc, reason)| (rpc.to_owned(), reason)).collect()
}

#[tokio::test]
async fn only_an_administrator_changes_the_set_up() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for role in [Role::Staff, Role::Provider, Role::Agent] {
        let token = token(clinic.org, role, false);
        let create = pb::CreateClinicRequest { name: "Oak".into(), time_zone: "UTC".into() };
        let status = app.clinics().create_clinic(with_token(&token, create)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_TOO_SMALL"));
        app.clinics().list_clinics(with_token(&token, pb::ListClinicsRequest::default())).await.unwrap();
    }
    assert_eq!(app.count("select count(*) from audit where reason = 'ROLE_TOO_SMALL'").await, 3);
}
