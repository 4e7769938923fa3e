//! Texts as vectors: what two texts mean alike lies near. By a local model, by a server that speaks as `OpenAI`'s does, or by nobody.

mod endpoint;
mod local;
pub mod nearest;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use futures::future::BoxFuture;
use moka::future::Cache;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::{config::KnowledgeSettings, domain::ids::OrgId};

/// So many questions are remembered with their vectors: callers ask the same.
const MOST_REMEMBERED: u64 = 4_096;

/// More organisations than this that documents were put for since the indexer looked are found by looking.
const MOST_KNOCKS: usize = 1_000;

/// What texts are embedded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody waits for it.
    Question,
    /// It is done in the background, many at a time, and tried again.
    Passages,
}

/// Makes vectors of texts.
pub trait Embedder: Debug + Send + Sync {
    /// Whose vectors they are, with their dimension: those of different models are never compared.
    fn model(&self) -> &str;

    /// Whether nobody but this process is asked.
    fn is_here(&self) -> bool {
        false
    }

    /// A vector of length 1 for each text.
    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> BoxFuture<'_, anyhow::Result<Vec<Vec<f32>>>>;
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// How it is used.
    pub settings: Arc<KnowledgeSettings>,
    /// The first embeds; the others serve what they embedded, until that is embedded anew.
    embedders: Arc<[Arc<dyn Embedder>]>,
    remembered: Cache<(String, String), Arc<Vec<f32>>>,
    /// What questions are compared with.
    pub kept: nearest::Kept,
    knock: mpsc::Sender<OrgId>,
    /// The indexer's end, until it takes it.
    door: Arc<Mutex<Option<mpsc::Receiver<OrgId>>>>,
}

impl Embedding {
    /// As the settings say.
    pub fn new(settings: &KnowledgeSettings) -> anyhow::Result<Self> {
        let mut embedders: Vec<Arc<dyn Embedder>> = Vec::new();
        if let Some(url) = &settings.embed_url.0 {
            anyhow::ensure!(
                !settings.embed_models.0.is_empty(),
                "BOOKING_EMBED_URL is set, so BOOKING_EMBED_MODELS has to be, too"
            );
            for model in &settings.embed_models.0 {
                embedders.push(Arc::new(endpoint::Endpoint::new(url, model, settings)?));
            }
        }
        if let Some(folder) = &settings.model {
            let local = local::LocalModel::load(folder)
                .with_context(|| format!("the embedding model in {}", folder.display()))?;
            embedders.push(Arc::new(local));
        }
        Ok(Self::with(embedders, settings))
    }

    /// With embedders that are there already.
    pub fn with(embedders: Vec<Arc<dyn Embedder>>, settings: &KnowledgeSettings) -> Self {
        let (knock, door) = mpsc::channel(MOST_KNOCKS);
        Self {
            settings: Arc::new(settings.clone()),
            embedders: embedders.into(),
            remembered: Cache::new(MOST_REMEMBERED),
            kept: nearest::Kept::at_most(u64::from(settings.knowledge_memory) << 20),
            knock,
            door: Arc::new(Mutex::new(Some(door))),
        }
    }

    /// For programs that embed nothing.
    pub fn idle() -> anyhow::Result<Self> {
        Self::new(&KnowledgeSettings::idle()?)
    }

    /// What embeds from now on; `None`: passages are found by their words alone.
    pub fn current(&self) -> Option<&Arc<dyn Embedder>> {
        self.embedders.first()
    }

    /// The embedder of a model, if it is still there.
    pub fn of(&self, model: &str) -> Option<&Arc<dyn Embedder>> {
        self.embedders.iter().find(|embedder| embedder.model() == model)
    }

    /// Begins to embed a question that [`question()`](Self::question) will be asked for soon: before anybody knows what there is to be searched, unless
    /// a server would be told of it for nothing.
    pub fn foresee(&self, question: &str) {
        let Some(embedder) = self.current().filter(|embedder| embedder.is_here()).cloned() else { return };
        let (this, question) = (self.clone(), question.to_owned());
        tokio::spawn(async move { this.vector(embedder, &question).await.map(drop) }.in_current_span());
    }

    /// A question's vector, if it can be had while somebody waits. Whoever asks for the same at the same time waits for the same.
    pub async fn question(&self, model: &str, question: &str) -> Option<Arc<Vec<f32>>> {
        let embedder = self.of(model)?.clone();
        match tokio::time::timeout(self.settings.embed_wait, self.vector(embedder, question)).await {
            Ok(Ok(vector)) => Some(vector),
            Ok(Err(error)) => {
                tracing::warn!(model, "a question could not be embedded: {error:#}");
                None
            }
            Err(_) => {
                tracing::warn!(model, "a question was not embedded in time");
                None
            }
        }
    }

    /// A question's vector, remembered or made.
    async fn vector(
        &self,
        embedder: Arc<dyn Embedder>,
        question: &str,
    ) -> Result<Arc<Vec<f32>>, Arc<anyhow::Error>> {
        let (key, text) = ((embedder.model().to_owned(), question.to_owned()), question.to_owned());
        let made = async move {
            let vectors = embedder.embed(vec![text], Purpose::Question).await?;
            anyhow::Ok(Arc::new(vectors.into_iter().next().context("one vector for one text")?))
        };
        self.remembered.try_get_with(key, made).await
    }

    /// Documents were put for this organisation. If nobody hears it, it is found by looking.
    pub fn knock(&self, org: OrgId) {
        let _ = self.knock.try_send(org);
    }

    /// Where knocks are heard: for the indexer, once.
    pub(crate) fn door(&self) -> Option<mpsc::Receiver<OrgId>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes a vector's length 1. Nothing becomes nothing.
fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    if length > 0.0 {
        for part in &mut vector {
            *part /= length;
        }
    }
    vector
}

/// A pause before trying again, longer each time.
fn pause(tries: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.saturating_pow(tries.min(6))
}
