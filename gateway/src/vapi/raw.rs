//! JSON that is looked at only as far as it is needed.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

/// The members of an object, not looked into: late in a long call a message holds the whole conversation twice.
pub(crate) type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The members, if it is an object.
pub(crate) fn object(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// A member that is an object; else an empty one.
pub(crate) fn member<'a>(of: &Object<'a>, name: &str) -> Object<'a> {
    of.get(name).and_then(|raw| object(raw)).unwrap_or_default()
}

/// A member that is text, and not empty.
pub(crate) fn string(of: &Object<'_>, name: &str) -> Option<String> {
    let text: Option<String> = of.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok());
    text.filter(|text| !text.is_empty())
}

/// A member that is there; null is not.
pub(crate) fn present<'a>(of: &Object<'a>, name: &str) -> Option<&'a RawValue> {
    of.get(name).copied().filter(|raw| raw.get() != "null")
}
