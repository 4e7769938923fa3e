//! Who is let in, to what, and what is written down of those who are not.

use booking_service::{
    caller::Role,
    development_issuer,
    domain::{
        ids::{AppointmentId, ClinicId, OrgId, ProviderId},
        scope::Scope,
    },
    token::issuer::Grant,
};
use jiff::SignedDuration;
use prost::Message as _;
use proto::booking::v1::{
    self as pb, availability_service_client::AvailabilityServiceClient,
    calendar_service_client::CalendarServiceClient, clinic_service_client::ClinicServiceClient,
    identity_service_client::IdentityServiceClient,
};
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking, minutes, reason, refusal, slot},
    people::unknown_webhook_credential,
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
    let stranger = development_issuer::generate().unwrap();
    let grant = |org, lifetime| Grant {
        org,
        subject: "x".into(),
        role: Role::Admin,
        scope: Scope::default(),
        lifetime,
    };
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
    let mut rpcs = rpcs();
    rpcs.retain(|path| need_of(path) != Need::Nothing);
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

/// What an RPC needs of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It is how one comes by a credential.
    Nothing,
    /// A credential.
    Credential,
    /// One of a person's.
    Person,
    /// One of somebody's at the desk.
    Desk,
    /// An administrator's.
    Admin,
}

impl Need {
    /// The roles that are not enough.
    fn too_small(self) -> &'static [Role] {
        match self {
            Self::Nothing | Self::Credential => &[],
            Self::Person => &[Role::Agent],
            Self::Desk => &[Role::Provider, Role::Agent],
            Self::Admin => &[Role::Staff, Role::Provider, Role::Agent],
        }
    }
}

/// Every RPC, once; a new one has to be added here.
const NEEDS: &[(&str, Need)] = &[
    ("AcceptInvitation", Need::Nothing),
    ("ArchiveAbsence", Need::Desk),
    ("ArchiveClinic", Need::Admin),
    ("ArchivePatient", Need::Desk),
    ("ArchiveProvider", Need::Admin),
    ("ArchiveService", Need::Admin),
    ("AssignProvider", Need::Admin),
    ("BookAppointment", Need::Credential),
    ("CancelAppointment", Need::Credential),
    ("CheckSlot", Need::Credential),
    ("CompleteAppointment", Need::Person),
    ("CompleteConnect", Need::Nothing),
    ("ConfirmAppointment", Need::Credential),
    ("ConnectCalendar", Need::Admin),
    ("CreateAbsence", Need::Desk),
    ("CreateAgentKey", Need::Admin),
    ("CreateClinic", Need::Admin),
    ("CreatePatient", Need::Person),
    ("CreateProvider", Need::Admin),
    ("CreateService", Need::Admin),
    ("CreateWebhookCredential", Need::Admin),
    ("DescribeClinic", Need::Credential),
    ("DisconnectCalendar", Need::Admin),
    ("ExchangeWebhookSignature", Need::Nothing),
    ("GetAppointment", Need::Credential),
    ("GetCaller", Need::Credential),
    ("GetClinic", Need::Credential),
    ("GetJwks", Need::Nothing),
    ("GetPatient", Need::Person),
    ("GetProfile", Need::Credential),
    ("GetProvider", Need::Credential),
    ("GetService", Need::Credential),
    ("GetSyncStatus", Need::Admin),
    ("GetWorkingHours", Need::Credential),
    ("HoldSlot", Need::Credential),
    ("ImportClinic", Need::Admin),
    ("InviteMember", Need::Admin),
    ("ListAbsences", Need::Person),
    ("ListAgentKeys", Need::Admin),
    ("ListAppointments", Need::Credential),
    ("ListAuditEvents", Need::Admin),
    ("ListCalendars", Need::Admin),
    ("ListClinics", Need::Credential),
    ("ListDeadLetters", Need::Admin),
    ("ListMembers", Need::Admin),
    ("ListProviders", Need::Credential),
    ("ListServices", Need::Credential),
    ("ListWebhookCredentials", Need::Admin),
    ("MarkNoShow", Need::Person),
    ("DeleteDocument", Need::Desk),
    ("GetDocument", Need::Person),
    ("ListDocuments", Need::Person),
    ("PutDocument", Need::Desk),
    ("SearchKnowledge", Need::Credential),
    ("RecordCallEvent", Need::Credential),
    ("RefreshSession", Need::Nothing),
    ("ReleaseHold", Need::Credential),
    ("RemoveMember", Need::Admin),
    ("RequeueDeadLetter", Need::Admin),
    ("RescheduleAppointment", Need::Credential),
    ("ResyncCalendar", Need::Admin),
    ("RevokeAgentKey", Need::Admin),
    ("RevokeWebhookCredential", Need::Admin),
    ("RotateWebhookSecret", Need::Admin),
    ("SearchPatients", Need::Credential),
    ("SearchSlots", Need::Credential),
    ("SetWorkingHours", Need::Desk),
    ("SignIn", Need::Nothing),
    ("SignOut", Need::Nothing),
    ("SignUp", Need::Nothing),
    ("UnassignProvider", Need::Admin),
    ("UpdateAbsence", Need::Desk),
    ("UpdateCalendar", Need::Admin),
    ("UpdateClinic", Need::Admin),
    ("UpdateMemberRole", Need::Admin),
    ("UpdatePatient", Need::Desk),
    ("UpdateProvider", Need::Admin),
    ("UpdateService", Need::Admin),
];

