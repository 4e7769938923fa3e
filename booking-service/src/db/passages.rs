//! `passage`, `passage_term`, `passage_vector`, `word_variant`: what is searched, as it is written.

use std::collections::BTreeSet;

use pgvector::HalfVector;

use super::{TenantTx, candidates::unknown};
use crate::{
    domain::{
        ids::{DocumentId, PassageId},
        knowledge::words::variants,
    },
    error::Result,
};

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
