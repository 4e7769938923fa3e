//! How a sender of webhooks signs: the options of Vapi's HMAC authentication plan (docs.vapi.ai, custom credentials), read over the raw
//! bytes of a request.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How far the sender's clock may be from ours, either way.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How long a signature without a time is remembered.
const TIMELESS_MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// The unit of the timestamp is not documented, and both are seen: what is larger would be the year 5138 in seconds.
const LARGEST_SECONDS: i64 = 100_000_000_000;

const LONGEST_WORD: usize = 100;

/// A sender that rotates its own secrets sends two.
const MOST_SIGNATURES: usize = 6;

/// Where credentials travel: a request that has one of these is not looked at for its signature.
const CREDENTIAL_HEADERS: [&str; 2] = ["authorization", "x-vapi-secret"];

/// The hash of the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Algorithm {
    Sha256,
    Sha512,
    Sha1,
}

/// How the signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Encoding {
    Hex,
    Base64,
}

/// How a sender signs. Only a plan that [`check`](Self::check)s is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignaturePlan {
    /// The hash.
    pub algorithm: Algorithm,
    /// The header with the signature.
    pub signature_header: String,
    /// The header with the time.
    pub timestamp_header: String,
    /// What stands before the signature.
    pub signature_prefix: String,
    /// Whether there is a time.
    pub include_timestamp: bool,
    /// What is signed, with placeholders.
    pub payload_format: String,
    /// The header with the message's id.
    pub message_id_header: Option<String>,
    /// How the signature is written.
    pub signature_encoding: Encoding,
    /// Whether the secret is the base64 of the key.
    pub secret_is_base64: bool,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// `POST`.
    pub method: String,
    /// The address, as the sender wrote it.
    pub url: String,
    /// All headers.
    pub headers: Vec<(String, String)>,
    /// Before anything was read out of it.
    pub body: Vec<u8>,
}

/// A signature that is good, if it is here for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Knows it again.
    pub digest: [u8; 32],
    /// From then on its time would be too old.
    pub forget_at: Timestamp,
}

impl SignedRequest {
    /// A header's value; one that comes twice says nothing.
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = values.next()?;
        values.next().is_none().then_some(first.1.as_str())
    }

    /// What senders are known to mean by the address: which one it is, the signature itself tells.
    fn addresses(&self) -> [&str; 4] {
        let bare = |address: &str| address.split('?').next().unwrap_or_default().len();
        let path = self.url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        let path = path.unwrap_or(&self.url);
        [&self.url, &self.url[..bare(&self.url)], path, &path[..bare(path)]]
    }
}

