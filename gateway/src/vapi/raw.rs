//! JSON that is looked at only as far as it is needed.

use std::{collections::BTreeMap, fmt, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, not looked into: late in a long call a message holds the whole conversation twice. A name that is no text
/// (half of a surrogate pair) costs its own member and no other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Deref for Object<'a> {
    type Target = BTreeMap<String, &'a RawValue>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    if let Ok(name) = serde_json::from_str(name.get()) {
                        members.insert(name, value);
                    }
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

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

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn a_name_that_is_no_text_costs_its_own_member_only() {
        let read: Object<'_> =
            serde_json::from_str(r#"{"\ud83d":1,"a":{"\udc00":2},"\u0062":"\ud83d"}"#).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read["a"].get(), r#"{"\udc00":2}"#);
        assert!(serde_json::from_str::<Object<'_>>(r#"{"a":1"#).is_err());
    }
}
