//! A server that embeds as `OpenAI`'s does: `POST {base}/embeddings`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::future::{BoxFuture, FutureExt as _};
use http::{StatusCode, header};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{Embedder, Purpose, normalised, pause};
use crate::config::{EmbedModel, KnowledgeSettings};

/// So many texts go in one request.
const BATCH: usize = 64;

/// What nobody waits for is tried so often.
const TRIES: u32 = 4;

/// A server that wants to be left alone for longer is left to the indexer's own patience.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Endpoint {
    url: Url,
    key: Option<SecretString>,
    /// With its dimension.
    name: String,
    model: EmbedModel,
    client: Client,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

/// What came of one request.
enum Tried {
    Done(Answer),
    /// It may go better after so long, if the server says how long.
    Later(String, Option<Duration>),
}

impl Endpoint {
    pub(super) fn new(base: &Url, model: &EmbedModel, settings: &KnowledgeSettings) -> Result<Self> {
        let url = format!("{}/embeddings", base.as_str().trim_end_matches('/')).parse()?;
        let client = Client::builder()
            .timeout(settings.embed_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            url,
            key: settings.embed_key.clone(),
            name: model.to_string(),
            model: model.clone(),
            client,
        })
    }

    async fn batch(&self, texts: &[String], most: u32) -> Result<Vec<Vec<f32>>> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.ask(texts).await? {
                Tried::Done(answer) => return self.check(answer, texts.len()),
                Tried::Later(why, _) if tried >= most => bail!(why),
                Tried::Later(why, Some(after)) if after > LONGEST_PAUSE => bail!(why),
                Tried::Later(_, after) => tokio::time::sleep(after.unwrap_or_else(|| pause(tried))).await,
            }
        }
    }

    async fn ask(&self, texts: &[String]) -> Result<Tried> {
        // Some servers answer in base64 otherwise.
        let body = json!({ "model": self.model.name, "input": texts, "encoding_format": "float" });
        let mut request = self.client.post(self.url.clone()).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Ok(Tried::Later(
                    format!("the embedding server cannot be reached: {}", error.without_url()),
                    None,
                ));
            }
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Ok(Tried::Later(
                format!("the embedding server answered {status}"),
                retry_after(&response),
            ));
        }
        ensure!(status.is_success(), "the embedding server answered {status}");
        Ok(Tried::Done(
            response
                .json()
                .await
                .map_err(reqwest::Error::without_url)
                .context("the embedding server's answer")?,
        ))
    }

    fn check(&self, answer: Answer, expected: usize) -> Result<Vec<Vec<f32>>> {
        let mut data = answer.data;
        data.sort_by_key(|item| item.index);
        ensure!(
            data.iter().map(|item| item.index).eq(0..expected),
            "the embedding server gave {} vectors for {expected} texts",
            data.len()
        );
        let dimension = self.model.dimension;
        let other = data.iter().find(|item| item.embedding.len() != dimension);
        if let Some(other) = other {
            bail!(
                "the embedding server's vectors have {} dimensions, not {dimension}",
                other.embedding.len()
            );
        }
        Ok(data.into_iter().map(|item| normalised(item.embedding)).collect())
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl Embedder for Endpoint {
    fn model(&self) -> &str {
        &self.name
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> BoxFuture<'_, Result<Vec<Vec<f32>>>> {
        let tries = if purpose == Purpose::Question { 1 } else { TRIES };
        async move {
            let mut vectors = Vec::with_capacity(texts.len());
            for texts in texts.chunks(BATCH) {
                vectors.extend(self.batch(texts, tries).await?);
            }
            Ok(vectors)
        }
        .boxed()
    }
}