fn need_of(path: &str) -> Need {
    let name = path.rsplit('/').next().unwrap();
    NEEDS.iter().find(|(rpc, _)| *rpc == name).unwrap_or_else(|| panic!("{name} is missing from the table")).1
}

#[tokio::test]
async fn every_rpc_needs_what_the_table_says() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let rpcs = rpcs();
    assert_eq!(rpcs.len(), NEEDS.len(), "the table has RPCs that are not there");
    let before = app.count("select count(*) from audit where outcome = 'refused'").await;
    let mut too_small = 0_i64;
    for path in &rpcs {
        // With the empty message: an RPC that lets somebody in finds something wrong with it, or nothing.
        let outcome = async |credential: Option<&str>| {
            let credential = credential.map(|token| format!("Bearer {token}"));
            let answer = call(&app, path, credential.as_deref()).await;
            answer.map_or_else(|status| reason(&status), |()| "OK".to_owned())
        };
        let let_in = ["OK", "INVALID_ARGUMENT", "PROFILE_NOT_FOUND"];
        let admin = outcome(Some(&clinic.admin)).await;
        match need_of(path) {
            Need::Nothing => {
                let alone = outcome(None).await;
                assert!(
                    ["OK", "INVALID_ARGUMENT", "UNAUTHENTICATED"].contains(&alone.as_str()),
                    "{path}: {alone}"
                );
                // A credential changes nothing, a bad one neither.
                assert_eq!((outcome(Some("nonsense")).await, admin), (alone.clone(), alone), "{path}");
            }
            need @ (Need::Credential | Need::Person | Need::Desk | Need::Admin) => {
                assert!(let_in.contains(&admin.as_str()), "{path}: {admin}");
                for role in [Role::Staff, Role::Provider, Role::Agent] {
                    let is_too_small = need.too_small().contains(&role);
                    let expected = if is_too_small { "ROLE_TOO_SMALL" } else { admin.as_str() };
                    assert_eq!(outcome(Some(&token(clinic.org, role, false))).await, expected, "{path}");
                    too_small += i64::from(is_too_small);
                }
            }
        }
    }
    let refused =
        app.count("select count(*) from audit where outcome = 'refused' and reason = 'ROLE_TOO_SMALL'").await;
    assert_eq!(refused - before, too_small);
}

