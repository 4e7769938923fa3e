//! What goes with a request to the booking service.

use std::{borrow::Cow, net::IpAddr, time::Instant};

use proto::trace::{TRACEPARENT, TraceParent};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};

use crate::hex::hex;

/// What is longer is no token and no id of anybody's. The connection is shared: headers that the other end cannot take would end it
/// for everybody.
const LONGEST_CREDENTIAL: usize = 8 << 10;
const LONGEST_ID: usize = 200;

/// What goes with a request to the booking service.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Passed on untouched; `None` is refused there, where refusals are audited.
    pub(crate) credential: Option<String>,
    /// Ties together what is logged.
    pub(crate) request_id: String,
    /// The trace that it belongs to.
    pub(crate) trace: TraceParent,
    /// Makes the request repeatable.
    pub(crate) idempotency_key: Option<String>,
    /// The telephone call, as the platform's envelope says.
    pub(crate) call_id: Option<String>,
    /// The tool call.
    pub(crate) tool_call_id: Option<String>,
    /// The caller's number, as the platform's envelope says.
    pub(crate) caller_number: Option<String>,
    /// Where the request comes from, for limits.
    pub(crate) client_address: Option<IpAddr>,
    /// The organisation that arguments name: to be compared, and never believed.
    pub(crate) named_org: Option<String>,
    /// The caller's number that arguments name: the same.
    pub(crate) named_caller_number: Option<String>,
    /// When the answer must be there.
    pub(crate) deadline: Instant,
}

/// A key made of what knows a request again: its names, and its arguments in the order of theirs. A part's length goes before it, so that
/// no two lists of parts look alike.
pub(crate) fn derived_key(kind: &str, names: &[&str], arguments: &Map<String, Value>) -> String {
    // An object of values can always be written.
    let arguments = serde_json::to_string(arguments).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in names.iter().copied().chain([arguments.as_str()]) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    format!("{kind}-{}", hex(&hash.finalize()))
}

impl Context {
    /// Of a request that has said nothing of itself yet.
    pub(crate) fn new(trace: TraceParent, request_id: String, deadline: Instant) -> Self {
        Self {
            credential: None,
            request_id,
            trace,
            idempotency_key: None,
            call_id: None,
            tool_call_id: None,
            caller_number: None,
            client_address: None,
            named_org: None,
            named_caller_number: None,
            deadline,
        }
    }

    /// The same, repeatable under a key.
    pub(crate) fn keyed(&self, key: String) -> Self {
        Self { idempotency_key: Some(key), ..self.clone() }
    }

    /// Writes it down as gRPC has it.
    pub(crate) fn write(&self, metadata: &mut MetadataMap) {
        let mut set = |name: &'static str, value: Option<&str>| {
            // What a header cannot carry is refused like what is empty: there, with a reason.
            let value = value.map(|v| MetadataValue::try_from(v).unwrap_or(MetadataValue::from_static("")));
            if let Some(value) = value {
                metadata.insert(MetadataKey::from_static(name), value);
            }
        };
        let credential = self.credential.as_ref().filter(|token| token.len() <= LONGEST_CREDENTIAL);
        set("authorization", credential.map(|token| format!("Bearer {token}")).as_deref());
        set("x-request-id", Some(&self.request_id));
        set(TRACEPARENT, Some(&self.trace.to_string()));
        set(
            "idempotency-key",
            self.idempotency_key.as_deref().map(|key| if key.len() <= 255 { key } else { "" }),
        );
        set("x-call-id", self.call_id.as_deref().map(portable).as_deref());
        set("x-tool-call-id", self.tool_call_id.as_deref().map(portable).as_deref());
        set("x-client-address", self.client_address.map(|address| address.to_string()).as_deref());
        set("x-named-org-id", self.named_org.as_deref().map(portable).as_deref());
        set("x-named-caller-number", self.named_caller_number.as_deref().map(portable).as_deref());
        set("x-caller-number", self.caller_number.as_deref().filter(|number| number.len() <= LONGEST_ID));
    }
}

/// An id as a header can carry it: what is long or not ASCII is told by its hash, which is as good for knowing it again.
pub(crate) fn portable(id: &str) -> Cow<'_, str> {
    if id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(format!("sha256-{}", hex(&Sha256::digest(id))))
}
