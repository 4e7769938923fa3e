//! What it means when Google does not answer well, and what is to be done about it.
//!
//! The word in the body says more than the status: the same 403 is "come again" and "never", the same 410 "it is gone" and "begin anew"
//! (<https://developers.google.com/workspace/calendar/api/guides/errors>).

use std::time::Duration;

use serde::Deserialize;

/// Longer is no word of Google's.
const LONGEST_REASON: usize = 60;

/// Longer is not waited on anybody's word.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// An answer that is not good, or none. It holds nothing of a body but Google's own word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({status})")]
pub struct Failure {
    /// What to do.
    pub class: Class,
    /// The HTTP status; 0: nothing was heard.
    pub status: u16,
    /// Google's word for it, or ours.
    pub reason: String,
    /// How long Google wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Whether it was done is not known: the same again, later.
    Unknown,
    /// Too much at once: later, and slower.
    Throttled,
    /// Too much in all: in hours, and somebody should know.
    Quota,
    /// The access token is not good: another one, once.
    Unauthorised,
    /// The credential is dead: a person has to connect the calendar again.
    Reauthorise,
    /// Our own application is not known at Google: the operator has to look.
    Misconfigured,
    /// There is no such thing, or not yet.
    Missing,
    /// It was there and is deleted.
    Gone,
    /// The id is taken, for ever.
    Duplicate,
    /// Somebody changed it since we looked.
    Changed,
    /// It will never be done like this.
    Permanent,
}

impl Failure {
    /// Classifies what Google's API or its token endpoint answered.
    pub fn of(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let reason = reason(body);
        let class = class(status, reason.as_deref());
        Self {
            class,
            status,
            reason: reason.unwrap_or_else(|| "no_reason".to_owned()),
            retry_after: retry_after.map(|pause| pause.min(LONGEST_PAUSE)),
        }
    }

    /// Nothing was heard: no connection, or not in time.
    pub(super) fn unheard(error: &reqwest::Error) -> Self {
        let reason = if error.is_timeout() { "timeout" } else { "connection" };
        Self { class: Class::Unknown, status: 0, reason: reason.to_owned(), retry_after: None }
    }

    /// An answer that ought to be good, and cannot be read.
    pub(super) fn unreadable() -> Self {
        Self { class: Class::Unknown, status: 200, reason: "unreadable".to_owned(), retry_after: None }
    }

    /// Our own doing.
    pub(super) fn ours(reason: &str) -> Self {
        Self { class: Class::Permanent, status: 0, reason: reason.to_owned(), retry_after: None }
    }
}

fn class(status: u16, reason: Option<&str>) -> Class {
    match (status, reason) {
        // The token endpoint.
        (_, Some("invalid_grant" | "unauthorized_client" | "admin_policy_enforced" | "access_denied")) => {
            Class::Reauthorise
        }
        (400 | 401 | 403, Some("invalid_client" | "deleted_client" | "disabled_client" | "org_internal")) => {
            Class::Misconfigured
        }
        // Of a batch: not ours, but said.
        // And a refusal without a word is a page of somebody in between.
        (_, Some("internal_failure" | "server_error" | "temporarily_unavailable" | "conflict"))
        | (408 | 425 | 500.., _)
        | (403, None) => Class::Unknown,
        // The calendar API.
        (403 | 429, Some("rateLimitExceeded" | "userRateLimitExceeded")) | (429, _) => Class::Throttled,
        (403, Some("quotaExceeded" | "dailyLimitExceeded" | "calendarLimitExceeded")) => Class::Quota,
        (
            403,
            Some("insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "requiredAccessLevel"),
        ) => Class::Reauthorise,
        (403, Some("accessNotConfigured" | "SERVICE_DISABLED")) => Class::Misconfigured,
        (401, _) => Class::Unauthorised,
        (404, _) => Class::Missing,
        (409, _) => Class::Duplicate,
        (410, _) => Class::Gone,
        (412, _) => Class::Changed,
        _ => Class::Permanent,
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    /// `{"error": "invalid_grant", …}`: OAuth (RFC 6749, 5.2).
    Word { error: String },
    /// `{"error": {"errors": [{"reason": …}], …}}`: the API.
    Api { error: ApiError },
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    errors: Vec<ApiReason>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct ApiReason {
    reason: Option<String>,
}

/// Google's word, if the body has one. Proxies answer with pages.
fn reason(body: &[u8]) -> Option<String> {
    let told = match serde_json::from_slice(body).ok()? {
        Told::Word { error } => Some(error),
        Told::Api { error: ApiError { errors, status } } => {
            errors.into_iter().find_map(|error| error.reason).or(status)
        }
    };
    let is_word = |word: &String| {
        (1..=LONGEST_REASON).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    told.filter(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(reason: &str) -> String {
        format!(
            r#"{{"error":{{"errors":[{{"domain":"x","reason":"{reason}","message":"Dana"}}],"code":1}}}}"#
        )
    }

    #[test]
    fn what_google_answers_is_told_apart_by_its_word_before_its_status() {
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"expired"}"#.to_owned(),
                Class::Reauthorise,
            ),
            (401, r#"{"error":"unauthorized_client"}"#.to_owned(), Class::Reauthorise),
            (401, r#"{"error":"invalid_client"}"#.to_owned(), Class::Misconfigured),
            (400, r#"{"error":"temporarily_unavailable"}"#.to_owned(), Class::Unknown),
            (400, r#"{"error":"invalid_request"}"#.to_owned(), Class::Permanent),
            (400, api("invalid"), Class::Permanent),
            (401, api("authError"), Class::Unauthorised),
            (403, api("userRateLimitExceeded"), Class::Throttled),
            (403, api("rateLimitExceeded"), Class::Throttled),
            (429, api("rateLimitExceeded"), Class::Throttled),
            (429, "<html>".to_owned(), Class::Throttled),
            (403, api("quotaExceeded"), Class::Quota),
            (403, api("insufficientPermissions"), Class::Reauthorise),
            (403, api("forbiddenForNonOrganizer"), Class::Permanent),
            (403, "<html>".to_owned(), Class::Unknown),
            (403, api("requiredAccessLevel"), Class::Reauthorise),
            (403, api("accessNotConfigured"), Class::Misconfigured),
            (404, api("notFound"), Class::Missing),
            (409, api("duplicate"), Class::Duplicate),
            (409, api("conflict"), Class::Unknown),
            (410, api("deleted"), Class::Gone),
            (412, api("conditionNotMet"), Class::Changed),
            (418, String::new(), Class::Permanent),
            (500, api("backendError"), Class::Unknown),
            (502, "<html>Bad Gateway</html>".to_owned(), Class::Unknown),
            (503, String::new(), Class::Unknown),
        ] {
            let failure = Failure::of(status, body.as_bytes(), None);
            assert_eq!(failure.class, expected, "{status} {body}");
            assert!(!format!("{failure} {failure:?}").contains("Dana"), "{failure:?}");
        }
    }

    #[test]
    fn nobody_makes_us_wait_for_days_and_no_page_becomes_a_reason() {
        let failure = Failure::of(429, b"", Some(Duration::from_hours(100)));
        assert_eq!(failure.retry_after, Some(LONGEST_PAUSE));
        let told = Failure::of(400, br#"{"error":"a sentence with Dana in it"}"#, None);
        assert_eq!(told.reason, "no_reason");
    }
}
