//! `booking.v1.CallService`.

use proto::booking::v1::{self as pb, call_service_server::CallService, record_call_event_request::Event};
use tonic::{Request, Response, Status};

use super::{admit, answer, convert::Check};
use crate::{
    access::RECORD_CALL_EVENT,
    app::App,
    domain::{call::CallId, text},
    error::{Error, Result},
    ops::{
        Done,
        record_call_event::{RecordCallEvent, record_call_event},
    },
};

const LONGEST_REASON: usize = 200;

#[derive(Debug)]
pub(super) struct Calls(pub(super) App);

#[tonic::async_trait]
impl CallService for Calls {
    async fn record_call_event(
        &self,
        request: Request<pb::RecordCallEventRequest>,
    ) -> Result<Response<pb::RecordCallEventResponse>, Status> {
        let (caller, message) = admit(&self.0, RECORD_CALL_EVENT, request).await?;
        let outcome = async { record_call_event(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, RECORD_CALL_EVENT, outcome).await
    }
}

impl TryFrom<pb::RecordCallEventRequest> for RecordCallEvent {
    type Error = Error;

    fn try_from(request: pb::RecordCallEventRequest) -> Result<Self> {
        let pb::RecordCallEventRequest { call_id, event } = request;
        let mut check = Check::default();
        let named = Some(call_id).filter(|id| !id.is_empty());
        let call = check.field("call_id", named.map(|id| CallId::parse(&id)).transpose());
        let event = check.field("event", event.ok_or_else(|| "is required".to_owned()));
        let pb::CallEnded { start_time, end_time, reason } = match event {
            Some(Event::Ended(ended)) => ended,
            None => pb::CallEnded::default(),
        };
        let started_at = check.optional_time("ended.start_time", start_time);
        let ended_at = check.optional_time("ended.end_time", end_time);
        if started_at.zip(ended_at).is_some_and(|(started, ended)| ended < started) {
            check.field::<()>("ended.end_time", Err("is before the start".to_owned()));
        }
        let reason = check.field("ended.reason", text::optional(&reason, LONGEST_REASON));
        let command = || Some(Self { call: call?, started_at, ended_at, reason: reason? });
        check.finish(command())
    }
}

impl From<Done> for pb::RecordCallEventResponse {
    fn from(Done: Done) -> Self {
        Self {}
    }
}
