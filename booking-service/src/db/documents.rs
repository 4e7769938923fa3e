//! `document`: what was put, and how far it is prepared.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        ids::{ClinicId, DocumentId},
        knowledge::{Document, DocumentDetails, DocumentState, Format, Progress},
    },
    error::Result,
};

impl FromRow<'_, PgRow> for Document {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("document_id")?,
            source: row.try_get("source_id")?,
            details: DocumentDetails {
                clinic: row.try_get("clinic_id")?,
                service: row.try_get("service_id")?,
                provider: row.try_get("provider_id")?,
                title: row.try_get("title")?,
                category: row.try_get("category")?,
                language: row.try_get("language")?,
                format: row.parsed("format", Format::parse)?,
            },
            hash: row.try_get("content_hash")?,
            state: row.parsed("state", DocumentState::parse)?,
            trouble: row.try_get("trouble")?,
            progress: Progress {
                of: row.try_get("draft_passages")?,
                done: row.try_get("prepared_passages")?,
            },
            passages: row.try_get("passages")?,
            version: row.try_get("version")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            indexed_at: row.optional_time("indexed_at")?,
        })
    }
}

/// What every reading statement begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            select document_id, source_id, clinic_id, service_id, provider_id, title, category, language, format, content_hash, state, trouble,
                draft_passages, prepared_passages, passages, version, created_at, updated_at, indexed_at
            from document
            ",
            $rest
        )
    };
}

/// A document that is about to be put.
#[derive(Clone, Copy, Debug)]
pub struct Putting<'a> {
    /// Its id, if it is new.
    pub id: DocumentId,
    /// The name that its source has for it.
    pub source: &'a str,
    /// What is said of it.
    pub details: &'a DocumentDetails,
    /// What it says.
    pub content: &'a [u8],
    /// SHA-256 of all that.
    pub hash: &'a [u8],
    /// The present moment.
    pub now: Timestamp,
}

/// Makes a place for the organisation's documents, unless it has one, and says that something has to be prepared: anew each time, so that whoever is just
/// ending with what was there before does not take it for done.
pub async fn is_due(tx: &mut TenantTx) -> Result<()> {
    for statement in [
        "insert into knowledge (org_id) values ($1) on conflict do nothing",
        "update knowledge set due_at = clock_timestamp() where org_id = $1",
    ] {
        sqlx::query(statement).bind(tx.org).execute(tx.conn()).await?;
    }
    Ok(())
}

/// The document of this source, which nobody else changes until the transaction ends.
pub async fn lock_source(tx: &mut TenantTx, source: &str) -> Result<Option<Document>> {
    super::one_at_a_time(tx, "document", source).await?;
    Ok(sqlx::query_as(select!("where org_id = $1 and source_id = $2 for no key update"))
        .bind(tx.org)
        .bind(source)
        .fetch_optional(tx.conn())
        .await?)
}

/// Puts a new document.
pub async fn insert(tx: &mut TenantTx, putting: Putting<'_>) -> Result<()> {
    let Putting { id, source, details, content, hash, now } = putting;
    let DocumentDetails { clinic, service, provider, title, category, language, format } = details;
    sqlx::query(
        "
        insert into document (
            org_id, document_id, source_id, clinic_id, service_id, provider_id, title, category, language, format, content, content_hash, state,
            created_at, updated_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending', $13, $13)
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(source)
    .bind(clinic)
    .bind(service)
    .bind(provider)
    .bind(title)
    .bind(category)
    .bind(language)
    .bind(format.as_str())
    .bind(content)
    .bind(hash)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts another content in the place of one that was put before. What was prepared of that goes on being found.
pub async fn replace(tx: &mut TenantTx, putting: Putting<'_>) -> Result<()> {
    let Putting { id, source: _, details, content, hash, now } = putting;
    let DocumentDetails { clinic, service, provider, title, category, language, format } = details;
    sqlx::query(
        "
        update document
        set clinic_id = $3, service_id = $4, provider_id = $5, title = $6, category = $7, language = $8, format = $9, content = $10,
            content_hash = $11, state = 'pending', trouble = null, failures = 0, retry_at = null, draft_passages = 0, prepared_passages = 0,
            version = version + 1, updated_at = $12
        where org_id = $1 and document_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(clinic)
    .bind(service)
    .bind(provider)
    .bind(title)
    .bind(category)
    .bind(language)
    .bind(format.as_str())
    .bind(content)
    .bind(hash)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One of them, if the caller reaches it.
pub async fn get(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Document>> {
    let found = sqlx::query_as(select!(
        "where org_id = $1 and document_id = $2 and ($3::uuid[] is null or clinic_id is null or clinic_id = any ($3))"
    ));
    let clinics = tx.clinics().map(<[ClinicId]>::to_vec);
    Ok(found.bind(tx.org).bind(id).bind(clinics).fetch_optional(tx.conn()).await?)
}

/// Those that the caller reaches, at a clinic and of a category, after `after`, by id.
pub async fn list(
    tx: &mut TenantTx,
    clinic: Option<ClinicId>,
    category: Option<&str>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Document>> {
    let clinics = tx.clinics().map(<[ClinicId]>::to_vec);
    Ok(sqlx::query_as(select!(
        "
        where org_id = $1 and ($2::uuid is null or clinic_id is null or clinic_id = $2) and ($3::text is null or category = $3)
            and ($4::uuid[] is null or clinic_id is null or clinic_id = any ($4))
            and document_id > coalesce($5, '00000000-0000-0000-0000-000000000000')
        order by document_id
        limit $6
        "
    ))
    .bind(tx.org)
    .bind(clinic)
    .bind(category)
    .bind(clinics)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Deletes a document with all that was made of it, down to its words.
pub async fn delete(tx: &mut TenantTx, id: DocumentId) -> Result<()> {
    let terms = super::passages::terms_of(tx, id).await?;
    sqlx::query("delete from document where org_id = $1 and document_id = $2")
        .bind(tx.org)
        .bind(id)
        .execute(tx.conn())
        .await?;
    super::passages::forget_words(tx, &terms).await
}
