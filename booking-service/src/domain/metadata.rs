//! What a client keeps with an appointment.

use std::collections::BTreeMap;

/// The limits that the field is used to (Cal.com API v2): keys, characters of a key, characters of a value.
const MOST_KEYS: usize = 50;
const LONGEST_KEY: usize = 40;
const LONGEST_VALUE: usize = 500;

/// At most 50 pairs of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Refuses what is too much: keys have 1 to 40 visible characters, values at most 500.
    pub fn new(pairs: BTreeMap<String, String>) -> Result<Self, String> {
        let is_key = |key: &String| {
            (1..=LONGEST_KEY).contains(&key.chars().count()) && key.chars().all(|c| !c.is_control())
        };
        let is_value = |value: &String| value.chars().count() <= LONGEST_VALUE && !value.contains('\0');
        if pairs.len() > MOST_KEYS {
            Err(format!("must have at most {MOST_KEYS} keys"))
        } else if !pairs.keys().all(is_key) {
            Err(format!("must have keys of 1 to {LONGEST_KEY} characters"))
        } else if !pairs.values().all(is_value) {
            Err(format!("must have values of at most {LONGEST_VALUE} characters"))
        } else {
            Ok(Self(pairs))
        }
    }

    /// As the database keeps it.
    pub(crate) fn json(&self) -> String {
        let pairs = self.0.iter().map(|(key, value)| (key.clone(), value.clone().into()));
        serde_json::Value::Object(pairs.collect()).to_string()
    }

    /// Reads what the database has kept.
    pub(crate) fn stored(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// With these in addition.
    #[must_use]
    pub fn and(mut self, more: &Self) -> Self {
        self.0.extend(more.0.clone());
        self
    }

    /// The pairs.
    pub fn into_pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }
}
