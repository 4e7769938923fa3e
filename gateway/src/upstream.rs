//! The way to the booking service: credential, deadline, and the one layer that tries again.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use proto::booking::v1::{
    self as pb, appointment_service_client::AppointmentServiceClient,
    availability_service_client::AvailabilityServiceClient, identity_service_client::IdentityServiceClient,
};
use proto::trace::{TRACEPARENT, TraceParent};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tonic::{
    Code, Request, Response, Status,
    metadata::{MetadataKey, MetadataMap, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::hex::hex;

/// A request is sent at most this often, and only while its deadline allows.
const TRIES: u32 = 4;

/// What is longer is no token and no id of anybody's. The connection is shared: headers that the other end cannot take would end it
/// for everybody.
const LONGEST_CREDENTIAL: usize = 8 << 10;
const LONGEST_ID: usize = 200;

/// How long a probe of readiness waits.
const PROBE: Duration = Duration::from_secs(1);

/// The booking service.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    channel: Channel,
    deadline: Duration,
}

/// What goes with a request to the booking service.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Passed on untouched; `None` is refused there, where refusals are audited.
    pub(crate) credential: Option<String>,
    /// Ties together what is logged.
    pub(crate) request_id: String,
    /// The trace that it belongs to.
    pub(crate) trace: TraceParent,
    /// Makes the request repeatable.
    pub(crate) idempotency_key: Option<String>,
    /// The telephone call, as the platform's envelope says.
    pub(crate) call_id: Option<String>,
    /// The tool call.
    pub(crate) tool_call_id: Option<String>,
    /// The caller's number, as the platform's envelope says.
    pub(crate) caller_number: Option<String>,
    /// When the answer must be there.
    pub(crate) deadline: Instant,
}

impl Upstream {
    /// Connects when it is first needed, and again whenever the connection is lost.
    pub(crate) fn new(url: http::Uri, deadline: Duration) -> Self {
        let channel = Endpoint::from(url)
            .connect_timeout(Duration::from_secs(1))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_while_idle(true)
            .connect_lazy();
        Self { channel, deadline }
    }

    /// When a request that arrives now must be answered.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }

    pub(crate) async fn get_caller(&self, context: &Context) -> Result<pb::GetCallerResponse, Status> {
        self.send(context, pb::GetCallerRequest {}, async |channel, request| {
            IdentityServiceClient::new(channel).get_caller(request).await
        })
        .await
    }

    pub(crate) async fn check_slot(
        &self,
        context: &Context,
        message: pb::CheckSlotRequest,
    ) -> Result<pb::CheckSlotResponse, Status> {
        self.send(context, message, async |channel, request| {
            AvailabilityServiceClient::new(channel).check_slot(request).await
        })
        .await
    }

    pub(crate) async fn search_slots(
        &self,
        context: &Context,
        message: pb::SearchSlotsRequest,
    ) -> Result<pb::SearchSlotsResponse, Status> {
        self.send(context, message, async |channel, request| {
            AvailabilityServiceClient::new(channel).search_slots(request).await
        })
        .await
    }

    pub(crate) async fn list_appointments(
        &self,
        context: &Context,
        message: pb::ListAppointmentsRequest,
    ) -> Result<pb::ListAppointmentsResponse, Status> {
        self.send(context, message, async |channel, request| {
            AppointmentServiceClient::new(channel).list_appointments(request).await
        })
        .await
    }

    pub(crate) async fn get_appointment(
        &self,
        context: &Context,
        message: pb::GetAppointmentRequest,
    ) -> Result<pb::GetAppointmentResponse, Status> {
        self.send(context, message, async |channel, request| {
            AppointmentServiceClient::new(channel).get_appointment(request).await
        })
        .await
    }

    pub(crate) async fn book_appointment(
        &self,
        context: &Context,
        message: pb::BookAppointmentRequest,
    ) -> Result<pb::BookAppointmentResponse, Status> {
        self.send(context, message, async |channel, request| {
            AppointmentServiceClient::new(channel).book_appointment(request).await
        })
        .await
    }

    pub(crate) async fn cancel_appointment(
        &self,
        context: &Context,
        message: pb::CancelAppointmentRequest,
    ) -> Result<pb::CancelAppointmentResponse, Status> {
        self.send(context, message, async |channel, request| {
            AppointmentServiceClient::new(channel).cancel_appointment(request).await
        })
        .await
    }

