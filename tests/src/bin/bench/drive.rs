//! Callers who book one after another, each waiting for their answer.

use std::{
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
use proto::trace::{TRACEPARENT, TraceParent};
use serde_json::{Value, json};
use tests::stack::Stack;
use tokio::task::JoinSet;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use crate::{
    ground::{Ground, Provider},
    measured::Measured,
};

/// What is asked for, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A free slot, through the gateway.
    Http,
    /// A free slot, from the service itself.
    Grpc,
    /// A taken slot, through the gateway.
    Conflict,
}

/// A client of both.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    url: String,
    http: reqwest::Client,
    grpc: AppointmentServiceClient<Channel>,
}

static PATIENTS: AtomicUsize = AtomicUsize::new(0);

impl Driver {
    pub(crate) async fn connect(stack: &Stack) -> Result<Self> {
        let channel =
            Endpoint::from_shared(format!("http://{}", stack.grpc))?.tcp_nodelay(true).connect().await?;
        Ok(Self {
            url: format!("http://{}/api/vapi/tools", stack.gateway),
            http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?,
            grpc: AppointmentServiceClient::new(channel),
        })
    }

    /// Makes `count` requests from `callers` at a time.
    pub(crate) async fn run(
        &self,
        way: Way,
        ground: &mut Ground,
        callers: usize,
        count: usize,
    ) -> Result<Measured> {
        let work: Vec<(Provider, Timestamp)> =
            (0..count).map(|_| if way == Way::Conflict { ground.taken() } else { ground.next() }).collect();
        let (work, next) = (Arc::new(work), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..callers {
            let (work, next, driver) = (work.clone(), next.clone(), self.clone());
            running.spawn(async move {
                let mut latencies = Vec::new();
                while let Some((provider, start)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    latencies.push(driver.ask(way, provider, *start).await?);
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::with_capacity(count);
        while let Some(some) = running.join_next().await {
            latencies.extend(some??);
        }
        Ok(Measured::new(latencies, began.elapsed()))
    }

    /// One caller, over HTTP and over gRPC by turns: the tables grow for both, so their difference is the gateway.
    pub(crate) async fn take_turns(&self, ground: &mut Ground, count: usize) -> Result<(Measured, Measured)> {
        let (mut http, mut grpc) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (provider, start) = ground.next();
            http.push(self.ask(Way::Http, &provider, start).await?);
            let (provider, start) = ground.next();
            grpc.push(self.ask(Way::Grpc, &provider, start).await?);
        }
        let measured = |latencies: Vec<Duration>| {
            let elapsed = latencies.iter().sum();
            Measured::new(latencies, elapsed)
        };
        Ok((measured(http), measured(grpc)))
    }

    /// One caller over HTTP, whose providers have calendars; tells how many bookings were in them when they were answered.
    pub(crate) async fn synced(&self, ground: &mut Ground, count: usize) -> Result<(Measured, usize)> {
        let (mut latencies, mut synced) = (Vec::new(), 0);
        for _ in 0..count {
            let (provider, start) = ground.next();
            let began = Instant::now();
            let answer = self.over_http(&provider, start, 200).await?;
            latencies.push(began.elapsed());
            synced += usize::from(answer["calendar_sync"]["status"] == "synced");
        }
        let elapsed = latencies.iter().sum();
        Ok((Measured::new(latencies, elapsed), synced))
    }

    async fn ask(&self, way: Way, provider: &Provider, start: Timestamp) -> Result<Duration> {
        let began = Instant::now();
        match way {
            Way::Http => drop(self.over_http(provider, start, 200).await?),
            Way::Conflict => drop(self.over_http(provider, start, 409).await?),
            Way::Grpc => self.over_grpc(provider, start).await?,
        }
        Ok(began.elapsed())
    }

    async fn over_http(&self, provider: &Provider, start: Timestamp, expected: u16) -> Result<Value> {
        let body = json!({"tool": "book_appointment", "params": {
            "clinic_id": provider.clinic, "provider_id": provider.id, "appointment_time": start.to_string(),
            "patient_name": "Bench Patient", "patient_phone": phone(),
        }});
        let response = self.http.post(&self.url).bearer_auth(&provider.token).json(&body).send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        ensure!(status == expected, "{status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    async fn over_grpc(&self, provider: &Provider, start: Timestamp) -> Result<()> {
        let when = prost_types::Timestamp { seconds: start.as_second(), nanos: 0 };
        let slot = SlotChoice {
            clinic_id: provider.clinic.clone(),
            provider_id: provider.id.clone(),
            when: Some(When::Timestamp(when)),
            duration: None,
            ..Default::default()
        };
        let patient = PatientDetails { name: "Bench Patient".into(), phone: phone(), email: String::new() };
        let mut request = Request::new(BookAppointmentRequest {
            what: Some(What::Slot(slot)),
            patient: Some(patient),
            service_text: String::new(),
            ..Default::default()
        });
        let metadata = request.metadata_mut();
        metadata.insert("authorization", format!("Bearer {}", provider.token).parse()?);
        // As the gateway sends them with each request.
        metadata.insert("idempotency-key", format!("bench-{}", phone()).parse()?);
        metadata.insert("x-request-id", phone().parse()?);
        metadata.insert(TRACEPARENT, TraceParent::new(1, 1).to_string().parse()?);
        request.set_timeout(Duration::from_secs(8));
        self.grpc.clone().book_appointment(request).await?;
        Ok(())
    }
}

/// A number that nobody has had before.
fn phone() -> String {
    format!("+1{:010}", PATIENTS.fetch_add(1, Ordering::Relaxed))
}
