//! `knowledge` and `document_draft`: what the indexer works on. Whose turn it is, is decided by the database's clock.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use pgvector::HalfVector;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Db, TenantTx, row::RowExt as _};
use crate::{
    domain::{
        ids::{AuditId, DocumentId, OrgId, PassageId},
        knowledge::{Format, cutting::Cut},
    },
    error::Result,
};

/// An organisation's documents, which are ours to prepare for a while.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Whose vectors are searched.
    pub model: Option<String>,
    token: Uuid,
    /// When there was something to do, as it was then: whoever puts something since says so anew.
    due: Option<Timestamp>,
}

/// A document that is to be prepared.
#[derive(Clone, Debug)]
pub struct Due {
    /// Which.
    pub id: DocumentId,
    /// SHA-256 of what was put.
    pub hash: Vec<u8>,
    /// What it is called.
    pub title: String,
    /// What it is written in, as a language.
    pub language: String,
    /// And as a format.
    pub format: Format,
    /// Whether it was cut already.
    pub is_cut: bool,
    /// It went wrong so often.
    pub failures: u32,
}

/// A passage of a draft.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its place.
    pub place: i32,
    /// What it is.
    pub cut: Cut,
    /// What it means, if that is known.
    pub vector: Option<HalfVector>,
}

/// The organisations in which something has to be prepared, or embedded anew because another model embeds now: what the router sees.
pub async fn organisations_with_work(db: &Db, model: Option<&str>) -> Result<Vec<OrgId>> {
    Ok(sqlx::query_scalar(
        "
        select org_id from knowledge
        where due_at <= now() or (due_at is null and $1::text is not null and model is distinct from $1)
        order by due_at nulls last
        ",
    )
    .bind(model)
    .fetch_all(db.router())
    .await?)
}

/// Takes the organisation's documents, if nobody has them.
pub async fn take(tx: &mut TenantTx, length: Duration) -> Result<Option<Lease>> {
    let token = Uuid::from(AuditId::generate());
    let row = sqlx::query(
        "
        update knowledge set lease_token = $2, lease_until = now() + make_interval(secs => $3)
        where org_id = $1 and (lease_until is null or lease_until < now())
        returning model, due_at
        ",
    )
    .bind(tx.org)
    .bind(token)
    .bind(length.as_secs_f64())
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| Ok(Lease { model: row.try_get("model")?, token, due: row.optional_time("due_at")? }))
        .transpose()
}

/// Makes sure, until this transaction ends, that the documents are still ours.
pub async fn is_ours(tx: &mut TenantTx, lease: &Lease) -> Result<bool> {
    let row = sqlx::query(
        "select from knowledge where org_id = $1 and lease_token = $2 and lease_until > now() for no key update",
    );
    Ok(row.bind(tx.org).bind(lease.token).fetch_optional(tx.conn()).await?.is_some())
}

/// Gives the documents back; what is to be done next is done then, or never.
pub async fn give_back(tx: &mut TenantTx, lease: &Lease, next: Option<Duration>) -> Result<()> {
    sqlx::query(
        "
        update knowledge
        set lease_token = null, lease_until = null,
            due_at = case when due_at is not distinct from $4 then now() + make_interval(secs => $3) else due_at end
        where org_id = $1 and lease_token = $2
        ",
    )
    .bind(tx.org)
    .bind(lease.token)
    .bind(next.map(|next| next.as_secs_f64()))
    .bind(lease.due.map(jiff_sqlx::ToSqlx::to_sqlx))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The document that waits longest and may be tried now.
pub async fn next(tx: &mut TenantTx, now: Timestamp) -> Result<Option<Due>> {
    let row = sqlx::query(
        "
        select document_id, content_hash, title, language, format, state = 'preparing' as is_cut, failures
        from document
        where org_id = $1 and state in ('pending', 'preparing') and (retry_at is null or retry_at <= $2)
        order by updated_at, document_id
        limit 1
        ",
    )
    .bind(tx.org)
    .bind(now.to_sqlx())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Due {
        id: row.try_get("document_id")?,
        hash: row.try_get("content_hash")?,
        title: row.try_get("title")?,
        language: row.try_get("language")?,
        format: row.parsed("format", Format::parse)?,
        is_cut: row.try_get("is_cut")?,
        failures: u32::try_from(row.try_get::<i32, _>("failures")?).unwrap_or_default(),
    }))
}

/// When a document may be tried again, if none may be now; `None`: there is none.
pub async fn retry_at(tx: &mut TenantTx) -> Result<Option<Timestamp>> {
    let row = sqlx::query("select min(retry_at) as retry_at from document where org_id = $1 and state in ('pending', 'preparing')")
        .bind(tx.org)
        .fetch_one(tx.conn())
        .await?;
    Ok(row.optional_time("retry_at")?)
}

/// What was put.
pub async fn content(tx: &mut TenantTx, due: &Due) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar(
        "select content from document where org_id = $1 and document_id = $2 and content_hash = $3",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .fetch_optional(tx.conn())
    .await?)
}

