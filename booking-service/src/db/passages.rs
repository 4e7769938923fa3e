//! `passage`, `passage_term`, `passage_vector`, `word_variant`: what is searched.

use std::collections::{BTreeSet, HashMap};

use pgvector::HalfVector;
use sqlx::Row as _;

use super::TenantTx;
use crate::{
    domain::{
        ids::{ClinicId, DocumentId, PassageId},
        knowledge::{
            Passage,
            ranking::{Candidate, Rarity},
            words::variants,
        },
    },
    error::Result,
};

/// So many passages are looked at by their words, and so many by their vectors.
const MOST_CANDIDATES: i64 = 30;

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
}

/// The statement of [`ground()`]: organisation, clinic, category, clinics within reach, whether nothing counts but what counts at all clinics.
pub const GROUND: &str = "
    select k.model, d.passages, d.words, d.languages, case when d.others > 0 then d.documents end as documents
    from knowledge k
    cross join lateral (
        select sum(passages) filter (where counts)::bigint as passages, sum(words) filter (where counts)::bigint as words,
            array_agg(distinct language) filter (where counts) as languages, array_agg(document_id) filter (where counts) as documents,
            count(*) filter (where not counts) as others
        from (
            select document_id, passages, words, language,
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

/// The statement of [`candidates()`]: organisation, terms, passages, words a passage, documents, model, vector, how many of each kind.
///
/// The score of words is BM25, with the usual constants; as floating point, because `numeric` takes five times as long.
pub const CANDIDATES: &str = "
    with hit as materialized (
        select term, passage_id, frequency, words
        from passage_term
        where org_id = $1 and term = any ($2) and ($5::uuid[] is null or document_id = any ($5))
    ), spread as materialized (
        select term, count(*) as passages, ln(1 + ($3 - count(*) + 0.5::float8) / (count(*) + 0.5::float8)) as rarity from hit group by term
    ), chosen as (
        (
            select h.passage_id
            from hit h
            join spread s on s.term = h.term
            group by h.passage_id
            order by sum(
                s.rarity * h.frequency * 2.2::float8 / (h.frequency + 1.2::float8 * (0.25::float8 + 0.75::float8 * h.words / $4))
            ) desc, h.passage_id
            limit $8
        )
        union
        (
            select passage_id
            from passage_vector
            where org_id = $1 and model = $6 and ($5::uuid[] is null or document_id = any ($5))
            order by vector <=> $7, passage_id
            limit $8
        )
    )
    select p.passage_id, p.document_id, p.heading, p.body, d.source_id, d.title, d.category, d.language,
        v.similarity, h.terms, s.service_id, s.name as service_name, w.provider_id, w.name as provider_name,
        (select array_agg(term order by term) from spread) as spread_terms,
        (select array_agg(passages order by term) from spread) as spread_passages
    from chosen c
    join passage p on p.org_id = $1 and p.passage_id = c.passage_id
    join document d on d.org_id = $1 and d.document_id = p.document_id
    left join service s on s.org_id = $1 and s.service_id = d.service_id and s.archived_at is null
    left join provider w on w.org_id = $1 and w.provider_id = d.provider_id and w.archived_at is null
    left join lateral (
        select 1 - (vector <=> $7) as similarity from passage_vector
        where org_id = $1 and model = $6 and passage_id = c.passage_id
        offset 0
    ) v on true
    left join lateral (
        select array_agg(term) as terms from hit where passage_id = c.passage_id
    ) h on true
";

/// The passages that may answer, and how rare the question's terms are.
pub async fn candidates(
    tx: &mut TenantTx,
    ground: &Ground,
    terms: &[String],
    vector: Option<&[f32]>,
) -> Result<(Vec<Candidate>, Rarity)> {
    let rows = sqlx::query(CANDIDATES)
        .bind(tx.org)
        .bind(terms)
        .bind(ground.passages)
        .bind(ground.words)
        .bind(&ground.documents)
        .bind(vector.and(ground.model.as_deref()))
        .bind(vector.map(HalfVector::from_f32_slice))
        .bind(MOST_CANDIDATES)
        .fetch_all(tx.conn())
        .await?;
    let mut rarity = Rarity { passages: ground.passages, with: HashMap::new() };
    let mut candidates = Vec::with_capacity(rows.len());
    for row in rows {
        if rarity.with.is_empty() {
            let terms: Option<Vec<String>> = row.try_get("spread_terms")?;
            let passages: Option<Vec<i64>> = row.try_get("spread_passages")?;
            rarity.with = terms.unwrap_or_default().into_iter().zip(passages.unwrap_or_default()).collect();
        }
        let name = |column| row.try_get::<Option<String>, _>(column);
        let service = row.try_get::<Option<_>, _>("service_id")?.zip(name("service_name")?);
        let provider = row.try_get::<Option<_>, _>("provider_id")?.zip(name("provider_name")?);
        candidates.push(Candidate {
            similarity: row.try_get("similarity")?,
            terms: row
                .try_get::<Option<Vec<String>>, _>("terms")?
                .unwrap_or_default()
                .into_iter()
                .collect::<BTreeSet<_>>(),
            passage: Passage {
                id: row.try_get("passage_id")?,
                document: row.try_get("document_id")?,
                source: row.try_get("source_id")?,
                title: row.try_get("title")?,
                category: row.try_get("category")?,
                language: row.try_get("language")?,
                heading: row.try_get("heading")?,
                body: row.try_get("body")?,
                service,
                provider,
            },
        });
    }
    Ok((candidates, rarity))
}

/// A passage that is about to be found.
#[derive(Clone, Debug)]
pub struct NewPassage {
    /// Its id.
    pub id: PassageId,
    /// Its place in the document.
    pub place: i32,
    /// Under which headings it stands.
    pub heading: String,
    /// What it says.
    pub body: String,
    /// Its terms, each as often as it is in it.
    pub terms: Vec<(String, i32)>,
    /// How many words it has.
    pub words: i32,
    /// What it means.
    pub vector: Option<HalfVector>,
}

/// Takes away what was found of a document, down to its words.
pub async fn remove(tx: &mut TenantTx, document: DocumentId) -> Result<Vec<String>> {
    let terms = terms_of(tx, document).await?;
    sqlx::query("delete from passage where org_id = $1 and document_id = $2")
        .bind(tx.org)
        .bind(document)
        .execute(tx.conn())
        .await?;
    Ok(terms)
}

/// Lets passages be found.
pub async fn insert(
    tx: &mut TenantTx,
    document: DocumentId,
    model: Option<&str>,
    passages: &[NewPassage],
) -> Result<()> {
    let ids: Vec<PassageId> = passages.iter().map(|passage| passage.id).collect();
    sqlx::query(
        "
        insert into passage (org_id, passage_id, document_id, place, heading, body)
        select $1, passage_id, $2, place, heading, body from unnest($3::uuid[], $4::int[], $5::text[], $6::text[]) as t (passage_id, place, heading, body)
        ",
    )
    .bind(tx.org)
    .bind(document)
    .bind(&ids)
    .bind(passages.iter().map(|passage| passage.place).collect::<Vec<_>>())
    .bind(passages.iter().map(|passage| passage.heading.as_str()).collect::<Vec<_>>())
    .bind(passages.iter().map(|passage| passage.body.as_str()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    insert_terms(tx, document, passages).await?;
    if let Some(model) = model {
        let vectors: Vec<(PassageId, &HalfVector)> =
            passages.iter().filter_map(|p| Some((p.id, p.vector.as_ref()?))).collect();
        insert_vectors(tx, document, model, &vectors).await?;
    }
    Ok(())
}

async fn insert_terms(tx: &mut TenantTx, document: DocumentId, passages: &[NewPassage]) -> Result<()> {
    let (mut ids, mut terms, mut frequencies, mut words) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for passage in passages {
        for (term, frequency) in &passage.terms {
            ids.push(passage.id);
            terms.push(term.as_str());
            frequencies.push(*frequency);
            words.push(passage.words);
        }
    }
    sqlx::query(
        "
        insert into passage_term (org_id, term, passage_id, document_id, frequency, words)
        select $1, term, passage_id, $2, frequency, words from unnest($3::uuid[], $4::text[], $5::int[], $6::int[]) as t (passage_id, term, frequency, words)
        ",
    )
    .bind(tx.org)
    .bind(document)
    .bind(ids)
    .bind(&terms)
    .bind(frequencies)
    .bind(words)
    .execute(tx.conn())
    .await?;
    let distinct: BTreeSet<&str> = terms.into_iter().collect();
    let (variants, terms) = all_variants(distinct.into_iter());
    sqlx::query(
        "
        insert into word_variant (org_id, variant, term)
        select $1, variant, term from unnest($2::text[], $3::text[]) as t (variant, term)
        order by variant, term
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(variants)
    .bind(terms)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds the vectors of passages that are found already, or are about to be.
pub async fn insert_vectors(
    tx: &mut TenantTx,
    document: DocumentId,
    model: &str,
    vectors: &[(PassageId, &HalfVector)],
) -> Result<()> {
    for (passage, vector) in vectors {
        // By one: the array type of an extension has no fixed number, which the driver would have to ask for.
        sqlx::query(
            "
            insert into passage_vector (org_id, model, passage_id, document_id, vector) values ($1, $2, $3, $4, $5)
            on conflict do nothing
            ",
        )
        .bind(tx.org)
        .bind(model)
        .bind(passage)
        .bind(document)
        .bind(vector)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// The terms of a document's passages.
pub async fn terms_of(tx: &mut TenantTx, document: DocumentId) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "
        select distinct t.term
        from passage p
        join passage_term t on t.org_id = p.org_id and t.passage_id = p.passage_id
        where p.org_id = $1 and p.document_id = $2
        ",
    )
    .bind(tx.org)
    .bind(document)
    .fetch_all(tx.conn())
    .await?)
}

/// Forgets how to find those of the terms that no passage has any more.
pub async fn forget_words(tx: &mut TenantTx, terms: &[String]) -> Result<()> {
    let gone = unknown(tx, terms, None).await?;
    let (variants, terms) = all_variants(gone.iter().map(String::as_str));
    sqlx::query(
        "
        delete from word_variant v
        using unnest($2::text[], $3::text[]) as t (variant, term)
        where v.org_id = $1 and v.variant = t.variant and v.term = t.term
        ",
    )
    .bind(tx.org)
    .bind(variants)
    .bind(terms)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn all_variants<'a>(terms: impl Iterator<Item = &'a str>) -> (Vec<String>, Vec<String>) {
    terms.flat_map(|term| variants(term).into_iter().map(move |variant| (variant, term.to_owned()))).unzip()
}
