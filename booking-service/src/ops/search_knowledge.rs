//! Answers a question out of the documents, or says that they do not tell.

use crate::{
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        candidates::{self, Ground, MOST_CANDIDATES, Place},
        clinics,
    },
    domain::{
        clinic::ClinicRecord,
        ids::ClinicId,
        knowledge::{
            Passage, answer,
            guard::{self, Guard},
            question::Question,
            ranking::{Candidate, Features, Ranking, Rarity, THRESHOLD, rank},
            words::{is_nearly, variants},
        },
    },
    error::{Error, Result},
};

/// A question with more words than these is not looked for by all of them.
const MOST_TERMS: usize = 40;

/// What is asked.
#[derive(Clone, Debug)]
pub struct SearchKnowledge {
    /// As it was asked.
    pub question: String,
    /// Where what is found has to count.
    pub clinic: Option<ClinicId>,
    /// What it has to be about.
    pub category: Option<String>,
    /// How many passages.
    pub limit: usize,
    /// How many tokens they may come to together.
    pub tokens: usize,
}

/// A passage that answers.
#[derive(Clone, Debug)]
pub struct Found {
    /// The passage.
    pub passage: Passage,
    /// What of it is said on the telephone.
    pub said: String,
    /// How well it answers, from 0 to 1.
    pub score: f64,
}

/// What the documents say.
#[derive(Clone, Debug)]
pub enum Knowledge {
    /// This, the best first, ranked by that; nothing: they do not say.
    Says(Vec<Found>, Ranking),
    /// No document answers such a question, but the clinic has a sentence for it.
    Guarded(Guard, String),
}

/// Answers a question.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn search_knowledge(app: &App, caller: &Caller, command: SearchKnowledge) -> Result<Knowledge> {
    let SearchKnowledge { question, clinic, category, limit, tokens } = command;
    let guard = guard::of(&question);
    if guard.is_none() {
        app.embedding.foresee(&question);
    }
    let mut tx = app.db.tenant_tx(caller).await?;
    let place = place(&mut tx, caller, clinic).await?;
    if let Some(guard) = guard {
        return Ok(Knowledge::Guarded(guard, sentence(&mut tx, place, guard).await?));
    }
    let Some(ground) = candidates::ground(&mut tx, place, category.as_deref()).await? else {
        return Ok(Knowledge::Says(Vec::new(), Ranking::Words));
    };
    let Sight { asked, rarity, candidates, ranking } = look(app, caller, tx, &ground, &question).await?;
    app.metrics.knowledge.searched(ranking);
    let ranked = rank(ranking, &asked, &rarity, candidates);
    let answering = ranked.into_iter().take_while(|(_, score)| *score >= THRESHOLD).take(limit);
    let mut left = tokens;
    let found = answering
        .enumerate()
        .map_while(|(place, (Candidate { passage, .. }, score))| {
            let cost = answer::tokens(&passage.heading) + answer::tokens(&passage.body);
            let fits = cost <= left || place == 0;
            left = left.saturating_sub(cost);
            fits.then(|| Found {
                said: answer::said(&passage.body, &asked, &passage.language),
                passage,
                score,
            })
        })
        .collect();
    Ok(Knowledge::Says(found, ranking))
}

/// What is known of each passage that may answer: for looking at how they are ranked.
pub async fn features(app: &App, caller: &Caller, question: &str) -> Result<Vec<(Passage, Features)>> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let Some(ground) = candidates::ground(&mut tx, Place::Anywhere, None).await? else {
        return Ok(Vec::new());
    };
    let Sight { asked, rarity, candidates, .. } = look(app, caller, tx, &ground, question).await?;
    let of = |candidate: Candidate| (candidate.passage.clone(), Features::of(&asked, &rarity, &candidate));
    Ok(candidates.into_iter().map(of).collect())
}

/// What is seen of the passages before they are ranked.
struct Sight {
    asked: Question,
    rarity: Rarity,
    candidates: Vec<Candidate>,
    ranking: Ranking,
}

