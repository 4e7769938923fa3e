//! Words of the domain: a clinic, its people, what they ask for.

use booking_service::{
    caller::Role,
    domain::{
        clinic,
        ids::{ClinicId, OrgId},
        text::Name,
    },
    ops::create_organisation::{CreateOrganisation, create_organisation},
};
use proto::booking::v1::{
    self as pb, appointment_service_client::AppointmentServiceClient,
    availability_service_client::AvailabilityServiceClient, book_appointment_request::What,
    clinic_service_client::ClinicServiceClient, slot_choice::When,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use super::{TestApp, token_at, with_metadata, with_token};

/// Counts the pairs of live appointments that take the same time of one provider: there are none.
pub(crate) const OVERLAPS: &str = "
    select count(*) from appointment a join appointment b
        on a.org_id = b.org_id and a.provider_id = b.provider_id and a.appointment_id < b.appointment_id
        and a.block_from < b.block_to and b.block_from < a.block_to
    where a.state in ('held', 'booked', 'confirmed') and b.state in ('held', 'booked', 'confirmed')";

/// Counts the transactions that Postgres ended because they waited for each other: with one order of locks, none.
pub(crate) const DEADLOCKS: &str =
    "select deadlocks from pg_stat_database where datname = current_database()";

/// A clinic of an organisation of its own, in New York, with one provider.
#[derive(Clone)]
pub(crate) struct Clinic {
    pub(crate) org: OrgId,
    pub(crate) id: String,
    pub(crate) provider: String,
    /// An administrator's token.
    pub(crate) admin: String,
    /// A voice agent's token.
    pub(crate) voice: String,
}

impl TestApp {
    pub(crate) async fn clinic(&self) -> Clinic {
        let (org, id) = (OrgId::generate(), ClinicId::generate());
        let command = CreateOrganisation {
            org,
            name: Name::parse("Elm Street Group").unwrap(),
            clinic: id,
            clinic_name: Name::parse("Elm Street Dental").unwrap(),
            zone: clinic::zone("America/New_York").unwrap(),
        };
        create_organisation(&self.app, command).await.unwrap();
        let mut clinic = Clinic {
            org,
            id: id.to_string(),
            provider: String::new(),
            admin: token_at(org, Role::Admin, false, self.app.clock.now()),
            voice: token_at(org, Role::Agent, true, self.app.clock.now()),
        };
        clinic.provider = self.provider(&clinic, "Dr. Ana Reyes").await;
        clinic
    }

    /// One more provider at the clinic.
    pub(crate) async fn provider(&self, clinic: &Clinic, name: &str) -> String {
        let message = pb::CreateProviderRequest { name: name.into(), clinic_ids: vec![clinic.id.clone()] };
        let made = self.clinics().create_provider(with_token(&clinic.admin, message)).await.unwrap();
        made.into_inner().provider.unwrap().id
    }

    /// One more clinic of the organisation.
    pub(crate) async fn second_clinic(&self, clinic: &Clinic) -> String {
        let message = pb::CreateClinicRequest {
            name: "Oak Street Dental".into(),
            time_zone: "America/Denver".into(),
            ..Default::default()
        };
        let made = self.clinics().create_clinic(with_token(&clinic.admin, message)).await.unwrap();
        made.into_inner().clinic.unwrap().id
    }

    /// A service that the clinic's provider offers there.
    pub(crate) async fn service(&self, clinic: &Clinic, name: &str, length: i64) -> pb::Service {
        let offer = pb::ServiceOffer { clinic_id: clinic.id.clone(), provider_id: clinic.provider.clone() };
        self.service_of(
            clinic,
            pb::CreateServiceRequest {
                name: name.into(),
                durations: vec![minutes(length)],
                offers: vec![offer],
                ..Default::default()
            },
        )
        .await
    }

    /// A service as it is described.
    pub(crate) async fn service_of(&self, clinic: &Clinic, message: pb::CreateServiceRequest) -> pb::Service {
        let made = self.clinics().create_service(with_token(&self.token_for(clinic), message)).await.unwrap();
        made.into_inner().service.unwrap()
    }

    /// A closure of the clinic, from one day or time to another.
    pub(crate) async fn closed(&self, clinic: &Clinic, start: &str, end: &str) -> pb::Absence {
        let of = pb::create_absence_request::Of::ClinicId(clinic.id.clone());
        self.absent(clinic, of, start, end).await
    }

    /// Time off of the clinic's provider.
    pub(crate) async fn away(&self, clinic: &Clinic, start: &str, end: &str) -> pb::Absence {
        let of = pb::create_absence_request::Of::ProviderId(clinic.provider.clone());
        self.absent(clinic, of, start, end).await
    }

    async fn absent(
        &self,
        clinic: &Clinic,
        of: pb::create_absence_request::Of,
        start: &str,
        end: &str,
    ) -> pb::Absence {
        let (start, end) = (start.to_owned(), end.to_owned());
        let message = pb::CreateAbsenceRequest { of: Some(of), start, end, ..Default::default() };
        let made = self.clinics().create_absence(with_token(&self.token_for(clinic), message)).await.unwrap();
        made.into_inner().absence.unwrap()
    }

    /// The provider works at the clinic on these days: `("monday", "09:00-12:00 13:00-17:00")`.
    pub(crate) async fn hours(&self, clinic: &Clinic, days: &[(&str, &str)]) {
        let span = |text: &str| {
            let (start, end) = text.split_once('-').unwrap();
            pb::DaySpan { start: start.into(), end: end.into() }
        };
        let day = |(day, open): &(&str, &str)| pb::DayHours {
            day: (*day).to_owned(),
            open: open.split_whitespace().map(span).collect(),
            breaks: vec![],
        };
        let message = pb::SetWorkingHoursRequest {
            clinic_id: clinic.id.clone(),
            provider_id: clinic.provider.clone(),
            days: days.iter().map(day).collect(),
            version: 0,
        };
        self.clinics().set_working_hours(with_token(&self.token_for(clinic), message)).await.unwrap();
    }

    pub(crate) fn availability(&self) -> AvailabilityServiceClient<Channel> {
        AvailabilityServiceClient::new(self.grpc.clone())
    }

    pub(crate) fn clinics(&self) -> ClinicServiceClient<Channel> {
        ClinicServiceClient::new(self.grpc.clone())
    }

    pub(crate) fn appointments(&self) -> AppointmentServiceClient<Channel> {
        AppointmentServiceClient::new(self.grpc.clone())
    }

    /// Books over gRPC.
    pub(crate) async fn book(
        &self,
        token: &str,
        message: pb::BookAppointmentRequest,
    ) -> Result<pb::Appointment, Status> {
        let response = self.appointments().book_appointment(with_token(token, message)).await?;
        Ok(response.into_inner().appointment.unwrap())
    }

    /// Books over gRPC under a key.
    pub(crate) async fn book_once(
        &self,
        token: &str,
        key: &str,
        message: pb::BookAppointmentRequest,
    ) -> Result<pb::Appointment, Status> {
        let metadata = [("authorization", format!("Bearer {token}")), ("idempotency-key", key.to_owned())];
        let metadata = metadata.each_ref().map(|(name, value)| (*name, value.as_str()));
        let response = self.appointments().book_appointment(with_metadata(message, &metadata)).await?;
        Ok(response.into_inner().appointment.unwrap())
    }

    /// Posts to the gateway's tools route; gives status and body.
    pub(crate) async fn post(&self, token: Option<&str>, body: &Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/api/vapi/tools", self.gateway)).json(body);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Calls one tool as Vapi does; gives the sentence that comes back.
    pub(crate) async fn vapi(
        &self,
        token: &str,
        call: &VapiCall<'_>,
        tool: &str,
        arguments: Value,
    ) -> String {
        let (status, body) = self.post(Some(token), &call.message(&[("tc_1", tool, arguments)])).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["results"][0]["result"].as_str().unwrap().to_owned()
    }

    /// An administrator's token that is good at the time to which the clock was moved.
    pub(crate) fn token_for(&self, clinic: &Clinic) -> String {
        token_at(clinic.org, Role::Admin, false, self.app.clock.now())
    }

    /// One number out of the database, past row security.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut database = self.database.superuser().await;
        sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap()
    }
}

/// A telephone call.
#[derive(Clone, Copy)]
pub(crate) struct VapiCall<'a> {
    pub(crate) id: &'a str,
    pub(crate) number: &'a str,
}

