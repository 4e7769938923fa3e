//! `lookup_patient`: says who is known under the caller's number.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer,
    arguments::{Check, Text, read},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// As many as one answer should hold.
const MOST: i32 = 20;

/// Find out which patients the clinic knows under the number that the caller calls from: several may share one. Ask which of them it is about.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    /// The patient's name, or its beginning, to find one among several.
    patient_name: Text,
    /// The patient's date of birth, like 1985-04-12, to find one among several.
    birth_date: Text,
    /// A telephone number; on a telephone call it is the one that they call from, whatever is given here.
    patient_phone: Text,
}

const ALIASES: &[(&str, &str)] = &[
    ("name", "patient_name"),
    ("full_name", "patient_name"),
    ("phone", "patient_phone"),
    ("phone_number", "patient_phone"),
    ("date_of_birth", "birth_date"),
    ("dob", "birth_date"),
];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let found = upstream.search_patients(context, request(given)?).await?.patients;
    let shown: Vec<Value> = found.iter().map(shown).collect();
    Ok(Answer::new(say::patients(&found), json!({ "patients": shown })))
}

fn shown(record: &pb::PatientRecord) -> Value {
    let patient = record.patient.clone().unwrap_or_default();
    let known = |text: String| Some(text).filter(|text| !text.is_empty());
    json!({
        "patient_id": patient.id,
        "patient_name": patient.name,
        "patient_phone": known(patient.phone),
        "patient_email": known(patient.email),
        "birth_date": known(record.birth_date.clone()),
    })
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::SearchPatientsRequest, Problem> {
    let Arguments { patient_name, birth_date, patient_phone } = read(given, ALIASES)?;
    let mut check = Check::default();
    let request = pb::SearchPatientsRequest {
        name: check.text("patient_name", patient_name),
        birth_date: check.text("birth_date", birth_date),
        phone: check.text("patient_phone", patient_phone),
        page_size: MOST,
        page_token: String::new(),
    };
    check.finish()?;
    Ok(request)
}
