//! A tool as the voice platform is told of it: name, description, and a JSON schema, all out of the struct that reads its arguments.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::vapi::answer::one_line;

/// The keywords of JSON Schema that the platform knows.
const KNOWN: [&str; 6] = ["type", "properties", "required", "description", "items", "enum"];

/// Seconds that the platform waits for us: its own default, well above our deadline.
const PATIENCE: u8 = 20;

/// The definition of a tool that takes `T`, served at `url`. It can be created at the platform as it is.
pub(super) fn of<T: JsonSchema>(name: &str, url: &str) -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut parameters = settings.into_generator().into_root_schema_for::<T>().to_value();
    let description = parameters.as_object_mut().and_then(|schema| schema.remove("description"));
    keep_what_is_known(&mut parameters);
    json!({
        "type": "function",
        "async": false,
        "function": { "name": name, "description": in_one_line(description.as_ref()), "parameters": parameters },
        "server": {
            "url": url,
            "timeoutSeconds": PATIENCE,
            // A call that was refused will be refused again.
            "backoffPlan": {
                "type": "exponential",
                "maxRetries": 2,
                "baseDelaySeconds": 1,
                "excludedStatusCodes": [400, 401, 403, 404, 413, 422],
            },
        },
    })
}

fn keep_what_is_known(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    members.retain(|keyword, _| KNOWN.contains(&keyword.as_str()));
    if let Some(description) = members.get_mut("description") {
        *description = in_one_line(Some(description));
    }
    let properties = members.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(keep_what_is_known);
}

/// Doc comments break their lines where the code does.
fn in_one_line(text: Option<&Value>) -> Value {
    Value::String(one_line(text.and_then(Value::as_str).unwrap_or_default()))
}
