//! The messages about documents and what they say.

use prost::Message as _;
use proto::booking::v1::{self as pb, put_document_request::Content};
use sha2::{Digest as _, Sha256};

use super::convert::{Check, answers, names, pages, timestamp};
use crate::{
    domain::{
        ids::DocumentId,
        knowledge::{
            self, Document, DocumentDetails, DocumentState, Format, LARGEST, Passage, Progress,
            concepts::ANALYSIS, guard::Guard, ranking::Ranking,
        },
        text,
    },
    error::{Error, Result},
    ops::{
        Done,
        manage_documents::{ListDocuments, PutDocument},
        search_knowledge::{Found, Knowledge, SearchKnowledge},
    },
};

const LONGEST_SOURCE: usize = 200;
const LONGEST_CATEGORY: usize = 60;
const LONGEST_QUESTION: usize = 1_000;

const USUAL_LIMIT: usize = 3;
const MOST: i32 = 10;
const USUAL_TOKENS: usize = 600;

impl TryFrom<pb::PutDocumentRequest> for PutDocument {
    type Error = Error;

    fn try_from(request: pb::PutDocumentRequest) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update([ANALYSIS]);
        hash.update(request.encode_to_vec());
        let pb::PutDocumentRequest {
            source_id,
            title,
            clinic_id,
            category,
            language,
            service_id,
            provider_id,
            content,
        } = request;
        let mut check = Check::default();
        let source = check.text("source_id", &source_id, LONGEST_SOURCE);
        if source.is_none() && source_id.trim().is_empty() {
            check.field::<()>("source_id", Err("is required".to_owned()));
        }
        let title = check.field("title", knowledge::title(&title));
        let language = check.field("language", knowledge::language(&language));
        let category = check.text("category", &category, LONGEST_CATEGORY);
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let service = check.optional_id("service_id", &service_id);
        let provider = check.optional_id("provider_id", &provider_id);
        let (field, format, content) = match content {
            None => ("content", Format::PlainText, Vec::new()),
            Some(Content::PlainText(text)) => ("plain_text", Format::PlainText, text.into_bytes()),
            Some(Content::Markdown(text)) => ("markdown", Format::Markdown, text.into_bytes()),
            Some(Content::Html(text)) => ("html", Format::Html, text.into_bytes()),
            Some(Content::Pdf(bytes)) => ("pdf", Format::Pdf, bytes),
        };
        match content.len() {
            0 => {
                check.field::<()>(field, Err("is required".to_owned()));
            }
            length if length > LARGEST => {
                check.field::<()>(field, Err(format!("is larger than {} MiB", LARGEST >> 20)));
            }
            _ => {}
        }
        let command = || {
            let details = DocumentDetails {
                clinic,
                service,
                provider,
                title: title?,
                category,
                language: language?,
                format,
            };
            Some(Self { source: source?, details, content, hash: hash.finalize().to_vec() })
        };
        check.finish(command())
    }
}

names!(GetDocumentRequest.document_id => DocumentId);

/// Its own type: a macro cannot give one type twice.
impl TryFrom<pb::DeleteDocumentRequest> for DocumentId {
    type Error = Error;

    fn try_from(request: pb::DeleteDocumentRequest) -> Result<Self> {
        pb::GetDocumentRequest { document_id: request.document_id }.try_into()
    }
}

impl TryFrom<pb::ListDocumentsRequest> for ListDocuments {
    type Error = Error;

    fn try_from(request: pb::ListDocumentsRequest) -> Result<Self> {
        let pb::ListDocumentsRequest { clinic_id, category, page_size, page_token } = request;
        let mut check = Check::default();
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let category = check.text("category", &category, LONGEST_CATEGORY);
        let page = check.page(page_size, &page_token);
        check.finish(page.map(|(size, after)| Self { clinic, category, size, after }))
    }
}

impl TryFrom<pb::SearchKnowledgeRequest> for SearchKnowledge {
    type Error = Error;

    fn try_from(request: pb::SearchKnowledgeRequest) -> Result<Self> {
        let pb::SearchKnowledgeRequest { question, clinic_id, category, limit, token_budget } = request;
        let mut check = Check::default();
        let asked = text::optional(&question, LONGEST_QUESTION).and_then(|asked| {
            asked
                .filter(|asked| asked.chars().any(char::is_alphanumeric))
                .ok_or_else(|| "is required".to_owned())
        });
        let question = check.field("question", asked);
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let category = check.text("category", &category, LONGEST_CATEGORY);
        let limit = check.field("limit", number(limit, 1, MOST, USUAL_LIMIT));
        let tokens = check.field("token_budget", number(token_budget, 50, 4_000, USUAL_TOKENS));
        let command = || Some(Self { question: question?, clinic, category, limit: limit?, tokens: tokens? });
        check.finish(command())
    }
}