/// Writes down how a document was cut, in the place of an earlier draft.
pub async fn draft(tx: &mut TenantTx, due: &Due, cuts: &[Cut]) -> Result<()> {
    discard(tx, due.id).await?;
    sqlx::query(
        "
        insert into document_draft (org_id, document_id, place, content_hash, heading, body)
        select $1, $2, place - 1, $3, heading, body from unnest($4::text[], $5::text[]) with ordinality as t (heading, body, place)
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .bind(cuts.iter().map(|cut| cut.heading.as_str()).collect::<Vec<_>>())
    .bind(cuts.iter().map(|cut| cut.body.as_str()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "
        update document set state = 'preparing', trouble = null, draft_passages = $4, prepared_passages = 0
        where org_id = $1 and document_id = $2 and content_hash = $3
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .bind(i32::try_from(cuts.len()).unwrap_or(i32::MAX))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Passages of the draft that have no vector of this model yet.
pub async fn without_vector(tx: &mut TenantTx, due: &Due, model: &str, limit: i64) -> Result<Vec<Draft>> {
    drafts(tx, due, Some(model), limit).await
}

/// All passages of the draft.
pub async fn all(tx: &mut TenantTx, due: &Due) -> Result<Vec<Draft>> {
    drafts(tx, due, None, i64::MAX).await
}

async fn drafts(tx: &mut TenantTx, due: &Due, without: Option<&str>, limit: i64) -> Result<Vec<Draft>> {
    let rows = sqlx::query(
        "
        select place, heading, body, vector from document_draft
        where org_id = $1 and document_id = $2 and content_hash = $3 and ($4::text is null or model is distinct from $4)
        order by place
        limit $5
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .bind(without)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let cut = Cut { heading: row.try_get("heading")?, body: row.try_get("body")? };
            Ok(Draft { place: row.try_get("place")?, cut, vector: row.try_get("vector")? })
        })
        .collect()
}

/// Writes down vectors of the draft.
pub async fn embedded(
    tx: &mut TenantTx,
    due: &Due,
    model: &str,
    vectors: &[(i32, HalfVector)],
) -> Result<()> {
    for (place, vector) in vectors {
        sqlx::query(
            "
            update document_draft set model = $5, vector = $6
            where org_id = $1 and document_id = $2 and content_hash = $3 and place = $4
            ",
        )
        .bind(tx.org)
        .bind(due.id)
        .bind(&due.hash)
        .bind(place)
        .bind(model)
        .bind(vector)
        .execute(tx.conn())
        .await?;
    }
    sqlx::query(
        "
        update document
        set trouble = null, failures = 0, retry_at = null,
            prepared_passages = (select count(*) from document_draft where org_id = $1 and document_id = $2 and model = $4)
        where org_id = $1 and document_id = $2 and content_hash = $3
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .bind(model)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the document is still what was prepared; if so, nobody changes it until the transaction ends.
pub async fn lock(tx: &mut TenantTx, due: &Due) -> Result<bool> {
    let row = sqlx::query(
        "select from document where org_id = $1 and document_id = $2 and content_hash = $3 for no key update",
    );
    Ok(row.bind(tx.org).bind(due.id).bind(&due.hash).fetch_optional(tx.conn()).await?.is_some())
}

/// All of the document is found from now on.
pub async fn ready(tx: &mut TenantTx, due: &Due, passages: i32, words: i32, now: Timestamp) -> Result<()> {
    discard(tx, due.id).await?;
    sqlx::query(
        "
        update document
        set state = 'ready', trouble = null, failures = 0, retry_at = null, prepared_passages = draft_passages, passages = $3, words = $4,
            indexed_at = $5
        where org_id = $1 and document_id = $2
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(passages)
    .bind(words)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The document cannot be read, ever.
pub async fn failed(tx: &mut TenantTx, due: &Due, why: &str) -> Result<()> {
    discard(tx, due.id).await?;
    sqlx::query(
        "
        update document set state = 'failed', trouble = $4, draft_passages = 0, prepared_passages = 0
        where org_id = $1 and document_id = $2 and content_hash = $3
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .bind(why)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It did not work this time.
pub async fn put_off(tx: &mut TenantTx, due: &Due, why: &str, until: Timestamp) -> Result<()> {
    sqlx::query(
        "
        update document set failures = failures + 1, trouble = $4, retry_at = $5
        where org_id = $1 and document_id = $2 and content_hash = $3
        ",
    )
    .bind(tx.org)
    .bind(due.id)
    .bind(&due.hash)
    .bind(why)
    .bind(until.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Passages that are found and have no vector of this model, each with the document that it is of.
pub async fn of_another_model(
    tx: &mut TenantTx,
    model: &str,
    limit: i64,
) -> Result<Vec<(PassageId, DocumentId, Cut)>> {
    let rows = sqlx::query(
        "
        select p.passage_id, p.document_id, p.heading, p.body
        from passage p
        where p.org_id = $1 and not exists (
            select from passage_vector v where v.org_id = $1 and v.model = $2 and v.passage_id = p.passage_id
        )
        order by p.passage_id
        limit $3
        ",
    )
    .bind(tx.org)
    .bind(model)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let cut = Cut { heading: row.try_get("heading")?, body: row.try_get("body")? };
            Ok((row.try_get("passage_id")?, row.try_get("document_id")?, cut))
        })
        .collect()
}

/// From now on this model's vectors are searched; those of others are gone.
pub async fn change_model(tx: &mut TenantTx, lease: &Lease, model: &str) -> Result<()> {
    sqlx::query("update knowledge set model = $3 where org_id = $1 and lease_token = $2")
        .bind(tx.org)
        .bind(lease.token)
        .bind(model)
        .execute(tx.conn())
        .await?;
    sqlx::query("delete from passage_vector where org_id = $1 and model <> $2")
        .bind(tx.org)
        .bind(model)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn discard(tx: &mut TenantTx, document: DocumentId) -> Result<()> {
    sqlx::query("delete from document_draft where org_id = $1 and document_id = $2")
        .bind(tx.org)
        .bind(document)
        .execute(tx.conn())
        .await?;
    Ok(())
}
