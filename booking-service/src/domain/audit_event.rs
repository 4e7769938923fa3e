//! What is on record, and the chain of digests that shows whether it is still as it was.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::ids::{AuditId, OrgId};

/// A row of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The credential's subject.
    pub actor: String,
    /// What the subject might do.
    pub actor_role: String,
    /// The RPC.
    pub action: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The kind of thing that it was about.
    pub resource: Option<String>,
    /// The thing, as the request named it.
    pub resource_id: Option<String>,
    /// The organisation that the request named, where it is another one.
    pub named_org_id: Option<String>,
    /// Ties it to log lines.
    pub request_id: Option<String>,
    /// The telephone call.
    pub call_id: Option<String>,
    /// Why a rule was set aside.
    pub note: Option<String>,
}

/// A digest over a row, its number, and all rows before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// Where an organisation's chain begins.
    pub fn first(org: OrgId) -> Self {
        Self(
            Sha256::new()
                .chain_update(b"frontdesk audit 1")
                .chain_update(Uuid::from(org).as_bytes())
                .finalize()
                .into(),
        )
    }

    /// The link of the next row, which has the number `seq`.
    #[must_use]
    pub fn next(self, seq: i64, event: &AuditEvent) -> Self {
        let AuditEvent {
            id,
            at,
            actor,
            actor_role,
            action,
            outcome,
            reason,
            resource,
            resource_id,
            named_org_id,
            request_id,
            call_id,
            note,
        } = event;
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        hash.update(Uuid::from(*id).as_bytes());
        hash.update(at.as_microsecond().to_be_bytes());
        for text in [actor, actor_role, action, outcome] {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
        // What is missing is something else than what is empty.
        for text in [reason, resource, resource_id, named_org_id, request_id, call_id] {
            hash.update([u8::from(text.is_some())]);
            let text = text.as_deref().unwrap_or_default();
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
        // Rows that were sealed before there were notes keep their links.
        if let Some(note) = note {
            hash.update([2]);
            hash.update(note.len().to_be_bytes());
            hash.update(note);
        }
        Self(hash.finalize().into())
    }
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// What is kept outside of the database: up to this number, the chain had this digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The day, in UTC, of the last row that it covers.
    pub day: jiff::civil::Date,
    /// Whose.
    pub org: OrgId,
    /// The last row's number.
    pub seq: i64,
    /// The last row's link.
    pub link: Link,
}

impl std::fmt::Display for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { day, org, seq, link } = self;
        write!(f, "{day} {org} {seq} {link}")
    }
}

impl std::str::FromStr for Seal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let [day, org, seq, digest] = text.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
            let digest = data_encoding::HEXLOWER.decode(digest.as_bytes()).ok()?.try_into().ok()?;
            Some(Self {
                day: day.parse().ok()?,
                org: org.parse().ok()?,
                seq: seq.parse().ok()?,
                link: Link(digest),
            })
        };
        read().ok_or_else(|| format!("not a seal: {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_read_as_it_was_printed() {
        let seal =
            Seal { day: "2026-11-24".parse().unwrap(), org: OrgId::generate(), seq: 7, link: Link([9; 32]) };
        assert_eq!(seal.to_string().parse(), Ok(seal));
        for wrong in ["", "2026-11-24", "2026-11-24 x 7 00", "x"] {
            assert!(wrong.parse::<Seal>().is_err(), "{wrong}");
        }
    }
}
