//! `/api/calendar/google`: a person lets us into their calendar, and comes back from Google.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    response::{Html, IntoResponse as _, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY},
};
use proto::booking::v1 as pb;
use serde::Deserialize;
use serde_json::json;

use super::incoming::Incoming;
use crate::{app::App, problem::Problem, tools::instant};

/// Whose calendar, and what is to be written to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "a query is flat")]
pub(super) struct Wish {
    provider_id: String,
    calendar_id: String,
    show_patient_name: bool,
    show_patient_phone: bool,
    show_service: bool,
    recreate_deleted: bool,
}

/// What Google sends somebody back with. It adds what we need not know.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Back {
    state: String,
    code: String,
    error: String,
}

/// Says where to go and consent. No redirect: a browser that follows a link has no credential with it.
pub(super) async fn connect(
    State(app): State<App>,
    wish: Result<Query<Wish>, QueryRejection>,
    incoming: Incoming,
) -> Response {
    let Ok(Query(wish)) = wish else {
        let problem = Problem::unreadable(
            "its query takes provider_id, calendar_id and, with true or false, show_patient_name, show_patient_phone, show_service and \
             recreate_deleted",
        );
        return incoming.refuse(&app, problem).await;
    };
    let Wish {
        provider_id,
        calendar_id,
        show_patient_name,
        show_patient_phone,
        show_service,
        recreate_deleted,
    } = wish;
    let deleted_events = if recreate_deleted { pb::DeletedEvents::Recreate } else { pb::DeletedEvents::Ask };
    let choices = pb::CalendarChoices {
        show_patient_name,
        show_patient_phone,
        show_service,
        deleted_events: deleted_events.into(),
    };
    let message = pb::ConnectCalendarRequest {
        provider_id,
        google_calendar_id: calendar_id,
        choices: Some(choices),
        service_account: None,
    };
    let asked = app.upstream.connect_calendar(&incoming.context, message).await;
    incoming.respond(asked.map_err(Into::into).map(|asked| {
        let body = json!({
            "authorization_url": asked.authorization_url,
            "expires_at": instant(asked.expire_time.as_ref()),
        });
        Json(body).into_response()
    }))
}

/// Somebody comes back from Google: a person, who is told what came of it.
pub(super) async fn callback(
    State(app): State<App>,
    back: Result<Query<Back>, QueryRejection>,
    incoming: Incoming,
) -> Response {
    let Back { state, code, error } = back.map(|Query(back)| back).unwrap_or_default();
    let message = pb::CompleteConnectRequest { state, code, error };
    match app.upstream.complete_connect(&incoming.context, message).await {
        Ok(connected) => {
            let name = connected.calendar.unwrap_or_default().name;
            page(StatusCode::OK, "The calendar is connected", &format!("Appointments will appear in {name}."))
        }
        Err(status) => {
            let problem = Problem::from(status);
            let http = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let said = match problem.reason.as_str() {
                "UNAUTHENTICATED" | "INVALID_ARGUMENT" => {
                    "This is not a way that begins here. Please ask for a new link."
                }
                _ => &problem.say,
            };
            page(http, "The calendar is not connected", said)
        }
    }
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:18px system-ui;max-width:30em;margin:4em auto}}</style><h1>{title}</h1><p>{text}</p></html>"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    // The code is in the address.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
