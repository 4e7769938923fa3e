//! `find_appointments`: says what the caller has coming.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::{
    Answer, appointment_json,
    arguments::{Check, Text, read},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// More than a caller has, and as many as one answer should hold.
const MOST: i32 = 20;

/// Find the caller's coming appointments, by the number they call from or by a confirmation code.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    /// The clinic's id, to hear of its appointments only.
    clinic_id: Text,
    /// The six-character confirmation code, if the caller has it. Without it their number is enough.
    confirmation_code: Text,
}

pub(super) const ALIASES: &[(&str, &str)] =
    &[("code", "confirmation_code"), ("confirmation", "confirmation_code")];

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// The one with this code.
    One(pb::GetAppointmentRequest),
    /// All that are to come.
    Coming(pb::ListAppointmentsRequest),
}

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let (found, more) = match request(given)? {
        Request::One(request) => {
            let found = upstream.get_appointment(context, request).await?.appointment;
            let one = found
                .ok_or_else(|| Status::internal("the booking service answered without an appointment"))?;
            (vec![one], false)
        }
        Request::Coming(request) => {
            let page = upstream.list_appointments(context, request).await?;
            (page.appointments, !page.next_page_token.is_empty())
        }
    };
    let appointments: Vec<Value> = found.iter().map(appointment_json::appointment).collect();
    Ok(Answer::new(say::found(&found, more), json!({ "appointments": appointments })))
}

pub(super) fn request(given: Map<String, Value>) -> Result<Request, Problem> {
    let Arguments { clinic_id, confirmation_code } = read(given, ALIASES)?;
    let mut check = Check::default();
    let clinic_id = check.text("clinic_id", clinic_id);
    let confirmation_code = check.text("confirmation_code", confirmation_code);
    if !clinic_id.is_empty() && !confirmation_code.is_empty() {
        check.wrong("clinic_id", "is not needed with a confirmation_code; give one of the two");
    }
    check.finish()?;
    Ok(if confirmation_code.is_empty() {
        Request::Coming(pb::ListAppointmentsRequest {
            clinic_id,
            upcoming: true,
            page_size: MOST,
            ..Default::default()
        })
    } else {
        Request::One(pb::GetAppointmentRequest { appointment_id: String::new(), confirmation_code })
    })
}