#[tokio::test]
async fn a_token_of_an_organisation_that_is_not_there_opens_nothing() {
    let app = TestApp::start().await;
    let nobody = token(OrgId::generate(), Role::Admin, false);
    let request = with_token(&nobody, pb::GetCallerRequest {});
    let status = IdentityServiceClient::new(app.grpc.clone()).get_caller(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let create =
        pb::CreateClinicRequest { name: "Oak".into(), time_zone: "UTC".into(), ..Default::default() };
    let status = app.clinics().create_clinic(with_token(&nobody, create)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(app.count("select count(*) from auth_failure").await, 2);
}

/// What a stranger is told by each RPC, once for each thing that it can name.
const TOLD: &[(&str, &str)] = &[
    ("AcceptInvitation", "names nothing"),
    ("ArchiveAbsence", "ABSENCE_NOT_FOUND"),
    ("ArchiveClinic", "CLINIC_FORBIDDEN"),
    ("ArchivePatient", "PATIENT_NOT_FOUND"),
    ("ArchiveProvider", "PROVIDER_NOT_FOUND"),
    ("ArchiveService", "SERVICE_NOT_FOUND"),
    ("AssignProvider", "CLINIC_FORBIDDEN"),
    ("AssignProvider", "PROVIDER_NOT_FOUND"),
    ("BookAppointment", "APPOINTMENT_NOT_FOUND"),
    ("BookAppointment", "CLINIC_FORBIDDEN"),
    ("BookAppointment", "PROVIDER_NOT_FOUND"),
    ("BookAppointment", "SERVICE_NOT_FOUND"),
    ("CancelAppointment", "APPOINTMENT_NOT_FOUND"),
    ("CheckSlot", "CLINIC_FORBIDDEN"),
    ("CheckSlot", "SERVICE_NOT_FOUND"),
    ("CompleteAppointment", "APPOINTMENT_NOT_FOUND"),
    ("CompleteConnect", "names nothing"),
    ("ConfirmAppointment", "APPOINTMENT_NOT_FOUND"),
    ("ConnectCalendar", "PROVIDER_NOT_FOUND"),
    ("CreateAbsence", "CLINIC_FORBIDDEN"),
    ("CreateAbsence", "PROVIDER_NOT_FOUND"),
    ("CreateAgentKey", "CLINIC_FORBIDDEN"),
    ("CreateClinic", "names nothing"),
    ("CreatePatient", "CLINIC_FORBIDDEN"),
    ("CreateProvider", "CLINIC_FORBIDDEN"),
    ("CreateService", "CLINIC_FORBIDDEN"),
    ("CreateService", "PROVIDER_NOT_FOUND"),
    ("CreateWebhookCredential", "CLINIC_FORBIDDEN"),
    ("DeleteDocument", "DOCUMENT_NOT_FOUND"),
    ("DescribeClinic", "CLINIC_FORBIDDEN"),
    ("DisconnectCalendar", "CALENDAR_NOT_FOUND"),
    ("ExchangeWebhookSignature", "names nothing"),
    ("GetAppointment", "APPOINTMENT_NOT_FOUND"),
    ("GetCaller", "names nothing"),
    ("GetClinic", "CLINIC_FORBIDDEN"),
    ("GetDocument", "DOCUMENT_NOT_FOUND"),
    ("GetJwks", "names nothing"),
    ("GetPatient", "PATIENT_NOT_FOUND"),
    ("GetProfile", "names nothing"),
    ("GetProvider", "PROVIDER_NOT_FOUND"),
    ("GetService", "SERVICE_NOT_FOUND"),
    ("GetSyncStatus", "CALENDAR_NOT_FOUND"),
    ("GetWorkingHours", "CLINIC_FORBIDDEN"),
    ("GetWorkingHours", "PROVIDER_NOT_FOUND"),
    ("HoldSlot", "CLINIC_FORBIDDEN"),
    ("HoldSlot", "PROVIDER_NOT_FOUND"),
    ("HoldSlot", "SERVICE_NOT_FOUND"),
    ("ImportClinic", "names nothing"),
    ("InviteMember", "names nothing"),
    ("ListAbsences", "CLINIC_FORBIDDEN"),
    ("ListAbsences", "PROVIDER_NOT_FOUND"),
    ("ListAgentKeys", "names nothing"),
    ("ListAppointments", "CLINIC_FORBIDDEN"),
    ("ListAppointments", "PROVIDER_NOT_FOUND"),
    ("ListAuditEvents", "names nothing"),
    ("ListCalendars", "names nothing"),
    ("ListClinics", "names nothing"),
    ("ListDeadLetters", "CALENDAR_NOT_FOUND"),
    ("ListDocuments", "CLINIC_FORBIDDEN"),
    ("ListMembers", "names nothing"),
    ("ListProviders", "CLINIC_FORBIDDEN"),
    ("ListServices", "CLINIC_FORBIDDEN"),
    ("ListWebhookCredentials", "names nothing"),
    ("MarkNoShow", "APPOINTMENT_NOT_FOUND"),
    ("PutDocument", "CLINIC_FORBIDDEN"),
    ("PutDocument", "PROVIDER_NOT_FOUND"),
    ("PutDocument", "SERVICE_NOT_FOUND"),
    ("RecordCallEvent", "names nothing"),
    ("RefreshSession", "names nothing"),
    ("ReleaseHold", "APPOINTMENT_NOT_FOUND"),
    ("RemoveMember", "MEMBER_NOT_FOUND"),
    ("RequeueDeadLetter", "DEAD_LETTER_NOT_FOUND"),
    ("RescheduleAppointment", "APPOINTMENT_NOT_FOUND"),
    ("RescheduleAppointment", "PROVIDER_NOT_FOUND"),
    ("ResyncCalendar", "CALENDAR_NOT_FOUND"),
    ("RevokeAgentKey", "AGENT_KEY_NOT_FOUND"),
    ("RevokeWebhookCredential", "WEBHOOK_CREDENTIAL_NOT_FOUND"),
    ("RotateWebhookSecret", "WEBHOOK_CREDENTIAL_NOT_FOUND"),
    ("SearchKnowledge", "CLINIC_FORBIDDEN"),
    ("SearchPatients", "names nothing"),
    ("SearchSlots", "CLINIC_FORBIDDEN"),
    ("SearchSlots", "PROVIDER_NOT_FOUND"),
    ("SearchSlots", "SERVICE_NOT_FOUND"),
    ("SetWorkingHours", "CLINIC_FORBIDDEN"),
    ("SetWorkingHours", "PROVIDER_NOT_FOUND"),
    ("SignIn", "names nothing"),
    ("SignOut", "names nothing"),
    ("SignUp", "names nothing"),
    ("UnassignProvider", "CLINIC_FORBIDDEN"),
    ("UnassignProvider", "PROVIDER_NOT_FOUND"),
    ("UpdateAbsence", "ABSENCE_NOT_FOUND"),
    ("UpdateCalendar", "CALENDAR_NOT_FOUND"),
    ("UpdateClinic", "CLINIC_FORBIDDEN"),
    ("UpdateMemberRole", "MEMBER_NOT_FOUND"),
    ("UpdatePatient", "PATIENT_NOT_FOUND"),
    ("UpdateProvider", "PROVIDER_NOT_FOUND"),
    ("UpdateService", "SERVICE_NOT_FOUND"),
];

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
    let member = app.join(&theirs.admin, "sam@example.com", pb::Role::Staff).await;
    let agent_key = app.agent_key(&theirs, pb::MachineScope::default()).await.agent_key.unwrap().id;
    let webhook = app.webhook_credential(&theirs, pb::SignaturePlan::default(), "").await;
    let things = Things {
        appointment: their_appointment.id.clone(),
        member: member.profile.unwrap().user_id,
        agent_key,
        webhook: webhook.webhook_credential.unwrap().id,
        // As it is made for tests that need no Google.
        calendar: theirs.org.to_string(),
        service: app.service(&theirs, "Cleaning", 30).await.id,
        document: app.documents(&theirs).await,
        absence: app.closed(&theirs, "2027-07-01", "2027-07-02").await.id,
        patient: their_appointment.patient.unwrap().id,
        ours: app.book(&ours.admin, booking(&ours, TWO_PM)).await.unwrap().id,
    };
    app.something_for_calendars(&theirs).await;
    app.sql("update calendar_sync set state = 'failed', due_at = null").await;
    let there = outcomes(&app, &ours, &theirs, &things).await;
    let nothing = Things {
        appointment: AppointmentId::generate().to_string(),
        member: AppointmentId::generate().to_string(),
        agent_key: AppointmentId::generate().to_string(),
        webhook: unknown_webhook_credential(&ours),
        calendar: AppointmentId::generate().to_string(),
        service: AppointmentId::generate().to_string(),
        document: AppointmentId::generate().to_string(),
        absence: AppointmentId::generate().to_string(),
        patient: AppointmentId::generate().to_string(),
        ours: things.ours.clone(),
    };
    let not_there = outcomes(&app, &ours, &nowhere, &nothing).await;
    assert_eq!(there, not_there);
    let expected: Vec<_> =
        TOLD.iter().map(|(rpc, reason)| ((*rpc).to_owned(), (*reason).to_owned())).collect();
    assert_eq!(there, expected);
    let mut covered: Vec<String> = there.into_iter().map(|(rpc, _)| rpc).collect();
    covered.dedup();
    let mut all: Vec<String> =
        rpcs().iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect();
    all.sort();
    assert_eq!(covered, all, "an RPC is missing from this table");
    assert_eq!(app.count("select count(*) from agent_key where revoked_at is not null").await, 0);
    assert_eq!(app.count("select count(*) from webhook_credential where revoked_at is not null or previous_secret is not null").await, 0);
    assert_eq!(app.count("select count(*) from profile where role = 'staff'").await, 1);
    assert_eq!(app.count("select count(*) from calendar where state = 'connected'").await, 1);
    assert_eq!(app.count("select count(*) from calendar_sync where state = 'failed'").await, 2);
    // Nothing of theirs has changed, and each attempt is on record, at home.
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 2);
    let mut database = app.database.superuser().await;
    let attempts: Vec<(String, String, bool)> = sqlx::query_as(
        "select action, reason, resource_id is not null from audit where outcome = 'refused' and org_id = $1",
    )
    .bind(ours.org)
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert_eq!(attempts.len(), 2 * TOLD.iter().filter(|(_, reason)| *reason != "names nothing").count());
    assert!(attempts.iter().all(|(_, _, named)| *named));
    assert_eq!(app.count("select count(distinct org_id) from audit where outcome = 'refused'").await, 1);
}

