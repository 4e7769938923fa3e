//! `describe_clinic`: tells what the clinic offers, when and where.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer,
    arguments::{Check, Text, read},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// Find out what the clinic offers, how long it takes and what it costs, who works there and when, when it is closed, and where it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    /// The clinic's id. Leave it out where there is only one clinic.
    clinic_id: Text,
}

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let found = upstream.describe_clinic(context, request(given)?).await?;
    let clinic = found.clinic.clone().unwrap_or_default();
    let services: Vec<Value> = found.services.iter().map(service).collect();
    let providers: Vec<Value> =
        found.providers.iter().map(|p| json!({ "provider_id": p.id, "name": p.name })).collect();
    let facts = json!({
        "clinic": {
            "clinic_id": clinic.id,
            "name": clinic.name,
            "time_zone": clinic.time_zone,
            "address": clinic.address,
            "phone": clinic.phone,
            "about": clinic.about,
        },
        "services": services,
        "providers": providers,
    });
    Ok(Answer::new(say::clinic(&found), facts))
}

fn service(service: &pb::Service) -> Value {
    let minutes: Vec<i64> = service.durations.iter().map(|duration| duration.seconds / 60).collect();
    let providers: Vec<&str> = service.offers.iter().map(|offer| offer.provider_id.as_str()).collect();
    json!({
        "service_id": service.id,
        "name": service.name,
        "description": service.description,
        "price": service.price,
        "duration_minutes": minutes,
        "provider_ids": providers,
    })
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::DescribeClinicRequest, Problem> {
    let Arguments { clinic_id } = read(given, &[])?;
    let mut check = Check::default();
    let clinic_id = check.text("clinic_id", clinic_id);
    check.finish()?;
    Ok(pb::DescribeClinicRequest { clinic_id })
}
