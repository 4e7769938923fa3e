//! Whom arguments name as the organisation or the caller. A model could have written them, so they are never believed; the booking service
//! compares them with the credential and the telephone call, and refuses what does not fit.

use serde_json::{Map, Value};

use super::arguments::snake_case;
use crate::context::Context;

/// Whatever these say is an organisation of ours, or none.
const ORGANISATION: [&str; 3] = ["org_id", "organization_id", "organisation_id"];

/// These may be a name of somebody else's, as assistants are told them in static parameters; an id of ours has its form.
const TENANT: [&str; 2] = ["tenant_id", "tenant"];

const CALLER: [&str; 2] = ["caller_number", "customer_number"];

/// The context, with what the arguments claim.
pub(super) fn noted(context: &Context, given: &Map<String, Value>) -> Context {
    let named = |names: &[&str]| {
        let found =
            given.iter().find(|(name, value)| names.contains(&snake_case(name).as_str()) && !value.is_null());
        found
            .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .filter(|text| !text.is_empty())
    };
    let tenant = named(&TENANT).filter(|tenant| tenant.parse::<uuid::Uuid>().is_ok());
    Context {
        named_org: named(&ORGANISATION).or(tenant),
        named_caller_number: named(&CALLER),
        ..context.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proto::trace::TraceParent;
    use serde_json::json;

    use super::*;

    fn claimed(given: Value) -> (Option<String>, Option<String>) {
        let Value::Object(given) = given else { panic!("an object") };
        let context = noted(&Context::new(TraceParent::new(1, 1), "r".to_owned(), Instant::now()), &given);
        (context.named_org, context.named_caller_number)
    }

    #[test]
    fn an_organisation_is_named_in_any_style() {
        for name in ["org_id", "orgId", "organizationId", "Organisation-ID"] {
            assert_eq!(claimed(json!({ name: "evil" })).0.as_deref(), Some("evil"), "{name}");
        }
        let id = "01936f00-0000-7000-8000-000000000001";
        assert_eq!(claimed(json!({ "tenant_id": id })).0.as_deref(), Some(id));
        assert_eq!(
            claimed(json!({ "tenant_id": "elm-street", "org_id": null, "caller_number": "" })),
            (None, None)
        );
        assert_eq!(
            claimed(json!({ "org_id": 7, "callerNumber": "+1" })),
            (Some("7".into()), Some("+1".into()))
        );
    }
}
