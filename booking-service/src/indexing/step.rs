//! One step of an organisation: a document is cut, some passages are embedded, or a document is let be found.

use std::time::Duration;

use jiff::SignedDuration;
use pgvector::HalfVector;
use tokio::sync::oneshot;

use crate::{
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        passages::{self, NewPassage},
        preparing::{self, Draft, Due, Lease},
    },
    domain::{
        ids::{OrgId, PassageId},
        knowledge::{
            Format, MOST_PASSAGES,
            cutting::{Cut, cut},
            ranking::terms,
            reading::read,
        },
    },
    embedding::{Embedder, Purpose},
    error::{Error, Result},
};

/// A step takes seconds; whoever dies in it is waited for so long.
const LEASE: Duration = Duration::from_mins(2);

/// So many passages are embedded in one step.
const BATCH: i64 = 16;

/// What an embedder that does not answer is given, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How long the first look at a document may take: a PDF can be made to be read for ever.
const LONGEST_READING: Duration = Duration::from_mins(1);

/// Documents are read on a stack of their own: libraries read what is nested by nesting.
const STACK: usize = 64 << 20;

/// Giving documents back is tried so often: whoever puts one just then has the row.
const GIVING_BACK: usize = 10;

const AWAY: &str = "it waits for the embedding model, which does not answer";

/// What comes after a step.
enum Next {
    /// Another one, at once.
    More,
    /// Another one then.
    Later(Duration),
    /// None.
    Nothing,
}

/// Takes one step; tells whether there is another one to take at once.
pub(super) async fn take(app: &App, org: OrgId) -> Result<bool> {
    let caller = Caller::system(org);
    let mut tx = app.db.worker_tx(&caller).await?;
    let Some(lease) = preparing::take(&mut tx, LEASE).await? else { return Ok(false) };
    tx.commit().await?;
    let done = step(app, &caller, &lease).await;
    let next = match &done {
        Ok(Next::More) => Some(Duration::ZERO),
        Ok(Next::Later(pause)) => Some(*pause),
        Ok(Next::Nothing) => None,
        Err(_) => Some(FIRST_PAUSE),
    };
    for left in (0..GIVING_BACK).rev() {
        match give_back(app, &caller, &lease, next).await {
            Err(Error::Busy(_)) if left > 0 => {}
            given => {
                given?;
                break;
            }
        }
    }
    Ok(matches!(done?, Next::More))
}

async fn give_back(app: &App, caller: &Caller, lease: &Lease, next: Option<Duration>) -> Result<()> {
    let mut tx = app.db.worker_tx(caller).await?;
    preparing::give_back(&mut tx, lease, next).await?;
    tx.commit().await
}

async fn step(app: &App, caller: &Caller, lease: &Lease) -> Result<Next> {
    let mut tx = app.db.worker_tx(caller).await?;
    let now = app.clock.now();
    if let Some(due) = preparing::next(&mut tx, now).await? {
        let done = if due.is_cut {
            prepare(app, caller, lease, tx, &due).await
        } else {
            read_and_cut(app, caller, lease, tx, &due).await
        };
        return match done {
            // A document that cannot be prepared keeps no other one from it.
            Err(Error::Internal(why)) => {
                put_off(app, caller, lease, &due, &why, "it could not be prepared, and is tried again").await
            }
            done => done,
        };
    }
    let retry_at = preparing::retry_at(&mut tx).await?;
    let next = embed_anew(app, caller, lease, tx).await?;
    Ok(match (next, retry_at) {
        (Next::Nothing, Some(at)) => {
            let pause = at.duration_since(now).try_into().unwrap_or_default();
            Next::Later(std::cmp::max(pause, FIRST_PAUSE))
        }
        (next, _) => next,
    })
}

async fn read_and_cut(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    mut tx: TenantTx,
    due: &Due,
) -> Result<Next> {
    let Some(content) = preparing::content(&mut tx, due).await? else { return Ok(Next::More) };
    // Nothing is held while it is read.
    drop(tx);
    let format = due.format;
    let cuts = match tokio::time::timeout(LONGEST_READING, reading(format, content)?).await {
        Ok(Ok(Ok(cuts))) if cuts.len() > MOST_PASSAGES => {
            Err(format!("it is too long: more than {MOST_PASSAGES} passages"))
        }
        Ok(Ok(read)) => read,
        // The library that reads PDFs panics at some.
        Ok(Err(_)) => Err("it is damaged".to_owned()),
        Err(_) => Err("it takes too long to read".to_owned()),
    };
    let mut tx = ours(app, caller, lease).await?;
    match cuts {
        Ok(cuts) => preparing::draft(&mut tx, due, &cuts).await?,
        Err(why) => {
            app.metrics.knowledge.prepared("failed");
            preparing::failed(&mut tx, due, &why).await?;
        }
    }
    tx.commit().await?;
    Ok(Next::More)
}

/// Reads and cuts on a thread of its own. One that never ends holds up nobody who stops the service.
fn reading(
    format: Format,
    content: Vec<u8>,
) -> Result<oneshot::Receiver<std::result::Result<Vec<Cut>, String>>> {
    let (tell, told) = oneshot::channel();
    let read_and_cut = move || {
        let _ = tell.send(read(format, &content).map(|blocks| cut(&blocks)));
    };
    let thread = std::thread::Builder::new().name("reading".to_owned()).stack_size(STACK).spawn(read_and_cut);
    thread.map_err(|error| Error::Internal(error.into()))?;
    Ok(told)
}