impl VapiCall<'_> {
    /// A `tool-calls` message of this telephone call.
    pub(crate) fn message(&self, calls: &[(&str, &str, Value)]) -> Value {
        let list: Vec<Value> = calls
            .iter()
            .map(|(id, name, arguments)| {
                json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
            })
            .collect();
        json!({"message": {
            "timestamp": 1_789_497_000_000_i64,
            "type": "tool-calls",
            "toolCallList": list,
            "call": {"id": self.id, "type": "inboundPhoneCall", "customer": {"number": self.number}},
            "customer": {"number": self.number},
        }})
    }
}

/// A slot of half an hour at an instant, with the clinic's provider.
pub(crate) fn slot(clinic: &Clinic, start: &str) -> pb::SlotChoice {
    pb::SlotChoice {
        clinic_id: clinic.id.clone(),
        provider_id: clinic.provider.clone(),
        when: Some(When::Timestamp(instant(start))),
        ..Default::default()
    }
}

/// A booking of that slot for Dana Whitfield.
pub(crate) fn booking(clinic: &Clinic, start: &str) -> pb::BookAppointmentRequest {
    booking_of(slot(clinic, start))
}

/// A booking of a slot for Dana Whitfield.
pub(crate) fn booking_of(slot: pb::SlotChoice) -> pb::BookAppointmentRequest {
    let patient = pb::PatientDetails {
        name: "Dana Whitfield".into(),
        phone: "+17185550199".into(),
        email: "dana@example.com".into(),
    };
    pb::BookAppointmentRequest { what: Some(What::Slot(slot)), patient: Some(patient), ..Default::default() }
}

