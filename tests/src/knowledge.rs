//! The documents of three clinics that we made up, and what callers ask them (`tests/knowledge/`).

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use proto::booking::v1::{
    self as pb, DocumentState, PutDocumentRequest, knowledge_service_client::KnowledgeServiceClient,
    put_document_request::Content,
};
use serde::Deserialize;
use tonic::{Code, Request, transport::Channel};

use crate::organisation::bearer;

/// Where the clinics are, a folder each.
pub const CLINICS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/knowledge");

/// A document as it lies in a folder.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its file's name.
    pub name: String,
    /// Its first line, without what makes it a heading.
    pub title: String,
    /// Markdown.
    pub text: String,
}

/// What a caller asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// In the caller's words.
    pub ask: String,
    /// Some words of the passage that answers; none: no document does.
    pub answer: Option<String>,
    /// Whether the documents say something like it.
    #[serde(default)]
    pub near: bool,
}

/// The folders of the clinics, by name.
pub fn clinics() -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(CLINICS)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    Ok(folders)
}

/// A clinic's documents, by name.
pub fn sources(folder: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path)?;
            let title = text.lines().next().unwrap_or_default().trim_start_matches('#').trim().to_owned();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            sources.push(Source { name, title, text });
        }
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(sources)
}

/// What is asked, as a file has it.
pub fn questions(file: &Path) -> Result<Vec<Asked>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| file.display().to_string())
}

/// Puts all documents of a clinic, and waits until they are found.
pub async fn put_all(channel: &Channel, token: &str, sources: &[Source]) -> Result<()> {
    for source in sources {
        let message = PutDocumentRequest {
            source_id: source.name.clone(),
            title: source.title.clone(),
            content: Some(Content::Markdown(source.text.clone())),
            ..Default::default()
        };
        put(channel, token, message).await?;
    }
    Ok(())
}

/// Puts a document, and waits until it is found.
pub async fn put(channel: &Channel, token: &str, message: PutDocumentRequest) -> Result<pb::Document> {
    let mut service = KnowledgeServiceClient::new(channel.clone()).max_encoding_message_size(16 << 20);
    let mut document = loop {
        let mut request = Request::new(message.clone());
        request.metadata_mut().insert("authorization", bearer(token)?);
        match service.put_document(request).await {
            // Another document of the organisation is just being let be found.
            Err(busy) if busy.code() == Code::Aborted => tokio::time::sleep(Duration::from_millis(50)).await,
            put => break put?.into_inner().document.context("a document was put")?,
        }
    };
    loop {
        match document.state() {
            DocumentState::Ready => return Ok(document),
            DocumentState::Failed => bail!("{}: {}", document.source_id, document.trouble),
            DocumentState::Pending | DocumentState::Preparing | DocumentState::Unspecified => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut request = Request::new(pb::GetDocumentRequest { document_id: document.id.clone() });
        request.metadata_mut().insert("authorization", bearer(token)?);
        document =
            service.get_document(request).await?.into_inner().document.context("the document is there")?;
    }
}