    /// Whether the booking service says that it can work.
    pub(crate) async fn is_ready(&self) -> bool {
        let mut client = HealthClient::new(self.channel.clone());
        let check = client.check(HealthCheckRequest { service: String::new() });
        let answer = tokio::time::timeout(PROBE, check).await;
        answer.is_ok_and(|a| a.is_ok_and(|health| health.get_ref().status() == ServingStatus::Serving))
    }

    /// Sends the message until it is answered for good, with the same idempotency key each time.
    async fn send<M, R>(
        &self,
        context: &Context,
        message: M,
        rpc: impl AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status>
    where
        M: Clone,
    {
        let mut tries = 0;
        let mut last = None;
        loop {
            tries += 1;
            let left = context.deadline.saturating_duration_since(Instant::now());
            let mut request = Request::new(message.clone());
            context.write(request.metadata_mut());
            request.set_timeout(left);
            let status = match tokio::time::timeout(left, rpc(self.channel.clone(), request)).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                // What was heard before says more than that time is up.
                Err(_) => {
                    return Err(last.unwrap_or_else(|| {
                        Status::deadline_exceeded("the booking service did not answer in time")
                    }));
                }
            };
            let pause = pause(&status, tries);
            let left = context.deadline.saturating_duration_since(Instant::now());
            if tries == TRIES || !is_worth_repeating(&status) || pause >= left {
                let dropped = is_lost(&status) && !left.is_zero();
                return Err(if dropped {
                    Status::unavailable("the booking service was lost")
                } else {
                    status
                });
            }
            last = Some(status);
            tokio::time::sleep(pause).await;
        }
    }
}

/// A key made of what knows a request again. A part's length goes before it, so that no two lists of parts look alike.
pub(crate) fn derived_key(kind: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    format!("{kind}-{}", hex(&hash.finalize()))
}

impl Context {
    /// The same, repeatable under a key.
    pub(crate) fn keyed(&self, key: String) -> Self {
        Self { idempotency_key: Some(key), ..self.clone() }
    }

    fn write(&self, metadata: &mut MetadataMap) {
        let mut set = |name: &'static str, value: Option<&str>| {
            // What a header cannot carry is refused like what is empty: there, with a reason.
            let value = value.map(|v| MetadataValue::try_from(v).unwrap_or(MetadataValue::from_static("")));
            if let Some(value) = value {
                metadata.insert(MetadataKey::from_static(name), value);
            }
        };
        let credential = self.credential.as_ref().filter(|token| token.len() <= LONGEST_CREDENTIAL);
        set("authorization", credential.map(|token| format!("Bearer {token}")).as_deref());
        set("x-request-id", Some(&self.request_id));
        set(TRACEPARENT, Some(&self.trace.to_string()));
        set(
            "idempotency-key",
            self.idempotency_key.as_deref().map(|key| if key.len() <= 255 { key } else { "" }),
        );
        set("x-call-id", self.call_id.as_deref().map(portable).as_deref());
        set("x-tool-call-id", self.tool_call_id.as_deref().map(portable).as_deref());
        set("x-caller-number", self.caller_number.as_deref().filter(|number| number.len() <= LONGEST_ID));
    }
}

/// An id as a header can carry it: what is long or not ASCII is told by its hash, which is as good for knowing it again.
pub(crate) fn portable(id: &str) -> Cow<'_, str> {
    if id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(format!("sha256-{}", hex(&Sha256::digest(id))))
}

/// Nothing came of it, or something may have: with the same key, the second time finds out.
fn is_worth_repeating(status: &Status) -> bool {
    matches!(status.code(), Code::Aborted | Code::Unavailable) || is_lost(status)
}

/// The connection ended under the request, for which tonic has several words. What the service says itself has a reason with it.
fn is_lost(status: &Status) -> bool {
    let by_transport = matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Internal);
    by_transport && status.get_details_error_info().is_none()
}

/// What the service asks for, longer each time, and a little different for everybody.
fn pause(status: &Status, tries: u32) -> Duration {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let base = asked.unwrap_or(Duration::from_millis(50)).min(Duration::from_secs(1));
    base.mul_f64(f64::from(tries) * rand::rng().random_range(0.5..1.5))
}
