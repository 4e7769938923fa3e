//! Callers who book one after another, each waiting for their answer.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use jiff::Timestamp;
use proto::booking::v1::{
    BookAppointmentRequest, PatientDetails, SlotChoice, appointment_service_client::AppointmentServiceClient,
    book_appointment_request::What, slot_choice::When,
};
use serde_json::json;
use tests::stack::Stack;
use tokio::task::JoinSet;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use crate::ground::{Ground, Provider};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Http,
    HttpConflict,
    Grpc,
}

/// Latencies of one row of the table.
#[derive(Debug)]
pub(crate) struct Measured {
    sorted: Vec<Duration>,
    elapsed: Duration,
}

#[derive(Clone)]
struct Client {
    url: String,
    http: reqwest::Client,
    grpc: AppointmentServiceClient<Channel>,
}

static PATIENTS: AtomicUsize = AtomicUsize::new(0);

/// Makes `count` requests from `callers` at a time.
pub(crate) async fn drive(
    stack: &Stack,
    ground: &mut Ground,
    way: Way,
    callers: usize,
    count: usize,
) -> Result<Measured> {
    let client = Client {
        url: format!("http://{}/api/vapi/tools", stack.gateway),
        http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?,
        grpc: AppointmentServiceClient::new(
            Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?,
        ),
    };
    let work: Vec<(Provider, Timestamp)> = (0..count)
        .map(|_| match way {
            Way::Http | Way::Grpc => ground.next(),
            Way::HttpConflict => (ground.providers[0].clone(), Ground::start(20)),
        })
        .collect();
    let (work, next) = (Arc::new(work), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let (work, next, mut client) = (work.clone(), next.clone(), client.clone());
        running.spawn(async move {
            let mut took = Vec::new();
            while let Some((provider, start)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                let began = Instant::now();
                match way {
                    Way::Http => client.over_http(provider, *start, 200).await?,
                    Way::HttpConflict => client.over_http(provider, *start, 409).await?,
                    Way::Grpc => client.over_grpc(provider, *start).await?,
                }
                took.push(began.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut sorted = Vec::with_capacity(count);
    while let Some(took) = running.join_next().await {
        sorted.extend(took??);
    }
    let elapsed = began.elapsed();
    sorted.sort_unstable();
    Ok(Measured { sorted, elapsed })
}

impl Client {
    async fn over_http(&self, provider: &Provider, start: Timestamp, expected: u16) -> Result<()> {
        let body = json!({"tool": "book_appointment", "params": {
            "clinic_id": provider.clinic, "provider_id": provider.id, "appointment_time": start.to_string(),
            "patient_name": "Bench Patient", "patient_phone": phone(),
        }});
        let response = self.http.post(&self.url).bearer_auth(&provider.token).json(&body).send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        ensure!(status == expected, "{status}: {body}");
        Ok(())
    }

    async fn over_grpc(&mut self, provider: &Provider, start: Timestamp) -> Result<()> {
        let when = prost_types::Timestamp { seconds: start.as_second(), nanos: 0 };
        let slot = SlotChoice {
            clinic_id: provider.clinic.clone(),
            provider_id: provider.id.clone(),
            when: Some(When::Timestamp(when)),
            duration: None,
        };
        let patient = PatientDetails { name: "Bench Patient".into(), phone: phone(), email: String::new() };
        let mut request = Request::new(BookAppointmentRequest {
            what: Some(What::Slot(slot)),
            patient: Some(patient),
            service_text: String::new(),
        });
        let metadata = request.metadata_mut();
        metadata.insert("authorization", format!("Bearer {}", provider.token).parse()?);
        // As the gateway sends one with each request.
        metadata.insert("idempotency-key", format!("bench-{}", phone()).parse()?);
        self.grpc.book_appointment(request).await?;
        Ok(())
    }
}

/// A number that nobody has had before.
fn phone() -> String {
    format!("+1{:010}", PATIENTS.fetch_add(1, Ordering::Relaxed))
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |percent: usize| {
            let place = (self.sorted.len() * percent / 100).min(self.sorted.len().saturating_sub(1));
            self.sorted.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
        let per_second = self.sorted.len() as f64 / self.elapsed.as_secs_f64();
        write!(
            f,
            "{:>7} {:>9.2} {:>9.2} {:>9.2} {per_second:>9.0}",
            self.sorted.len(),
            at(50),
            at(99),
            at(100)
        )
    }
}