impl SignaturePlan {
    /// What is wrong with the plan, as the end of a sentence that begins with the field.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let is_header = |name: &str| {
            (1..=LONGEST_WORD).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let headers = [
            ("plan.signature_header", Some(&self.signature_header)),
            ("plan.timestamp_header", Some(&self.timestamp_header)),
            ("plan.message_id_header", self.message_id_header.as_ref()),
        ];
        for (field, name) in headers {
            if name.is_some_and(|name| !is_header(name)) {
                wrong.push((field, "is not the name of a header".to_owned()));
            }
            if name
                .is_some_and(|name| CREDENTIAL_HEADERS.iter().any(|taken| taken.eq_ignore_ascii_case(name)))
            {
                wrong.push((field, "is where credentials travel".to_owned()));
            }
        }
        if self.include_timestamp && self.timestamp_header.eq_ignore_ascii_case(&self.signature_header) {
            wrong.push(("plan.timestamp_header", "is the signature's".to_owned()));
        }
        for (field, text) in
            [("plan.signature_prefix", &self.signature_prefix), ("plan.payload_format", &self.payload_format)]
        {
            if text.chars().any(char::is_control) {
                wrong.push((field, "has control characters in it".to_owned()));
            }
        }
        if self.signature_prefix.len() > LONGEST_WORD {
            wrong.push(("plan.signature_prefix", format!("is longer than {LONGEST_WORD} characters")));
        }
        let needed = [
            ("{body}", true),
            ("{timestamp}", self.include_timestamp),
            ("{svix-id}", self.message_id_header.is_some()),
        ];
        if self.payload_format.len() > LONGEST_WORD {
            wrong.push(("plan.payload_format", format!("is longer than {LONGEST_WORD} characters")));
        }
        // What is not signed can be changed by whoever passes it on: a time that is looked at must be.
        for (placeholder, is_needed) in needed {
            if self.payload_format.contains(placeholder) != is_needed
                && (is_needed || placeholder != "{body}")
            {
                let verb = if is_needed { "must have" } else { "must not have" };
                wrong.push(("plan.payload_format", format!("{verb} {placeholder} in it")));
            }
        }
        wrong
    }

    /// The key in a secret, as the plan has it. `None`: it is not base64.
    pub fn key(&self, secret: &str) -> Option<Vec<u8>> {
        if self.secret_is_base64 {
            BASE64_STANDARD.decode(secret).ok()
        } else {
            Some(secret.as_bytes().to_vec())
        }
    }

    /// Whether one of these secrets signed the request, not too long ago. The error is for our own eyes only.
    pub fn verify(
        &self,
        secrets: &[String],
        request: &SignedRequest,
        now: Timestamp,
    ) -> Result<Delivery, &'static str> {
        let given = request.header(&self.signature_header).ok_or("no signature")?;
        let (timestamp, forget_at) = if self.include_timestamp {
            let timestamp = request.header(&self.timestamp_header).ok_or("no timestamp")?;
            (timestamp, in_time(timestamp, now)?)
        } else {
            ("", now + TIMELESS_MEMORY)
        };
        let id = match &self.message_id_header {
            Some(header) => request.header(header).ok_or("no message id")?,
            None => "",
        };
        let signatures = self.signatures(given);
        let addresses = request.addresses();
        let addresses = if self.payload_format.contains("{url}") { &addresses[..] } else { &addresses[..1] };
        for secret in secrets {
            let Some(key) = self.key(secret) else { continue };
            let key = hmac::Key::new(self.algorithm(), &key);
            for address in addresses {
                // Once for all signatures: a body can be large, and a header can hold many.
                let tag = hmac::sign(&key, &self.payload(request, timestamp, id, address));
                if let Some(good) =
                    signatures.iter().find(|one| verify_slices_are_equal(one, tag.as_ref()).is_ok())
                {
                    return Ok(Delivery { digest: Sha256::digest(good).into(), forget_at });
                }
            }
        }
        Err("bad signature")
    }

    /// The signatures in a header, as far as they can be any: the header's whole value, or some with white space between.
    fn signatures(&self, given: &str) -> Vec<Vec<u8>> {
        let length = self.algorithm().digest_algorithm().output_len();
        let several = [given].into_iter().chain(given.split_whitespace());
        several
            .take(MOST_SIGNATURES)
            .filter_map(|one| self.decode(one))
            .filter(|one| one.len() == length)
            .collect()
    }

    fn algorithm(&self) -> hmac::Algorithm {
        match self.algorithm {
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        }
    }

    fn decode(&self, signature: &str) -> Option<Vec<u8>> {
        let bare = signature.strip_prefix(&self.signature_prefix)?.as_bytes();
        match self.signature_encoding {
            Encoding::Hex => HEXLOWER_PERMISSIVE.decode(bare).ok(),
            Encoding::Base64 => BASE64_STANDARD.decode(bare).ok(),
        }
    }

    /// The format with everything in its place. What is put in is not looked at for placeholders again.
    fn payload(&self, request: &SignedRequest, timestamp: &str, id: &str, address: &str) -> Vec<u8> {
        let mut payload = Vec::with_capacity(request.body.len() + LONGEST_WORD);
        let mut rest = self.payload_format.as_str();
        while let Some(at) = rest.find('{') {
            payload.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            let values: [(&str, &[u8]); 5] = [
                ("{body}", &request.body),
                ("{timestamp}", timestamp.as_bytes()),
                ("{method}", request.method.as_bytes()),
                ("{url}", address.as_bytes()),
                ("{svix-id}", id.as_bytes()),
            ];
            let (name, value) =
                values.into_iter().find(|(name, _)| rest.starts_with(name)).unwrap_or(("{", b"{"));
            payload.extend_from_slice(value);
            rest = &rest[name.len()..];
        }
        payload.extend_from_slice(rest.as_bytes());
        payload
    }
}

/// Until when a timestamp could be believed; seconds or milliseconds.
fn in_time(timestamp: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    let number: i64 = timestamp.parse().map_err(|_| "no timestamp")?;
    let at = if number > LARGEST_SECONDS {
        Timestamp::from_millisecond(number)
    } else {
        Timestamp::from_second(number)
    };
    let at = at.map_err(|_| "no timestamp")?;
    if now.duration_since(at).abs() > TOLERANCE {
        return Err("too old or too new");
    }
    // The tolerance once more: nothing is forgotten while it could be believed.
    Ok(at.checked_add(TOLERANCE * 2).unwrap_or(Timestamp::MAX))
}

impl Default for SignaturePlan {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            signature_header: "x-signature".to_owned(),
            timestamp_header: "x-timestamp".to_owned(),
            signature_prefix: String::new(),
            include_timestamp: true,
            payload_format: "{timestamp}.{body}".to_owned(),
            message_id_header: None,
            signature_encoding: Encoding::Hex,
            secret_is_base64: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of some length";

