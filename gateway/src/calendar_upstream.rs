//! The way to the booking service's calendars and calls.

use proto::booking::v1::{
    self as pb, calendar_service_client::CalendarServiceClient, call_service_client::CallServiceClient,
};
use tonic::Status;

use crate::{context::Context, upstream::Upstream};

impl Upstream {
    pub(crate) async fn connect_calendar(
        &self,
        context: &Context,
        message: pb::ConnectCalendarRequest,
    ) -> Result<pb::ConnectCalendarResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            CalendarServiceClient::new(channel).connect_calendar(request).await
        })
        .await
    }

    /// Once: a consent is used up by it.
    pub(crate) async fn complete_connect(
        &self,
        context: &Context,
        message: pb::CompleteConnectRequest,
    ) -> Result<pb::CompleteConnectResponse, Status> {
        self.send_once(context, message, async |channel, request| {
            CalendarServiceClient::new(channel).complete_connect(request).await
        })
        .await
    }

    pub(crate) async fn record_call_event(
        &self,
        context: &Context,
        message: pb::RecordCallEventRequest,
    ) -> Result<pb::RecordCallEventResponse, Status> {
        self.send(context, message, async |channel, request| {
            CallServiceClient::new(channel).record_call_event(request).await
        })
        .await
    }
}
