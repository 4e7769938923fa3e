//! The way to the booking service: its deadline, and the one layer that tries again.

use std::time::{Duration, Instant};

use proto::booking::v1::{
    self as pb, appointment_service_client::AppointmentServiceClient,
    availability_service_client::AvailabilityServiceClient, clinic_service_client::ClinicServiceClient,
    identity_service_client::IdentityServiceClient, knowledge_service_client::KnowledgeServiceClient,
};
use rand::RngExt as _;
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::context::Context;

/// A request is sent at most this often, and only while its deadline allows.
const TRIES: u32 = 4;

/// How long a probe of readiness waits.
const PROBE: Duration = Duration::from_secs(1);

/// The booking service.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    channel: Channel,
    deadline: Duration,
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

    pub(crate) async fn hold_slot(
        &self,
        context: &Context,
        message: pb::HoldSlotRequest,
    ) -> Result<pb::HoldSlotResponse, Status> {
        self.send(context, message, async |channel, request| {
            AppointmentServiceClient::new(channel).hold_slot(request).await
        })
        .await
    }

    pub(crate) async fn reschedule_appointment(
        &self,
        context: &Context,
        message: pb::RescheduleAppointmentRequest,
    ) -> Result<pb::RescheduleAppointmentResponse, Status> {
        self.send(context, message, async |channel, request| {
            AppointmentServiceClient::new(channel).reschedule_appointment(request).await
        })
        .await
    }

    pub(crate) async fn search_patients(
        &self,
        context: &Context,
        message: pb::SearchPatientsRequest,
    ) -> Result<pb::SearchPatientsResponse, Status> {
        self.send(context, message, async |channel, request| {
            ClinicServiceClient::new(channel).search_patients(request).await
        })
        .await
    }

    pub(crate) async fn describe_clinic(
        &self,
        context: &Context,
        message: pb::DescribeClinicRequest,
    ) -> Result<pb::DescribeClinicResponse, Status> {
        self.send(context, message, async |channel, request| {
            ClinicServiceClient::new(channel).describe_clinic(request).await
        })
        .await
    }

    pub(crate) async fn search_knowledge(
        &self,
        context: &Context,
        message: pb::SearchKnowledgeRequest,
    ) -> Result<pb::SearchKnowledgeResponse, Status> {
        self.send(context, message, async |channel, request| {
            KnowledgeServiceClient::new(channel).search_knowledge(request).await
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
    pub(crate) async fn send<M: Clone, R>(
        &self,
        context: &Context,
        message: M,
        rpc: impl AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
        self.send_while(is_worth_repeating, context, message, rpc).await
    }

    /// Sends the message, and again only when the service says that nothing was done.
    pub(crate) async fn send_once<M: Clone, R>(
        &self,
        context: &Context,
        message: M,
        rpc: impl AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
        self.send_while(|status| status.code() == Code::Aborted, context, message, rpc).await
    }

    async fn send_while<M: Clone, R>(
        &self,
        is_worth_repeating: impl Fn(&Status) -> bool,
        context: &Context,
        message: M,
        rpc: impl AsyncFn(Channel, Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
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

/// Nothing came of it, or something may have: with the same key, the second time finds out.
fn is_worth_repeating(status: &Status) -> bool {
    matches!(status.code(), Code::Aborted | Code::Unavailable) || is_lost(status)
}

/// The connection ended under the request, for which tonic has several words. What the service says itself has a reason with it.
fn is_lost(status: &Status) -> bool {
    // A connection that was told to calm down ends with "resource exhausted".
    let by_transport =
        matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Internal | Code::ResourceExhausted);
    by_transport && status.get_details_error_info().is_none()
}

/// What the service asks for, longer each time, and a little different for everybody.
fn pause(status: &Status, tries: u32) -> Duration {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let base = asked.unwrap_or(Duration::from_millis(50)).min(Duration::from_secs(1));
    base.mul_f64(f64::from(tries) * rand::rng().random_range(0.5..1.5))
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn what_the_service_says_itself_is_told_from_what_becomes_of_its_connection() {
        let said =
            |code| Status::with_error_details(code, "", ErrorDetails::with_error_info("R", "booking.v1", []));
        for code in [Code::Cancelled, Code::Unknown, Code::Internal, Code::ResourceExhausted] {
            assert!(is_worth_repeating(&Status::new(code, "")), "{code:?}");
            assert!(!is_worth_repeating(&said(code)), "{code:?}");
        }
        for code in [Code::Aborted, Code::Unavailable] {
            assert!(
                is_worth_repeating(&Status::new(code, "")) && is_worth_repeating(&said(code)),
                "{code:?}"
            );
        }
        for code in [Code::InvalidArgument, Code::AlreadyExists, Code::NotFound, Code::DeadlineExceeded] {
            assert!(!is_worth_repeating(&Status::new(code, "")), "{code:?}");
        }
    }
}
