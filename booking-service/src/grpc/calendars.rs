//! `booking.v1.CalendarService`.

use proto::booking::v1::{self as pb, calendar_service_server::CalendarService};
use tonic::{Request, Response, Status};

use super::{admit, answer, answer_stranger};
use crate::{
    access::{
        COMPLETE_CONNECT, CONNECT_CALENDAR, DISCONNECT_CALENDAR, GET_SYNC_STATUS, LIST_CALENDARS,
        LIST_DEAD_LETTERS, REQUEUE_DEAD_LETTER, RESYNC_CALENDAR, UPDATE_CALENDAR,
    },
    app::App,
    auth,
    ops::{
        connect_calendar::{complete_connect, connect_calendar},
        dead_letters::{list_dead_letters, requeue_dead_letter},
        manage_calendars::{
            disconnect_calendar, get_sync_status, list_calendars, resync_calendar, update_calendar,
        },
    },
};

#[derive(Debug)]
pub(super) struct Calendars(pub(super) App);

#[tonic::async_trait]
impl CalendarService for Calendars {
    async fn connect_calendar(
        &self,
        request: Request<pb::ConnectCalendarRequest>,
    ) -> Result<Response<pb::ConnectCalendarResponse>, Status> {
        let (caller, message) = admit(&self.0, CONNECT_CALENDAR, request).await?;
        let outcome = async { connect_calendar(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CONNECT_CALENDAR, outcome).await
    }

    async fn complete_connect(
        &self,
        request: Request<pb::CompleteConnectRequest>,
    ) -> Result<Response<pb::CompleteConnectResponse>, Status> {
        let (stranger, message) = (auth::stranger(&request), request.into_inner());
        let outcome = async { complete_connect(&self.0, &stranger, message.try_into()?).await }.await;
        answer_stranger(&self.0, &stranger, COMPLETE_CONNECT, outcome).await
    }

    async fn list_calendars(
        &self,
        request: Request<pb::ListCalendarsRequest>,
    ) -> Result<Response<pb::ListCalendarsResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_CALENDARS, request).await?;
        let outcome = async { list_calendars(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_CALENDARS, outcome).await
    }

    async fn update_calendar(
        &self,
        request: Request<pb::UpdateCalendarRequest>,
    ) -> Result<Response<pb::UpdateCalendarResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_CALENDAR, request).await?;
        let outcome = async { update_calendar(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_CALENDAR, outcome).await
    }

    async fn disconnect_calendar(
        &self,
        request: Request<pb::DisconnectCalendarRequest>,
    ) -> Result<Response<pb::DisconnectCalendarResponse>, Status> {
        let (caller, message) = admit(&self.0, DISCONNECT_CALENDAR, request).await?;
        let outcome = async { disconnect_calendar(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, DISCONNECT_CALENDAR, outcome).await
    }

    async fn get_sync_status(
        &self,
        request: Request<pb::GetSyncStatusRequest>,
    ) -> Result<Response<pb::GetSyncStatusResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_SYNC_STATUS, request).await?;
        let outcome = async { get_sync_status(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_SYNC_STATUS, outcome).await
    }

    async fn resync_calendar(
        &self,
        request: Request<pb::ResyncCalendarRequest>,
    ) -> Result<Response<pb::ResyncCalendarResponse>, Status> {
        let (caller, message) = admit(&self.0, RESYNC_CALENDAR, request).await?;
        let outcome = async { resync_calendar(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, RESYNC_CALENDAR, outcome).await
    }

    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_DEAD_LETTERS, request).await?;
        let outcome = async { list_dead_letters(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_DEAD_LETTERS, outcome).await
    }

    async fn requeue_dead_letter(
        &self,
        request: Request<pb::RequeueDeadLetterRequest>,
    ) -> Result<Response<pb::RequeueDeadLetterResponse>, Status> {
        let (caller, message) = admit(&self.0, REQUEUE_DEAD_LETTER, request).await?;
        let outcome = async { requeue_dead_letter(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, REQUEUE_DEAD_LETTER, outcome).await
    }
}
