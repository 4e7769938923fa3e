//! The credential that a request carries. The gateway passes it on and believes nothing of it.

use http::{HeaderMap, header::AUTHORIZATION};

/// Where Vapi puts a plain shared secret.
const VAPI_SECRET: &str = "x-vapi-secret";

/// The credential of `Authorization`, else of `X-Vapi-Secret`. `None`: there is none, or the two contradict each other,
/// which is as good as none.
pub(crate) fn of(headers: &HeaderMap) -> Option<String> {
    let authorization = text(headers, AUTHORIZATION.as_str()).map(bare);
    let secret = text(headers, VAPI_SECRET).map(bare);
    match (authorization, secret) {
        (Some(one), Some(other)) if one != other => None,
        (Some(credential), _) | (None, Some(credential)) => {
            Some(credential.to_owned()).filter(|c| !c.is_empty())
        }
        (None, None) => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// Vapi can be told to leave the scheme out, and to send it in the other header too.
fn bare(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if value.eq_ignore_ascii_case("bearer") => "",
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::of;

    fn credential(headers: &[(&'static str, &'static str)]) -> Option<String> {
        of(&headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>())
    }

    #[test]
    fn either_header_will_do() {
        assert_eq!(credential(&[("authorization", "Bearer abc")]).as_deref(), Some("abc"));
        assert_eq!(credential(&[("authorization", "bearer  abc ")]).as_deref(), Some("abc"));
        assert_eq!(credential(&[("authorization", "abc")]).as_deref(), Some("abc"));
        assert_eq!(credential(&[("x-vapi-secret", "abc")]).as_deref(), Some("abc"));
        assert_eq!(
            credential(&[("authorization", "Bearer abc"), ("x-vapi-secret", "abc")]).as_deref(),
            Some("abc")
        );
    }

    #[test]
    fn headers_that_contradict_each_other_are_no_credential() {
        assert_eq!(credential(&[("authorization", "Bearer abc"), ("x-vapi-secret", "xyz")]), None);
        assert_eq!(credential(&[]), None);
        assert_eq!(credential(&[("authorization", "Bearer ")]), None);
    }
}