/// The same in the direct form of HTTP.
pub(crate) fn direct_booking(clinic: &Clinic, start: &str) -> Value {
    json!({"tool": "book_appointment", "params": {
        "clinic_id": clinic.id,
        "provider_id": clinic.provider,
        "patient_name": "Dana Whitfield",
        "patient_email": "dana@example.com",
        "appointment_time": start,
        "duration_minutes": 30,
    }})
}

pub(crate) fn minutes(minutes: i64) -> prost_types::Duration {
    prost_types::Duration { seconds: minutes * 60, nanos: 0 }
}

pub(crate) fn instant(text: &str) -> prost_types::Timestamp {
    text.parse().unwrap()
}

/// The stable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Code and reason of a refusal; whatever else came is a failure of the test.
pub(crate) fn refusal<T>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.err().expect("a refusal");
    (status.code(), reason(&status))
}

/// The one refusal of a credential.
pub(crate) fn unauthenticated() -> (Code, String) {
    (Code::Unauthenticated, "UNAUTHENTICATED".to_owned())
}

/// What is said before the names of offers, which differ each time; there must be some.
pub(crate) fn before_offers(said: &str) -> &str {
    let found = [" Its offer_id, ", " Their offer_ids "].iter().find_map(|words| said.split_once(words));
    found.unwrap_or_else(|| panic!("no offers: {said}")).0
}

/// Numbers without a pattern (Knuth's multiplicative hash), the same in each run.
pub(crate) fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
}
