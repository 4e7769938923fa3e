//! A telephone call, as its platform tells of it.

use jiff::Timestamp;

use super::text;

/// The longest that a platform names a call or a reason.
const LONGEST: usize = 200;

/// How a call is named by its platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallId(String);

impl CallId {
    /// 1 to 200 characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        text::optional(text, LONGEST)?.map(Self).ok_or_else(|| "is required".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedCall {
    /// Which.
    pub id: CallId,
    /// When it began, if that is known.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why, in the platform's word.
    pub reason: Option<String>,
}