fn number(given: i32, least: i32, most: i32, usual: usize) -> Result<usize, String> {
    match given {
        0 => Ok(usual),
        given if (least..=most).contains(&given) => Ok(usize::try_from(given).unwrap_or(usual)),
        _ => Err(format!("must be from {least} to {most}, or 0 for {usual}")),
    }
}

impl From<DocumentState> for pb::DocumentState {
    fn from(state: DocumentState) -> Self {
        match state {
            DocumentState::Pending => Self::Pending,
            DocumentState::Preparing => Self::Preparing,
            DocumentState::Ready => Self::Ready,
            DocumentState::Failed => Self::Failed,
        }
    }
}

impl From<Document> for pb::Document {
    fn from(document: Document) -> Self {
        let Document {
            id,
            source,
            details,
            hash: _,
            state,
            trouble,
            progress,
            passages,
            version,
            created_at,
            updated_at,
            indexed_at,
        } = document;
        let DocumentDetails { clinic, service, provider, title, category, language, format: _ } = details;
        let Progress { of, done } = progress;
        Self {
            id: id.to_string(),
            source_id: source,
            title,
            clinic_id: clinic.map(|id| id.to_string()).unwrap_or_default(),
            category: category.unwrap_or_default(),
            language,
            service_id: service.map(|id| id.to_string()).unwrap_or_default(),
            provider_id: provider.map(|id| id.to_string()).unwrap_or_default(),
            state: pb::DocumentState::from(state).into(),
            trouble: trouble.unwrap_or_default(),
            passages_total: of,
            passages_prepared: done,
            passages_found: passages,
            version,
            create_time: Some(timestamp(created_at)),
            update_time: Some(timestamp(updated_at)),
            index_time: indexed_at.map(timestamp),
        }
    }
}

answers!(
    Document => PutDocumentResponse.document,
    Document => GetDocumentResponse.document,
);
pages!(Document => ListDocumentsResponse.documents);

impl From<Done> for pb::DeleteDocumentResponse {
    fn from(Done: Done) -> Self {
        Self {}
    }
}

impl From<Found> for pb::KnowledgePassage {
    fn from(found: Found) -> Self {
        let Found { passage, said, score } = found;
        let Passage { id, document, source, title, category, language: _, heading, body, service, provider } =
            passage;
        let (service_id, service_name) = service.map(|(id, name)| (id.to_string(), name)).unwrap_or_default();
        let (provider_id, provider_name) =
            provider.map(|(id, name)| (id.to_string(), name)).unwrap_or_default();
        Self {
            id: id.to_string(),
            document_id: document.to_string(),
            source_id: source,
            title,
            heading,
            text: body,
            spoken_text: said,
            score,
            service_id,
            service_name,
            provider_id,
            provider_name,
            category: category.unwrap_or_default(),
        }
    }
}

impl From<Knowledge> for pb::SearchKnowledgeResponse {
    fn from(knowledge: Knowledge) -> Self {
        let (outcome, passages, sentence, ranking) = match knowledge {
            Knowledge::Guarded(guard, sentence) => {
                let outcome = match guard {
                    Guard::Emergency => pb::KnowledgeOutcome::Emergency,
                    Guard::MedicalAdvice => pb::KnowledgeOutcome::MedicalAdvice,
                };
                (outcome, Vec::new(), sentence, pb::KnowledgeRanking::Unspecified)
            }
            Knowledge::Says(found, ranking) => {
                let outcome = if found.is_empty() {
                    pb::KnowledgeOutcome::NotSaid
                } else {
                    pb::KnowledgeOutcome::Answered
                };
                let ranking = match ranking {
                    Ranking::Both | Ranking::Vectors => pb::KnowledgeRanking::Hybrid,
                    Ranking::Words => pb::KnowledgeRanking::Words,
                };
                (outcome, found, String::new(), ranking)
            }
        };
        Self {
            outcome: outcome.into(),
            passages: passages.into_iter().map(Into::into).collect(),
            sentence,
            ranking: ranking.into(),
        }
    }
}
