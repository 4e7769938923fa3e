//! What is searched: `passage`, `passage_term`, `passage_vector`, `word_variant`.

use pgvector::HalfVector;
use sqlx::{Row as _, postgres::PgRow};

use super::TenantTx;
use crate::{
    domain::{
        ids::{ClinicId, DocumentId, PassageId},
        knowledge::{
            Passage,
            ranking::{Candidate, Rarity},
        },
    },
    embedding::nearest::Vectors,
    error::Result,
};

/// So many passages are looked at by their words, and so many by their vectors.
pub const MOST_CANDIDATES: u8 = 30;

/// Of the question's terms, the rarest are looked for that are in so many passages together, and the rarest of all in any case: what half of the
/// passages have tells them apart by nothing.
const MOST_HITS: i64 = 2_000;

/// Where what is found has to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this clinic, and what counts at all.
    Clinic(ClinicId),
    /// At all clinics: nobody knows which of several is meant.
    Common,
    /// At any.
    Anywhere,
}

/// What can be searched.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Whose vectors there are.
    pub model: Option<String>,
    /// The documents that count; `None`: all that there are.
    pub documents: Option<Vec<DocumentId>>,
    /// How many passages they have.
    pub passages: i64,
    /// How many words a passage has, on average.
    pub words: f64,
    /// What they are written in.
    pub languages: Vec<String>,
    /// Another one, whenever other passages are searched in the organisation.
    pub state: i64,
}

/// The statement of [`ground()`]: organisation, clinic, category, clinics within reach, whether nothing counts but what counts at all clinics.
pub const GROUND: &str = "
    select k.model, d.passages, d.words, d.languages, case when d.others > 0 then d.documents end as documents, d.state
    from knowledge k
    cross join lateral (
        select sum(passages) filter (where counts)::bigint as passages, sum(words) filter (where counts)::bigint as words,
            array_agg(distinct language) filter (where counts) as languages, array_agg(document_id) filter (where counts) as documents,
            count(*) filter (where not counts) as others,
            bit_xor(hash_record_extended(row(document_id, version, is_ready), 0)) as state
        from (
            select document_id, passages, words, language, version, state = 'ready' as is_ready,
                ($2::uuid is null or clinic_id is null or clinic_id = $2) and ($3::text is null or category is not distinct from $3)
                    and ($4::uuid[] is null or clinic_id is null or clinic_id = any ($4))
                    and (clinic_id is null or not $5 and not exists (
                        select from clinic c where c.org_id = $1 and c.clinic_id = d.clinic_id and c.archived_at is not null
                    )) as counts
            from document d
            where org_id = $1 and passages > 0
        ) d
    ) d
    where k.org_id = $1 and d.passages > 0
";

/// What there is to be searched there and of a category; `None`: nothing.
pub async fn ground(tx: &mut TenantTx, at: Place, category: Option<&str>) -> Result<Option<Ground>> {
    let clinics = tx.clinics().map(<[ClinicId]>::to_vec);
    let clinic = if let Place::Clinic(clinic) = at { Some(clinic) } else { None };
    let row = sqlx::query(GROUND)
        .bind(tx.org)
        .bind(clinic)
        .bind(category)
        .bind(clinics)
        .bind(at == Place::Common)
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (passages, words): (i64, i64) = (row.try_get("passages")?, row.try_get("words")?);
    #[expect(clippy::cast_precision_loss, reason = "nobody has so many words")]
    let words = words as f64 / passages as f64;
    Ok(Some(Ground {
        model: row.try_get("model")?,
        documents: row.try_get("documents")?,
        passages,
        words: words.max(1.0),
        languages: row.try_get("languages")?,
        state: row.try_get("state")?,
    }))
}

/// The statement of [`unknown()`]: organisation, terms, documents.
pub const UNKNOWN: &str = "
    select term from unnest($2::text[]) as asked (term)
    where not exists (
        select from passage_term t
        where t.org_id = $1 and t.term = asked.term and ($3::uuid[] is null or t.document_id = any ($3))
    )
";

/// Those of the terms that no passage of these documents has; `None`: of any.
pub async fn unknown(
    tx: &mut TenantTx,
    terms: &[String],
    documents: Option<&[DocumentId]>,
) -> Result<Vec<String>> {
    let unknown = sqlx::query_scalar(UNKNOWN).bind(tx.org).bind(terms).bind(documents);
    Ok(unknown.fetch_all(tx.conn()).await?)
}

/// The statement of [`similar()`]: organisation, variants, documents.
pub const SIMILAR: &str = "
    select distinct v.term from word_variant v
    where v.org_id = $1 and v.variant = any ($2) and exists (
        select from passage_term t
        where t.org_id = $1 and t.term = v.term and ($3::uuid[] is null or t.document_id = any ($3))
    )
";

/// Terms of these documents that have one of these variants.
pub async fn similar(
    tx: &mut TenantTx,
    variants: &[String],
    documents: Option<&[DocumentId]>,
) -> Result<Vec<String>> {
    let similar = sqlx::query_scalar(SIMILAR).bind(tx.org).bind(variants).bind(documents);
    Ok(similar.fetch_all(tx.conn()).await?)
}

