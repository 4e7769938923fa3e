//! `audit_seal`: the numbers and the chain of the audit.

use sqlx::{FromRow as _, Row as _};

use super::{TenantTx, audit_events::columns, breaks};
use crate::{
    domain::{
        audit_event::{AuditEvent, Link},
        ids::AuditId,
    },
    error::{Error, Result},
};

/// A sealed row: its number, the link that was kept, and the row, if it is still there.
#[derive(Clone, Debug)]
pub struct SealedRow {
    /// From 1, without gaps.
    pub seq: i64,
    /// Which row it was.
    pub id: AuditId,
    /// As it was computed then.
    pub link: Option<Link>,
    /// As it is now.
    pub event: Option<AuditEvent>,
}

/// The last row that is sealed. Of two who seal at once, the numbers' key lets one through.
pub async fn last(tx: &mut TenantTx) -> Result<Option<(i64, Link)>> {
    let row = sqlx::query("select seq, digest from audit_seal where org_id = $1 order by seq desc limit 1")
        .bind(tx.org)
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((row.try_get("seq")?, Link(row.try_get::<[u8; 32], _>("digest")?))))
}

/// Rows that are not sealed yet, by time.
pub async fn unsealed(tx: &mut TenantTx, limit: i64) -> Result<Vec<AuditEvent>> {
    Ok(sqlx::query_as(concat!(
        "select ",
        columns!(),
        "
        from audit a
        where a.org_id = $1
            and not exists (select from audit_seal s where s.org_id = $1 and s.audit_id = a.audit_id)
        order by a.at, a.audit_id
        limit $2
        "
    ))
    .bind(tx.org)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// How many rows are not sealed yet.
pub async fn count_unsealed(tx: &mut TenantTx) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "
        select count(*)
        from audit a
        where a.org_id = $1 and not exists (select from audit_seal s where s.org_id = $1 and s.audit_id = a.audit_id)
        ",
    )
    .bind(tx.org)
    .fetch_one(tx.conn())
    .await?)
}

/// Keeps numbers and links. Of two who seal at once, one is told that others were in the way.
pub async fn insert(tx: &mut TenantTx, rows: &[(i64, AuditId, Link)]) -> Result<()> {
    let seqs: Vec<i64> = rows.iter().map(|(seq, ..)| *seq).collect();
    let ids: Vec<AuditId> = rows.iter().map(|(_, id, _)| *id).collect();
    let links: Vec<Vec<u8>> = rows.iter().map(|(.., link)| link.0.to_vec()).collect();
    sqlx::query(
        "
        insert into audit_seal (org_id, seq, audit_id, digest)
        select $1, seq, audit_id, digest
        from unnest($2::bigint[], $3::uuid[], $4::bytea[]) as row (seq, audit_id, digest)
        ",
    )
    .bind(tx.org)
    .bind(seqs)
    .bind(ids)
    .bind(links)
    .execute(tx.conn())
    .await
    .map_err(
        |error| if breaks(&error, "audit_seal_pkey") { Error::Busy(error.into()) } else { error.into() },
    )?;
    Ok(())
}

/// The sealed rows after a number, as they are now.
pub async fn list(tx: &mut TenantTx, after: i64, limit: i64) -> Result<Vec<SealedRow>> {
    let rows = sqlx::query(concat!(
        "select s.seq, s.audit_id as sealed_id, s.digest, ",
        columns!(),
        "
        from audit_seal s
        left join audit a on a.org_id = $1 and a.audit_id = s.audit_id
        where s.org_id = $1 and s.seq > $2
        order by s.seq
        limit $3
        "
    ))
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|row| {
            let is_there = row.try_get::<Option<AuditId>, _>("audit_id")?.is_some();
            Ok(SealedRow {
                seq: row.try_get("seq")?,
                id: row.try_get("sealed_id")?,
                link: row.try_get::<&[u8], _>("digest")?.try_into().ok().map(Link),
                // What cannot be read any more was not written by us.
                event: is_there.then(|| AuditEvent::from_row(row).ok()).flatten(),
            })
        })
        .collect()
}