    fn now() -> Timestamp {
        Timestamp::from_second(1_789_497_000).unwrap()
    }

    fn signed(plan: &SignaturePlan, payload: &str, timestamp: &str) -> SignedRequest {
        let tag = hmac::sign(&hmac::Key::new(plan.algorithm(), SECRET.as_bytes()), payload.as_bytes());
        let signature = match plan.signature_encoding {
            Encoding::Hex => HEXLOWER_PERMISSIVE.encode(tag.as_ref()),
            Encoding::Base64 => BASE64_STANDARD.encode(tag.as_ref()),
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        SignedRequest {
            method: "POST".to_owned(),
            url: "https://gw.example.test/api/vapi/webhook?credential=fdw_x".to_owned(),
            headers: vec![
                header("X-Signature", &format!("{}{signature}", plan.signature_prefix)),
                header("X-Timestamp", timestamp),
                header("svix-id", "msg_1"),
            ],
            body: b"{}".to_vec(),
        }
    }

    fn check(plan: &SignaturePlan, request: &SignedRequest) -> Result<Delivery, &'static str> {
        plan.verify(&["another secret".to_owned(), SECRET.to_owned()], request, now())
    }

    #[test]
    fn every_placeholder_is_signed_in_its_place() {
        let plan = SignaturePlan {
            payload_format: "{method} {url} {svix-id}.{timestamp}.{body} {other}{".to_owned(),
            message_id_header: Some("svix-id".to_owned()),
            ..SignaturePlan::default()
        };
        assert_eq!(plan.check(), []);
        for url in [
            "https://gw.example.test/api/vapi/webhook",
            "/api/vapi/webhook?credential=fdw_x",
            "/api/vapi/webhook",
        ] {
            let payload = format!("POST {url} msg_1.1789497000.{{}} {{other}}{{");
            assert!(check(&plan, &signed(&plan, &payload, "1789497000")).is_ok(), "{url}");
        }
        let foreign = "POST /another msg_1.1789497000.{} {other}{";
        assert_eq!(check(&plan, &signed(&plan, foreign, "1789497000")), Err("bad signature"));
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        let plan = SignaturePlan::default();
        for (offset, good) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
            for unit in [1, 1000] {
                let timestamp = ((now().as_second() + offset) * unit).to_string();
                let request = signed(&plan, &format!("{timestamp}.{{}}"), &timestamp);
                assert_eq!(check(&plan, &request).is_ok(), good, "{offset} {unit}");
            }
        }
        for nonsense in ["", "now", "-1", "1e9", "99999999999999999999"] {
            assert!(
                check(&plan, &signed(&plan, &format!("{nonsense}.{{}}"), nonsense)).is_err(),
                "{nonsense}"
            );
        }
    }

    #[test]
    fn what_is_not_as_it_was_signed_is_refused() {
        let plan = SignaturePlan { signature_prefix: "v1,".to_owned(), ..SignaturePlan::default() };
        let good = signed(&plan, "1789497000.{}", "1789497000");
        assert!(check(&plan, &good).is_ok());
        let several = SignedRequest {
            headers: vec![
                ("x-signature".into(), format!("v1,00 {}", good.headers[0].1)),
                good.headers[1].clone(),
            ],
            ..good.clone()
        };
        assert!(check(&plan, &several).is_ok());
        let body = SignedRequest { body: b"{ }".to_vec(), ..good.clone() };
        let mut twice = good.clone();
        twice.headers.push(good.headers[0].clone());
        let mut bare = good.clone();
        bare.headers[0].1 = bare.headers[0].1.replace("v1,", "");
        let unsigned = SignedRequest { headers: good.headers[1..].to_vec(), ..good.clone() };
        for request in [body, twice, bare, unsigned] {
            assert!(check(&plan, &request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn a_plan_that_would_not_protect_is_none() {
        let plan = |change: fn(&mut SignaturePlan)| {
            let mut plan = SignaturePlan::default();
            change(&mut plan);
            plan.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert_eq!(plan(|_| {}), Vec::<&str>::new());
        assert_eq!(plan(|plan| plan.payload_format = "{body}".into()), ["plan.payload_format"]);
        assert_eq!(plan(|plan| plan.payload_format = "{timestamp}".into()), ["plan.payload_format"]);
        assert_eq!(plan(|plan| plan.include_timestamp = false), ["plan.payload_format"]);
        assert_eq!(plan(|plan| plan.signature_header = "x signature".into()), ["plan.signature_header"]);
        assert_eq!(
            plan(|plan| plan.message_id_header = Some(String::new())),
            ["plan.message_id_header", "plan.payload_format"]
        );
    }
}
