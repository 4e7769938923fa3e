//! `booking.v1.AuditService`.

use proto::booking::v1::{self as pb, audit_service_server::AuditService};
use tonic::{Request, Response, Status};

use super::{
    admit, answer,
    convert::{Check, timestamp},
};
use crate::{
    access::LIST_AUDIT_EVENTS,
    app::App,
    db::audit_events::Filter,
    domain::{
        audit_event::AuditEvent,
        page::{Page, Position},
        text,
    },
    error::{Error, Result},
    ops::list_audit_events::{ListAuditEvents, list_audit_events},
};

const LONGEST_WORD: usize = 200;

#[derive(Debug)]
pub(super) struct Audit(pub(super) App);

#[tonic::async_trait]
impl AuditService for Audit {
    async fn list_audit_events(
        &self,
        request: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_AUDIT_EVENTS, request).await?;
        let outcome = async { list_audit_events(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_AUDIT_EVENTS, outcome).await
    }
}

impl TryFrom<pb::ListAuditEventsRequest> for ListAuditEvents {
    type Error = Error;

    fn try_from(request: pb::ListAuditEventsRequest) -> Result<Self> {
        let outcome = match request.outcome() {
            pb::AuditOutcome::Unspecified => None,
            pb::AuditOutcome::Done => Some("done"),
            pb::AuditOutcome::Refused => Some("refused"),
        };
        let pb::ListAuditEventsRequest {
            page_size,
            page_token,
            start_time,
            end_time,
            actor,
            action,
            outcome: given,
            resource_id,
            call_id,
        } = request;
        let mut check = Check::default();
        let page = check.page(page_size, &page_token);
        let from = check.optional_time("start_time", start_time);
        let to = check.optional_time("end_time", end_time);
        let mut word = |field, value: &str| match text::optional(value, LONGEST_WORD) {
            // A filter that is nothing but what nobody sees would be none.
            Ok(None) if !value.is_empty() => check.field(field, Err("is not a word".to_owned())),
            word => check.field(field, word).flatten(),
        };
        let (actor, action) = (word("actor", &actor), word("action", &action));
        let (resource_id, call_id) = (word("resource_id", &resource_id), word("call_id", &call_id));
        let known = pb::AuditOutcome::try_from(given).map_err(|_| "is not an outcome".to_owned());
        let known = check.field("outcome", known.map(drop));
        let filter = Filter { from, to, actor, action, outcome, resource_id, call_id };
        check.finish(known.and(page).map(|(size, before)| Self { filter, size, before }))
    }
}

impl From<AuditEvent> for pb::AuditEvent {
    fn from(event: AuditEvent) -> Self {
        let AuditEvent {
            id,
            at,
            actor,
            actor_role,
            action,
            outcome,
            reason,
            resource,
            resource_id,
            named_org_id,
            request_id,
            call_id,
            note,
        } = event;
        let outcome = if outcome == "done" { pb::AuditOutcome::Done } else { pb::AuditOutcome::Refused };
        Self {
            id: id.to_string(),
            time: Some(timestamp(at)),
            actor,
            actor_role,
            action,
            outcome: outcome.into(),
            reason: reason.unwrap_or_default(),
            resource: resource.unwrap_or_default(),
            resource_id: resource_id.unwrap_or_default(),
            named_org_id: named_org_id.unwrap_or_default(),
            request_id: request_id.unwrap_or_default(),
            call_id: call_id.unwrap_or_default(),
            note: note.unwrap_or_default(),
        }
    }
}

impl From<Page<AuditEvent>> for pb::ListAuditEventsResponse {
    fn from(page: Page<AuditEvent>) -> Self {
        Self {
            events: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}