async fn prepare(app: &App, caller: &Caller, lease: &Lease, mut tx: TenantTx, due: &Due) -> Result<Next> {
    let embedder = embedder(app, lease);
    if let Some(embedder) = embedder {
        let model = embedder.model();
        let drafts = preparing::without_vector(&mut tx, due, model, BATCH).await?;
        drop(tx);
        if !drafts.is_empty() {
            let texts = drafts.iter().map(|draft| embedded_text(&draft.cut)).collect();
            let vectors = match embedder.embed(texts, Purpose::Passages).await {
                Ok(vectors) => vectors,
                Err(error) => return put_off(app, caller, lease, due, &error, AWAY).await,
            };
            let vectors: Vec<(i32, HalfVector)> = drafts
                .iter()
                .zip(&vectors)
                .map(|(draft, vector)| (draft.place, HalfVector::from_f32_slice(vector)))
                .collect();
            let mut tx = ours(app, caller, lease).await?;
            preparing::embedded(&mut tx, due, model, &vectors).await?;
            tx.commit().await?;
            return Ok(Next::More);
        }
    }
    publish(app, caller, lease, due, embedder.map(Embedder::model)).await
}

/// All or nothing: a search sees the document as it was, or as it is.
async fn publish(app: &App, caller: &Caller, lease: &Lease, due: &Due, model: Option<&str>) -> Result<Next> {
    let mut tx = ours(app, caller, lease).await?;
    if !preparing::lock(&mut tx, due).await? {
        // Another content was put meanwhile.
        return Ok(Next::More);
    }
    let drafts = preparing::all(&mut tx, due).await?;
    let new = |Draft { place, cut, vector }: Draft| {
        let (terms, words) = terms(&due.title, &cut, &due.language);
        let Cut { heading, body } = cut;
        NewPassage {
            id: PassageId::generate(),
            place,
            heading,
            body,
            terms: terms.into_iter().collect(),
            words,
            vector,
        }
    };
    let found: Vec<NewPassage> = drafts.into_iter().map(new).collect();
    let before = passages::remove(&mut tx, due.id).await?;
    passages::insert(&mut tx, due.id, model, &found).await?;
    passages::forget_words(&mut tx, &before).await?;
    if let (None, Some(model)) = (&lease.model, model) {
        preparing::change_model(&mut tx, lease, model).await?;
    }
    let words = found.iter().map(|passage| passage.words).fold(0, i32::saturating_add);
    let count = i32::try_from(found.len()).unwrap_or(i32::MAX);
    preparing::ready(&mut tx, due, count, words, app.clock.now()).await?;
    tx.commit().await?;
    app.metrics.knowledge.prepared("ready");
    Ok(Next::More)
}

/// Passages that are found already get vectors of the present model; once all have them, those are searched.
async fn embed_anew(app: &App, caller: &Caller, lease: &Lease, mut tx: TenantTx) -> Result<Next> {
    let Some(current) = app.embedding.current() else { return Ok(Next::Nothing) };
    let model = current.model();
    if lease.model.as_deref() == Some(model) {
        return Ok(Next::Nothing);
    }
    let without = preparing::of_another_model(&mut tx, model, BATCH).await?;
    drop(tx);
    if without.is_empty() {
        let mut tx = ours(app, caller, lease).await?;
        preparing::change_model(&mut tx, lease, model).await?;
        tx.commit().await?;
        return Ok(Next::Nothing);
    }
    let texts = without.iter().map(|(.., cut)| embedded_text(cut)).collect();
    let vectors = match current.embed(texts, Purpose::Passages).await {
        Ok(vectors) => vectors,
        Err(error) => {
            tracing::warn!(model, "passages could not be embedded anew: {error:#}");
            return Ok(Next::Later(LONGEST_PAUSE));
        }
    };
    let mut tx = ours(app, caller, lease).await?;
    for ((passage, document, _), vector) in without.iter().zip(&vectors) {
        let vector = HalfVector::from_f32_slice(vector);
        passages::insert_vectors(&mut tx, *document, model, &[(*passage, &vector)]).await?;
    }
    tx.commit().await?;
    Ok(Next::More)
}

/// What is found now goes on being found by the vectors that are searched; where nothing is, by the present model's.
fn embedder<'a>(app: &'a App, lease: &Lease) -> Option<&'a dyn Embedder> {
    let serving = lease.model.as_deref().and_then(|model| app.embedding.of(model));
    serving.or_else(|| app.embedding.current()).map(AsRef::as_ref)
}

async fn put_off(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    due: &Due,
    error: &anyhow::Error,
    trouble: &str,
) -> Result<Next> {
    tracing::warn!(org.id = %caller.org, document.id = %due.id, "{trouble}: {error:#}");
    let pause = (FIRST_PAUSE * 2_u32.saturating_pow(due.failures.min(8))).min(LONGEST_PAUSE);
    let until = app.clock.now() + SignedDuration::try_from(pause).unwrap_or_default();
    let mut tx = ours(app, caller, lease).await?;
    preparing::put_off(&mut tx, due, trouble, until).await?;
    tx.commit().await?;
    Ok(Next::More)
}

/// A transaction in which the lease is ours to its end.
async fn ours(app: &App, caller: &Caller, lease: &Lease) -> Result<TenantTx> {
    let mut tx = app.db.worker_tx(caller).await?;
    if preparing::is_ours(&mut tx, lease).await? {
        Ok(tx)
    } else {
        Err(Error::Busy(anyhow::anyhow!("the lease has run out")))
    }
}

/// What of a passage is embedded: what it stands under says what it is about.
fn embedded_text(cut: &Cut) -> String {
    let Cut { heading, body } = cut;
    if heading.is_empty() { body.clone() } else { format!("{heading}. {body}") }
}