/// The passages that may answer, by their words and by what they mean.
async fn look(
    app: &App,
    caller: &Caller,
    mut tx: TenantTx,
    ground: &Ground,
    question: &str,
) -> Result<Sight> {
    let meant = async {
        Ok(match &ground.model {
            Some(model) => app.embedding.question(model, question).await,
            None => None,
        })
    };
    let spoken = async {
        let asked = understood(&mut tx, ground, question).await?;
        let terms = asked.terms();
        let (by_words, rarity) = candidates::by_words(&mut tx, ground, &terms).await?;
        let candidates = candidates::candidates(&mut tx, &terms, &by_words).await?;
        let vectors = match &ground.model {
            Some(model) if app.embedding.of(model).is_some() => {
                let which = (caller.org, model.clone(), ground.state);
                Some(app.embedding.kept.get(which, candidates::vectors(&mut tx, model)).await?)
            }
            _ => None,
        };
        // It may be a server that is asked for the vector: no connection to the database waits for it.
        drop(tx);
        Ok::<_, Error>((asked, terms, candidates, rarity, vectors))
    };
    let (vector, (asked, terms, mut candidates, rarity, vectors)) = futures::try_join!(meant, spoken)?;
    let compared = vector.as_ref().zip(vectors.as_ref());
    if let Some((vector, vectors)) = compared {
        let mut near = vectors.nearest(vector, ground.documents.as_deref(), MOST_CANDIDATES.into());
        near.retain(|passage| candidates.iter().all(|candidate| candidate.passage.id != *passage));
        if !near.is_empty() {
            let mut tx = app.db.tenant_tx(caller).await?;
            candidates.extend(candidates::candidates(&mut tx, &terms, &near).await?);
        }
        for candidate in &mut candidates {
            candidate.similarity = vectors.similarity(vector, candidate.passage.id);
        }
    }
    let ranking = if compared.is_some() { Ranking::Both } else { Ranking::Words };
    Ok(Sight { asked, rarity, candidates, ranking })
}

/// What the question speaks of, also where a word is nearly one of the documents'.
async fn understood(tx: &mut TenantTx, ground: &Ground, question: &str) -> Result<Question> {
    let mut asked = Question::read(question, &ground.languages);
    asked.asked.truncate(MOST_TERMS);
    let words: Vec<String> = asked.words().filter(|word| !variants(word).is_empty()).cloned().collect();
    if words.is_empty() {
        return Ok(asked);
    }
    let unknown = candidates::unknown(tx, &words, ground.documents.as_deref()).await?;
    if unknown.is_empty() {
        return Ok(asked);
    }
    let looked_for: Vec<String> = unknown.iter().flat_map(|word| variants(word)).collect();
    let similar = candidates::similar(tx, &looked_for, ground.documents.as_deref()).await?;
    for word in &unknown {
        for meant in similar.iter().filter(|meant| is_nearly(word, meant)) {
            asked.also(word, meant);
        }
    }
    Ok(asked)
}

/// Where what is found has to count: at the clinic that was named, else at the only one. Of several, a caller on the telephone means one, and hears nothing
/// of the others.
async fn place(tx: &mut TenantTx, caller: &Caller, clinic: Option<ClinicId>) -> Result<Place> {
    if let Some(clinic) = clinic {
        clinics::get(tx, clinic).await?.ok_or_else(|| Error::ClinicForbidden(clinic.to_string()))?;
        return Ok(Place::Clinic(clinic));
    }
    Ok(match <[ClinicRecord; 1]>::try_from(clinics::list(tx, None, 2).await?) {
        Ok([only]) => Place::Clinic(only.clinic.id),
        Err(_) if caller.is_voice() => Place::Common,
        Err(_) => Place::Anywhere,
    })
}

/// What the clinic says to such a question.
async fn sentence(tx: &mut TenantTx, place: Place, guard: Guard) -> Result<String> {
    let record = if let Place::Clinic(clinic) = place { clinics::get(tx, clinic).await? } else { None };
    let own = record.and_then(|record| match guard {
        Guard::Emergency => record.details.emergency_sentence,
        Guard::MedicalAdvice => record.details.advice_sentence,
    });
    Ok(own.unwrap_or_else(|| guard.usual_sentence().to_owned()))
}
