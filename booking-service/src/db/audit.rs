//! `audit`: who did what, and who tried to.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;

use super::TenantTx;
use crate::{access::Rpc, caller::Caller, domain::ids::AuditId, error::Result};

/// A row of the audit, but for who and when.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What was asked for.
    pub rpc: Rpc,
    /// Why it was refused; `None`: it was done.
    pub refused: Option<&'a str>,
    /// The kind of thing it was about.
    pub resource: Option<&'a str>,
    /// The thing, as the request named it.
    pub resource_id: Option<String>,
    /// The organisation that the request named, where it is another one.
    pub named_org_id: Option<String>,
    /// Why a rule was set aside.
    pub note: Option<String>,
}

impl<'a> Entry<'a> {
    /// Something was done to a thing, or a thing was shown.
    pub fn done(rpc: Rpc, resource: &'a str, id: impl std::fmt::Display) -> Self {
        Self {
            rpc,
            refused: None,
            resource: Some(resource),
            resource_id: Some(id.to_string()),
            named_org_id: None,
            note: None,
        }
    }

    /// Things of a kind were shown.
    pub fn listed(rpc: Rpc, resource: &'a str) -> Self {
        Self {
            rpc,
            refused: None,
            resource: Some(resource),
            resource_id: None,
            named_org_id: None,
            note: None,
        }
    }

    /// The same, with why a rule was set aside.
    #[must_use]
    pub fn noting(self, note: Option<&str>) -> Self {
        Self { note: note.map(str::to_owned), ..self }
    }

    /// An attempt at a thing was refused.
    pub fn refused(rpc: Rpc, reason: &'a str, resource: &'a str, id: impl std::fmt::Display) -> Self {
        Self { refused: Some(reason), ..Self::done(rpc, resource, id) }
    }
}

/// Writes the row; it counts when the transaction does.
pub async fn insert(tx: &mut TenantTx, caller: &Caller, at: Timestamp, entry: Entry<'_>) -> Result<()> {
    let Entry { rpc, refused, resource, resource_id, named_org_id, note } = entry;
    sqlx::query(
        "
        insert into audit (
            org_id, audit_id, at, actor, actor_role, action, outcome, reason, resource, resource_id, request_id, call_id,
            named_org_id, note
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, left($10, 200), $11, $12, left($13, 200), $14)
        ",
    )
    .bind(tx.org)
    .bind(AuditId::generate())
    .bind(at.to_sqlx())
    .bind(&*caller.subject)
    .bind(caller.role.as_str())
    .bind(rpc.name)
    .bind(if refused.is_some() { "refused" } else { "done" })
    .bind(refused)
    .bind(resource)
    .bind(resource_id)
    .bind(caller.request.id.as_deref())
    .bind(caller.call_id())
    .bind(named_org_id)
    .bind(note)
    .execute(tx.conn())
    .await?;
    Ok(())
}
