//! The credential that a request carries. The gateway passes it on and believes nothing of it.

use http::{HeaderMap, header::AUTHORIZATION};

/// Where Vapi puts a plain shared secret.
const VAPI_SECRET: &str = "x-vapi-secret";

/// The credential of `Authorization`, else of `X-Vapi-Secret`. `None`: there is none, or what is there contradicts itself, which is
/// as good as none.
pub(crate) fn of(headers: &HeaderMap) -> Option<String> {
    let given = headers.get_all(AUTHORIZATION).iter().chain(headers.get_all(VAPI_SECRET));
    // What cannot be read is nothing that another header could agree with.
    let mut credentials = given.map(|value| value.to_str().map_or("", |text| bare(text.trim())));
    let first = credentials.next().filter(|credential| !credential.is_empty())?;
    credentials.all(|other| other == first).then(|| first.to_owned())
}

/// Whether there is a header for a credential at all, whatever it says.
pub(crate) fn is_given(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION) || headers.contains_key(VAPI_SECRET)
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
        assert_eq!(credential(&[("authorization", "Bearer abc"), ("authorization", "Bearer xyz")]), None);
        assert_eq!(credential(&[("x-vapi-secret", "abc"), ("x-vapi-secret", "xyz")]), None);
        assert_eq!(credential(&[]), None);
        assert_eq!(credential(&[("authorization", "Bearer ")]), None);
    }
}