/// The statement of [`by_words()`]: organisation, terms, passages, words a passage, documents, how many passages, how many rows of terms are read.
///
/// The score is BM25, with the usual constants; as floating point, because `numeric` takes five times as long.
pub const BY_WORDS: &str = "
    with spread as materialized (
        select asked.term, h.passages, (sum(h.passages) over (order by h.passages, asked.term))::bigint as hits,
            ln(1 + ($3 - h.passages + 0.5::float8) / (h.passages + 0.5::float8)) as rarity
        from unnest($2::text[]) as asked (term)
        cross join lateral (
            select count(*) as passages from passage_term t
            where t.org_id = $1 and t.term = asked.term and ($5::uuid[] is null or t.document_id = any ($5))
        ) h
        where h.passages > 0
    ), best as (
        select h.passage_id
        from spread s
        cross join lateral (
            select t.passage_id,
                s.rarity * t.frequency * 2.2::float8 / (t.frequency + 1.2::float8 * (0.25::float8 + 0.75::float8 * t.words / $4)) as score
            from passage_term t
            where t.org_id = $1 and t.term = s.term and ($5::uuid[] is null or t.document_id = any ($5))
            offset 0
        ) h
        where s.hits <= $7 or s.hits = s.passages
        group by h.passage_id
        order by sum(h.score) desc, h.passage_id
        limit $6
    )
    select array(select passage_id from best) as best, array(select term from spread order by term) as terms,
        array(select passages from spread order by term) as passages
";

/// The passages that speak most of what the question speaks of, and how rare its terms are.
pub async fn by_words(
    tx: &mut TenantTx,
    ground: &Ground,
    terms: &[String],
) -> Result<(Vec<PassageId>, Rarity)> {
    let row = sqlx::query(BY_WORDS)
        .bind(tx.org)
        .bind(terms)
        .bind(ground.passages)
        .bind(ground.words)
        .bind(&ground.documents)
        .bind(i64::from(MOST_CANDIDATES))
        .bind(MOST_HITS)
        .fetch_one(tx.conn())
        .await?;
    let (terms, passages): (Vec<String>, Vec<i64>) = (row.try_get("terms")?, row.try_get("passages")?);
    let with = terms.into_iter().zip(passages).collect();
    Ok((row.try_get("best")?, Rarity { passages: ground.passages, with }))
}

/// All vectors of a model's, each with its passage and the document that is of.
pub async fn vectors(tx: &mut TenantTx, model: &str) -> Result<Vectors> {
    let rows: Vec<(PassageId, DocumentId, HalfVector)> = sqlx::query_as(
        "select passage_id, document_id, vector from passage_vector where org_id = $1 and model = $2",
    )
    .bind(tx.org)
    .bind(model)
    .fetch_all(tx.conn())
    .await?;
    let numbers = |vector: HalfVector| vector.as_slice().iter().map(|number| number.to_f32()).collect();
    Ok(Vectors::new(
        rows.into_iter().map(|(passage, document, vector)| (passage, document, numbers(vector))).collect(),
    ))
}

/// The statement of [`candidates()`]: organisation, terms, passages.
pub const CANDIDATES: &str = "
    select p.passage_id, p.document_id, p.heading, p.body, d.source_id, d.title, d.category, d.language,
        t.terms, s.service_id, s.name as service_name, w.provider_id, w.name as provider_name
    from unnest($3::uuid[]) as c (passage_id)
    -- Each by its key: the planner would rather read all of them.
    cross join lateral (select * from passage where org_id = $1 and passage_id = c.passage_id offset 0) p
    cross join lateral (select * from document where org_id = $1 and document_id = p.document_id offset 0) d
    cross join lateral (
        select array_agg(term) as terms from passage_term where org_id = $1 and term = any ($2) and passage_id = c.passage_id
    ) t
    left join service s on s.org_id = $1 and s.service_id = d.service_id and s.archived_at is null
    left join provider w on w.org_id = $1 and w.provider_id = d.provider_id and w.archived_at is null
";

/// These passages, and which of the question's terms each has.
pub async fn candidates(
    tx: &mut TenantTx,
    terms: &[String],
    passages: &[PassageId],
) -> Result<Vec<Candidate>> {
    let rows = sqlx::query(CANDIDATES).bind(tx.org).bind(terms).bind(passages).fetch_all(tx.conn()).await?;
    rows.iter().map(candidate).collect()
}

fn candidate(row: &PgRow) -> Result<Candidate> {
    let name = |column| row.try_get::<Option<String>, _>(column);
    let terms: Option<Vec<String>> = row.try_get("terms")?;
    Ok(Candidate {
        similarity: None,
        terms: terms.unwrap_or_default().into_iter().collect(),
        passage: Passage {
            id: row.try_get("passage_id")?,
            document: row.try_get("document_id")?,
            source: row.try_get("source_id")?,
            title: row.try_get("title")?,
            category: row.try_get("category")?,
            language: row.try_get("language")?,
            heading: row.try_get("heading")?,
            body: row.try_get("body")?,
            service: row.try_get::<Option<_>, _>("service_id")?.zip(name("service_name")?),
            provider: row.try_get::<Option<_>, _>("provider_id")?.zip(name("provider_name")?),
        },
    })
}