/// Things of an organisation's, by their ids.
struct Things {
    appointment: String,
    member: String,
    agent_key: String,
    webhook: String,
    calendar: String,
    service: String,
    document: String,
    absence: String,
    patient: String,
    /// An appointment of whoever asks.
    ours: String,
}

/// Each RPC, asked by `ours` for `theirs`, with the reason of the refusal.
async fn outcomes(app: &TestApp, ours: &Clinic, theirs: &Clinic, things: &Things) -> Vec<(String, String)> {
    fn refused<T>(answer: Result<T, Status>) -> String {
        reason(&answer.err().expect("a refusal"))
    }
    let token = ours.admin.as_str();
    let (mut appointments, mut clinics) = (app.appointments(), ClinicServiceClient::new(app.grpc.clone()));
    let mut foreign_provider = slot(ours, TWO_PM);
    foreign_provider.provider_id.clone_from(&theirs.provider);
    let (clinic_id, provider_id) = (theirs.id.clone(), theirs.provider.clone());
    let names_nothing = [
        "AcceptInvitation",
        "CompleteConnect",
        "CreateClinic",
        "ExchangeWebhookSignature",
        "GetCaller",
        "GetJwks",
        "GetProfile",
        "ImportClinic",
        "InviteMember",
        "ListAgentKeys",
        "ListAuditEvents",
        "ListCalendars",
        "ListClinics",
        "ListMembers",
        "ListWebhookCredentials",
        "RecordCallEvent",
        "RefreshSession",
        "SearchPatients",
        "SignIn",
        "SignOut",
        "SignUp",
    ];
    let mut found: Vec<_> = names_nothing.into_iter().map(|rpc| (rpc, "names nothing".to_owned())).collect();
    found.extend(identity_outcomes(app, token, theirs, things).await);
    found.extend(calendar_outcomes(app, token, theirs, things).await);
    found.extend(scheduling_outcomes(app, ours, theirs, things).await);
    found.extend(knowledge_outcomes(app, token, theirs, things).await);
    let book = booking(theirs, TWO_PM);
    found.push(("BookAppointment", refused(appointments.book_appointment(with_token(token, book)).await)));
    let book = crate::harness::fixtures::booking_of(foreign_provider);
    found.push(("BookAppointment", refused(appointments.book_appointment(with_token(token, book)).await)));
    let get = pb::GetAppointmentRequest { appointment_id: things.appointment.clone(), ..Default::default() };
    found.push(("GetAppointment", refused(appointments.get_appointment(with_token(token, get)).await)));
    let cancel =
        pb::CancelAppointmentRequest { appointment_id: things.appointment.clone(), ..Default::default() };
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
            ..Default::default()
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

/// What is booked, and by which rules.
async fn scheduling_outcomes(
    app: &TestApp,
    ours: &Clinic,
    theirs: &Clinic,
    things: &Things,
) -> Vec<(&'static str, String)> {
    let token = ours.admin.as_str();
    let (mut clinics, mut appointments) = (app.clinics(), app.appointments());
    let mut found = Vec::new();
    // Calls an RPC of a client's with a message, and keeps its refusal.
    macro_rules! ask {
        ($client:ident.$rpc:ident($message:expr) as $name:literal) => {
            found.push(($name, reason(&$client.$rpc(with_token(token, $message)).await.err().expect($name))))
        };
    }
    let (clinic_id, provider_id) = (theirs.id.clone(), theirs.provider.clone());
    let (service_id, absence_id) = (things.service.clone(), things.absence.clone());
    let (patient_id, appointment_id) = (things.patient.clone(), things.appointment.clone());
    let name = "Somebody".to_owned();
    ask!(clinics.update_clinic(pb::UpdateClinicRequest { clinic_id: clinic_id.clone(), name: name.clone(), ..Default::default() }) as "UpdateClinic");
    ask!(clinics.archive_clinic(pb::ArchiveClinicRequest { clinic_id: clinic_id.clone() }) as "ArchiveClinic");
    ask!(clinics.describe_clinic(pb::DescribeClinicRequest { clinic_id: clinic_id.clone() }) as "DescribeClinic");
    ask!(clinics.update_provider(pb::UpdateProviderRequest { provider_id: provider_id.clone(), name: name.clone(), version: 0 }) as "UpdateProvider");
    ask!(clinics.archive_provider(pb::ArchiveProviderRequest { provider_id: provider_id.clone() }) as "ArchiveProvider");
    ask!(clinics.list_services(pb::ListServicesRequest { clinic_id: clinic_id.clone(), ..Default::default() }) as "ListServices");
    ask!(clinics.get_service(pb::GetServiceRequest { service_id: service_id.clone() }) as "GetService");
    ask!(clinics.archive_service(pb::ArchiveServiceRequest { service_id: service_id.clone() }) as "ArchiveService");
    ask!(clinics.archive_absence(pb::ArchiveAbsenceRequest { absence_id: absence_id.clone() }) as "ArchiveAbsence");
    ask!(clinics.get_patient(pb::GetPatientRequest { patient_id: patient_id.clone() }) as "GetPatient");
    ask!(clinics.archive_patient(pb::ArchivePatientRequest { patient_id: patient_id.clone() }) as "ArchivePatient");
    let (start, end) = ("2027-01-05".to_owned(), "2027-01-06".to_owned());
    ask!(clinics.update_absence(pb::UpdateAbsenceRequest { absence_id, start: start.clone(), end: end.clone(), ..Default::default() }) as "UpdateAbsence");
    ask!(clinics.update_patient(pb::UpdatePatientRequest { patient_id, name: name.clone(), ..Default::default() }) as "UpdatePatient");
    ask!(clinics.create_patient(pb::CreatePatientRequest { name: name.clone(), clinic_id: clinic_id.clone(), ..Default::default() }) as "CreatePatient");
    let durations = vec![minutes(30)];
    ask!(clinics.update_service(pb::UpdateServiceRequest { service_id: service_id.clone(), name: name.clone(), durations: durations.clone(), ..Default::default() }) as "UpdateService");
    for (clinic_id, provider_id) in
        [(clinic_id.clone(), ours.provider.clone()), (ours.id.clone(), provider_id.clone())]
    {
        let offers =
            vec![pb::ServiceOffer { clinic_id: clinic_id.clone(), provider_id: provider_id.clone() }];
        ask!(clinics.create_service(pb::CreateServiceRequest { name: name.clone(), durations: durations.clone(), offers, ..Default::default() }) as "CreateService");
        let (c, p) = (|| clinic_id.clone(), || provider_id.clone());
        ask!(clinics.unassign_provider(pb::UnassignProviderRequest { clinic_id: c(), provider_id: p() }) as "UnassignProvider");
        ask!(clinics.get_working_hours(pb::GetWorkingHoursRequest { clinic_id: c(), provider_id: p() }) as "GetWorkingHours");
        ask!(clinics.set_working_hours(pb::SetWorkingHoursRequest { clinic_id: c(), provider_id: p(), ..Default::default() }) as "SetWorkingHours");
        let slot = pb::SlotChoice { clinic_id: c(), provider_id: p(), ..slot(ours, TWO_PM) };
        let what = Some(pb::hold_slot_request::What::Slot(slot));
        ask!(appointments.hold_slot(pb::HoldSlotRequest { what, ..Default::default() }) as "HoldSlot");
    }
    {
        use pb::create_absence_request::Of as New;
        use pb::list_absences_request::Of;
        for of in [New::ClinicId(clinic_id.clone()), New::ProviderId(provider_id.clone())] {
            ask!(clinics.create_absence(pb::CreateAbsenceRequest { of: Some(of), start: start.clone(), end: end.clone(), ..Default::default() }) as "CreateAbsence");
        }
        for of in [Of::ClinicId(clinic_id), Of::ProviderId(provider_id.clone())] {
            ask!(clinics.list_absences(pb::ListAbsencesRequest { of: Some(of), ..Default::default() }) as "ListAbsences");
        }
    }
    // Things of theirs in what would be ours.
    let of_service = pb::SlotChoice { service_id: service_id.clone(), ..slot(ours, TWO_PM) };
    let book = crate::harness::fixtures::booking_of(of_service.clone());
    ask!(appointments.book_appointment(book.clone()) as "BookAppointment");
    let what = Some(pb::book_appointment_request::What::AppointmentId(appointment_id.clone()));
    ask!(appointments.book_appointment(pb::BookAppointmentRequest { what, ..book }) as "BookAppointment");
    let what = Some(pb::hold_slot_request::What::Slot(of_service.clone()));
    ask!(appointments.hold_slot(pb::HoldSlotRequest { what, ..Default::default() }) as "HoldSlot");
    let mut availability = AvailabilityServiceClient::new(app.grpc.clone());
    ask!(availability.check_slot(pb::CheckSlotRequest { slot: Some(of_service) }) as "CheckSlot");
    ask!(availability.search_slots(pb::SearchSlotsRequest { clinic_id: ours.id.clone(), date: "2027-01-05".into(), service_id, ..Default::default() }) as "SearchSlots");
    let to = |provider_id: &str| {
        Some(pb::reschedule_appointment_request::To::Slot(pb::SlotChoice {
            provider_id: provider_id.to_owned(),
            ..slot(ours, TWO_PM)
        }))
    };
    ask!(appointments.reschedule_appointment(pb::RescheduleAppointmentRequest { appointment_id: appointment_id.clone(), to: to(&ours.provider), ..Default::default() }) as "RescheduleAppointment");
    ask!(appointments.reschedule_appointment(pb::RescheduleAppointmentRequest { appointment_id: things.ours.clone(), to: to(&provider_id), ..Default::default() }) as "RescheduleAppointment");
    ask!(appointments.release_hold(pb::ReleaseHoldRequest { appointment_id: appointment_id.clone() }) as "ReleaseHold");
    ask!(appointments.confirm_appointment(pb::ConfirmAppointmentRequest { appointment_id: appointment_id.clone(), ..Default::default() }) as "ConfirmAppointment");
    ask!(appointments.complete_appointment(pb::CompleteAppointmentRequest { appointment_id: appointment_id.clone(), version: 0 }) as "CompleteAppointment");
    ask!(appointments.mark_no_show(pb::MarkNoShowRequest { appointment_id, version: 0 }) as "MarkNoShow");
    found
}

async fn knowledge_outcomes(
    app: &TestApp,
    token: &str,
    theirs: &Clinic,
    things: &Things,
) -> Vec<(&'static str, String)> {
    let mut knowledge = app.knowledge();
    let document_id = things.document.clone();
    let put = pb::PutDocumentRequest {
        source_id: "s".into(),
        title: "t".into(),
        content: Some(pb::put_document_request::Content::PlainText("x".into())),
        ..Default::default()
    };
    let (clinic_id, provider_id, service_id) =
        (theirs.id.clone(), theirs.provider.clone(), things.service.clone());
    let mut found = Vec::new();
    for put in [
        pb::PutDocumentRequest { clinic_id: clinic_id.clone(), ..put.clone() },
        pb::PutDocumentRequest { provider_id, ..put.clone() },
        pb::PutDocumentRequest { service_id, ..put },
    ] {
        found.push(("PutDocument", refusal(knowledge.put_document(with_token(token, put)).await).1));
    }
    let get = pb::GetDocumentRequest { document_id: document_id.clone() };
    found.push(("GetDocument", refusal(knowledge.get_document(with_token(token, get)).await).1));
    let delete = pb::DeleteDocumentRequest { document_id };
    found.push(("DeleteDocument", refusal(knowledge.delete_document(with_token(token, delete)).await).1));
    let list = pb::ListDocumentsRequest { clinic_id: clinic_id.clone(), ..Default::default() };
    found.push(("ListDocuments", refusal(knowledge.list_documents(with_token(token, list)).await).1));
    let search = pb::SearchKnowledgeRequest { question: "x".into(), clinic_id, ..Default::default() };
    found.push(("SearchKnowledge", refusal(knowledge.search_knowledge(with_token(token, search)).await).1));
    found
}

async fn calendar_outcomes(
    app: &TestApp,
    token: &str,
    theirs: &Clinic,
    things: &Things,
) -> Vec<(&'static str, String)> {
    fn refused<T>(answer: Result<T, Status>) -> String {
        reason(&answer.err().expect("a refusal"))
    }
    let mut calendars = CalendarServiceClient::new(app.grpc.clone());
    let (calendar_id, appointment_id) = (things.calendar.clone(), things.appointment.clone());
    let connect = pb::ConnectCalendarRequest { provider_id: theirs.provider.clone(), ..Default::default() };
    let update = pb::UpdateCalendarRequest {
        calendar_id: calendar_id.clone(),
        choices: Some(pb::CalendarChoices::default()),
    };
    let disconnect = pb::DisconnectCalendarRequest { calendar_id: calendar_id.clone() };
    let status = pb::GetSyncStatusRequest { calendar_id: calendar_id.clone() };
    let resync = pb::ResyncCalendarRequest { calendar_id: calendar_id.clone() };
    let list = pb::ListDeadLettersRequest { calendar_id, ..Default::default() };
    let requeue = pb::RequeueDeadLetterRequest { appointment_id };
    vec![
        ("ConnectCalendar", refused(calendars.connect_calendar(with_token(token, connect)).await)),
        ("UpdateCalendar", refused(calendars.update_calendar(with_token(token, update)).await)),
        ("DisconnectCalendar", refused(calendars.disconnect_calendar(with_token(token, disconnect)).await)),
        ("GetSyncStatus", refused(calendars.get_sync_status(with_token(token, status)).await)),
        ("ResyncCalendar", refused(calendars.resync_calendar(with_token(token, resync)).await)),
        ("ListDeadLetters", refused(calendars.list_dead_letters(with_token(token, list)).await)),
        ("RequeueDeadLetter", refused(calendars.requeue_dead_letter(with_token(token, requeue)).await)),
    ]
}

async fn identity_outcomes(
    app: &TestApp,
    token: &str,
    theirs: &Clinic,
    things: &Things,
) -> Vec<(&'static str, String)> {
    fn refused<T>(answer: Result<T, Status>) -> String {
        reason(&answer.err().expect("a refusal"))
    }
    let mut identity = app.identity();
    let scope = Some(pb::MachineScope { clinic_ids: vec![theirs.id.clone()], ..Default::default() });
    let (name, webhook_credential_id) = ("x".to_owned(), things.webhook.clone());
    let key = pb::CreateAgentKeyRequest { name: name.clone(), scope: scope.clone(), expire_time: None };
    let webhook = pb::CreateWebhookCredentialRequest { name, scope, ..Default::default() };
    let revoke_key = pb::RevokeAgentKeyRequest { agent_key_id: things.agent_key.clone() };
    let rotate = pb::RotateWebhookSecretRequest {
        webhook_credential_id: webhook_credential_id.clone(),
        secret: String::new(),
    };
    let revoke_webhook = pb::RevokeWebhookCredentialRequest { webhook_credential_id };
    let update = pb::UpdateMemberRoleRequest { user_id: things.member.clone(), role: pb::Role::Admin.into() };
    let remove = pb::RemoveMemberRequest { user_id: things.member.clone() };
    vec![
        ("CreateAgentKey", refused(identity.create_agent_key(with_token(token, key)).await)),
        ("RevokeAgentKey", refused(identity.revoke_agent_key(with_token(token, revoke_key)).await)),
        (
            "CreateWebhookCredential",
            refused(identity.create_webhook_credential(with_token(token, webhook)).await),
        ),
        ("RotateWebhookSecret", refused(identity.rotate_webhook_secret(with_token(token, rotate)).await)),
        (
            "RevokeWebhookCredential",
            refused(identity.revoke_webhook_credential(with_token(token, revoke_webhook)).await),
        ),
        ("UpdateMemberRole", refused(identity.update_member_role(with_token(token, update)).await)),
        ("RemoveMember", refused(identity.remove_member(with_token(token, remove)).await)),
    ]
}
