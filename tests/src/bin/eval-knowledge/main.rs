//! `./x eval-knowledge`: how well questions are answered out of documents, and how often wrongly, by words alone, by vectors alone, and together.
//!
//! The weights come from `questions.yaml`; `--fit` finds them again. What they are worth is said by `untouched.yaml`, on which nothing was tuned.
#![expect(clippy::print_stdout, reason = "this program prints a table")]

mod fit;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use booking_service::{
    app::App,
    calendars::Calendars,
    caller::{Caller, Role},
    config::{Database, KnowledgeSettings, Rates},
    db::Db,
    domain::{
        ids::OrgId,
        knowledge::ranking::{Features, Ranking, THRESHOLD, Weights},
    },
    embedding::Embedding,
    keys::Keys,
    ops::search_knowledge::features,
};
use clap::Parser;
use tests::{
    knowledge::{Asked, clinics, put_all, questions, sources},
    organisation,
    stack::{Places, Stack},
};
use tonic::transport::Endpoint;

const HOME: &str = ".frontdesk/eval";

#[derive(Debug, Parser)]
#[command(name = "eval-knowledge")]
struct Options {
    /// Finds weights and thresholds out of the tuned questions, and prints them.
    #[arg(long)]
    fit: bool,
    /// Prints each tuned question that is answered wrongly, or not at all.
    #[arg(long)]
    misses: bool,
    /// Where the local embedding model is.
    #[arg(long, env = "BOOKING_KNOWLEDGE_MODEL", default_value = ".frontdesk/model")]
    model: PathBuf,
    #[command(flatten)]
    places: Places,
}

/// A question, and what is known of each passage that may answer it.
#[derive(Debug)]
struct Case {
    asked: Asked,
    /// Whether it is the one that answers.
    passages: Vec<(bool, Features)>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let model = options.model.to_string_lossy().into_owned();
    let stack = Stack::start(&options.places, home, &[("BOOKING_KNOWLEDGE_MODEL", &model)]).await?;
    let (mut tuned, mut untouched) = (Vec::new(), Vec::new());
    let database = Database {
        database_url: stack.service_url.clone().into(),
        database_connections: 2,
        database_wait: std::time::Duration::from_secs(5),
    };
    let settings = KnowledgeSettings { model: Some(options.model.clone()), ..KnowledgeSettings::idle()? };
    let app = App::new(
        Db::connect(&database, None)?,
        Keys::generate()?,
        &Rates::UNLIMITED,
        Calendars::idle()?,
        Embedding::new(&settings)?,
    );
    let channel = Endpoint::from_shared(format!("http://{}", stack.grpc))?.connect().await?;
    for folder in clinics()? {
        let org = OrgId::generate();
        organisation::create(&stack, org, "Evaluation", "Evaluation").await?;
        let token = organisation::token(home, org, "evaluation", Role::Admin, false)?;
        put_all(&channel, &token, &sources(&folder)?).await?;
        let [tuned_on, held_out] =
            ["questions.yaml", "untouched.yaml"].map(|file| questions(&folder.join(file)));
        let (tuned_on, held_out) = (tuned_on?, held_out?);
        if let Some(both) = held_out.iter().find(|held| tuned_on.iter().any(|asked| asked.ask == held.ask)) {
            bail!("{}: tuned on an untouched question: {}", folder.display(), both.ask);
        }
        for (questions, cases) in [(tuned_on, &mut tuned), (held_out, &mut untouched)] {
            for asked in questions {
                cases.push(case(&app, org, asked).await.with_context(|| folder.display().to_string())?);
            }
        }
    }
    stack.stop()?;
    if options.fit {
        for (name, ranking) in RANKINGS {
            println!("{name:<8} {:?}", fit::weights(&tuned, ranking));
        }
        return Ok(());
    }
    if options.misses {
        misses(&tuned);
    }
    for (name, cases) in [("tuned on", &tuned), ("untouched", &untouched)] {
        let answerable = cases.iter().filter(|case| case.asked.answer.is_some()).count();
        println!("\n{} questions {name}, {} of them unanswerable", cases.len(), cases.len() - answerable);
        println!("            ranked           above the threshold");
        println!("            at 1    at 3     at 1    at 3    false answers");
        for (ranking_name, ranking) in RANKINGS {
            println!("  {ranking_name:<9} {}", Figures::of(cases, &ranking.weights()));
        }
    }
    Ok(())
}

const RANKINGS: [(&str, Ranking); 3] =
    [("words", Ranking::Words), ("vectors", Ranking::Vectors), ("together", Ranking::Both)];

async fn case(app: &App, org: OrgId, asked: Asked) -> Result<Case> {
    let found = features(app, &Caller::system(org), &asked.ask).await?;
    let right = |body: &str| asked.answer.as_ref().is_some_and(|answer| body.contains(answer.as_str()));
    let passages: Vec<(bool, Features)> =
        found.iter().map(|(passage, features)| (right(&passage.body), *features)).collect();
    Ok(Case { asked, passages })
}

impl Case {
    /// The scores, the best first, each with whether its passage answers.
    fn ranked(&self, weights: &Weights) -> Vec<(f64, bool)> {
        let mut scores: Vec<(f64, bool)> =
            self.passages.iter().map(|(right, features)| (features.score(weights), *right)).collect();
        scores.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        scores
    }
}

/// What came of some questions.
struct Figures {
    ranked: [f64; 2],
    answered: [f64; 2],
    false_answers: f64,
}

impl Figures {
    fn of(cases: &[Case], weights: &Weights) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "there are not so many questions")]
        let share = |of: usize, all: usize| of as f64 / all.max(1) as f64;
        let (answerable, other): (Vec<&Case>, Vec<&Case>) =
            cases.iter().partition(|case| case.asked.answer.is_some());
        let recall = |first: usize, threshold: f64| {
            let has = |case: &&&Case| {
                case.ranked(weights).iter().take(first).any(|(score, right)| *right && *score >= threshold)
            };
            share(answerable.iter().filter(has).count(), answerable.len())
        };
        let answered =
            |case: &&&Case| case.ranked(weights).first().is_some_and(|(score, _)| *score >= THRESHOLD);
        Self {
            ranked: [recall(1, 0.0), recall(3, 0.0)],
            answered: [recall(1, THRESHOLD), recall(3, THRESHOLD)],
            false_answers: share(other.iter().filter(answered).count(), other.len()),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ranked, answered, false_answers } = self;
        write!(
            f,
            "{:>5.3}   {:>5.3}    {:>5.3}   {:>5.3}   {false_answers:>5.3}",
            ranked[0], ranked[1], answered[0], answered[1]
        )
    }
}

fn misses(cases: &[Case]) {
    let weights = Ranking::Both.weights();
    for case in cases {
        let ranked = case.ranked(&weights);
        let best = ranked.first().map_or(0.0, |(score, _)| *score);
        let right = ranked.iter().position(|(_, right)| *right);
        let score = right.map_or(0.0, |place| ranked[place].0);
        match &case.asked.answer {
            None if best >= THRESHOLD => println!("  {best:.2}  answered  {}", case.asked.ask),
            Some(_) if score < THRESHOLD || right.is_none_or(|place| place > 2) => {
                println!("  {score:.2}  missed (place {right:?})  {}", case.asked.ask);
            }
            _ => {}
        }
    }
}
