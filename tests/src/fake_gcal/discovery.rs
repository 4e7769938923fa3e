//! Google's own description of its API, held against each request: an unknown parameter or field is a mistake of whoever sends it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The discovery document of Calendar v3.
#[derive(Debug)]
pub struct Discovery(Value);

/// The method of the API, and where its name is in the document.
fn method_of<'d>(document: &'d Value, resource: &str, method: &str) -> &'d Value {
    &document["resources"][resource]["methods"][method]
}

impl Discovery {
    /// The one that Google's Python client brings along, in an environment of Python's.
    pub fn beside_python(environment: &Path) -> Result<Self> {
        let libraries = fs::read_dir(environment.join("lib"))?.filter_map(|entry| Some(entry.ok()?.path()));
        let rest = "site-packages/googleapiclient/discovery_cache/documents/calendar.v3.json";
        let path = libraries.map(|library| library.join(rest)).find(|path| path.is_file());
        let path = path.context("no discovery document is there")?;
        Ok(Self(serde_json::from_slice(&fs::read(path)?)?))
    }

    /// What is wrong with a request.
    pub(super) fn violations(
        &self,
        (resource, method): (&str, &str),
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        let described = method_of(&self.0, resource, method);
        let mut wrong = Vec::new();
        for (name, value) in query {
            let parameter = [&described["parameters"][name], &self.0["parameters"][name]];
            match parameter.into_iter().find(|parameter| parameter.is_object()) {
                None => wrong.push(format!("{method}: there is no parameter {name}")),
                Some(parameter) => {
                    self.check(parameter, &Value::String(value.clone()), name, true, &mut wrong);
                }
            }
        }
        if let (Some(body), Some(schema)) = (body, described["request"]["$ref"].as_str()) {
            let schema = &self.0["schemas"][schema];
            self.check(schema, body, "body", false, &mut wrong);
            let id = described["id"].as_str().unwrap_or_default();
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let required = property["annotations"]["required"].as_array().into_iter().flatten();
                if required.into_iter().any(|method| method == id) && body[name].is_null() {
                    wrong.push(format!("{id}: {name} is required"));
                }
            }
        }
        wrong
    }

    /// `text`: parameters are texts, whatever they mean.
    fn check(&self, schema: &Value, value: &Value, at: &str, text: bool, wrong: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            return self.check(&self.0["schemas"][name], value, at, text, wrong);
        }
        // A patch takes a field away.
        if value.is_null() {
            return;
        }
        let is_right = match (schema["type"].as_str(), value) {
            (Some("string"), Value::String(given)) => {
                let allowed = schema["enum"].as_array();
                allowed.is_none_or(|allowed| allowed.iter().any(|word| word == given))
            }
            (Some("boolean"), Value::Bool(_)) | (Some("integer" | "number"), Value::Number(_)) => true,
            (Some("boolean"), Value::String(given)) if text => given == "true" || given == "false",
            (Some("integer" | "number"), Value::String(given)) if text => given.parse::<f64>().is_ok(),
            (Some("array"), Value::Array(items)) => {
                for (place, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &format!("{at}[{place}]"), text, wrong);
                }
                true
            }
            (Some("object"), Value::Object(members)) => {
                for (name, member) in members {
                    let known = [&schema["properties"][name], &schema["additionalProperties"]];
                    match known.into_iter().find(|known| known.is_object()) {
                        Some(known) => self.check(known, member, &format!("{at}.{name}"), text, wrong),
                        None => wrong.push(format!("{at}.{name}: there is no such field")),
                    }
                }
                true
            }
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{at}: {value} is not a {}", schema["type"]));
        }
    }
}
