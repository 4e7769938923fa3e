//! Settings of `serve` that say how the clinics' documents are prepared and searched.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use reqwest::Url;
use secrecy::SecretString;

/// The clinics' documents.
#[derive(Args, Clone, Debug)]
pub struct KnowledgeSettings {
    /// A folder with the local embedding model and ONNX Runtime's library, as `./x model` makes one. Without it, and without `BOOKING_EMBED_URL`,
    /// documents are searched by their words alone.
    #[arg(long, env = "BOOKING_KNOWLEDGE_MODEL")]
    pub model: Option<PathBuf>,
    /// A server that embeds as `OpenAI`'s does, up to and with `/v1`. What is embedded goes there: the clinics' documents, and callers' questions.
    #[arg(long, env = "BOOKING_EMBED_URL", default_value = "")]
    pub embed_url: EmbedUrl,
    /// Its models, each with its dimension, like `text-embedding-3-small@1536`. The first embeds; others serve what they embedded, until that is
    /// embedded anew. Several: separated by commas.
    #[arg(long, env = "BOOKING_EMBED_MODELS", default_value = "")]
    pub embed_models: EmbedModels,
    /// What lets us in there.
    #[arg(long, env = "BOOKING_EMBED_KEY", hide_env_values = true)]
    pub embed_key: Option<SecretString>,
    /// How long the server has to answer.
    #[arg(long, env = "BOOKING_EMBED_TIMEOUT", default_value = "20s", value_parser = humantime::parse_duration)]
    pub embed_timeout: Duration,
    /// How long a caller's question waits for its vector before documents are searched by their words alone.
    #[arg(long, env = "BOOKING_EMBED_WAIT", default_value = "300ms", value_parser = humantime::parse_duration)]
    pub embed_wait: Duration,
    /// How many organisations' documents this copy of the service prepares at the same time; 0: it leaves that to others.
    #[arg(long, env = "BOOKING_KNOWLEDGE_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=32))]
    pub knowledge_workers: u16,
    /// How many megabytes of passages' vectors are kept in memory, of the organisations that were asked last; 10,000 passages of the local model are
    /// 15. What is not kept is read again for each question.
    #[arg(long, env = "BOOKING_KNOWLEDGE_MEMORY", default_value_t = 64)]
    pub knowledge_memory: u16,
}

impl KnowledgeSettings {
    /// For programs that prepare no documents: every default, and no worker.
    pub fn idle() -> anyhow::Result<Self> {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            settings: KnowledgeSettings,
        }
        let alone = <Alone as clap::Parser>::try_parse_from(["idle", "--knowledge-workers=0"])?;
        let (embed_url, embed_models) = (EmbedUrl(None), EmbedModels(Vec::new()));
        Ok(Self { model: None, embed_url, embed_models, embed_key: None, ..alone.settings })
    }
}

/// Where an embedding server is; nothing: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedUrl(pub Option<Url>);

impl FromStr for EmbedUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(Self(None))
        } else {
            super::calendars::https_or_here(text).map(|url| Self(Some(url)))
        }
    }
}

/// An embedding server's models, the first first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedModels(pub Vec<EmbedModel>);

impl FromStr for EmbedModels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let models = text.split(',').filter(|model| !model.trim().is_empty());
        models.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// A model of an embedding server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedModel {
    /// As the server knows it.
    pub name: String,
    /// How many numbers its vectors have.
    pub dimension: usize,
}

impl FromStr for EmbedModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.trim().rsplit_once('@').and_then(|(name, dimension)| Some((name, dimension.parse().ok()?)));
        match parts {
            Some((name, dimension)) if !name.is_empty() && (1..=4_000).contains(&dimension) => {
                Ok(Self { name: name.to_owned(), dimension })
            }
            _ => {
                Err("must be a model with its dimension, 1 to 4000, like text-embedding-3-small@1536"
                    .to_owned())
            }
        }
    }
}

impl std::fmt::Display for EmbedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.dimension)
    }
}
