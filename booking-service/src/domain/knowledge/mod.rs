//! What an organisation's clinics tell their callers: documents, and the passages that answer.

pub mod answer;
pub mod asking;
pub mod concepts;
pub mod cutting;
pub mod guard;
pub mod question;
pub mod ranking;
pub mod reading;
pub mod words;

use jiff::Timestamp;

use super::{
    ids::{ClinicId, DocumentId, PassageId, ProviderId, ServiceId},
    text::Name,
};

/// The largest document, in bytes as it is put.
pub const LARGEST: usize = 8 << 20;

/// More passages than these are not made of one document.
pub const MOST_PASSAGES: usize = 5_000;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Paragraphs, with empty lines between them.
    PlainText,
    /// `CommonMark`.
    Markdown,
    /// A page.
    Html,
    /// Pages, of which the text is read.
    Pdf,
}

impl Format {
    const ALL: [Self; 4] = [Self::PlainText, Self::Markdown, Self::Html, Self::Pdf];

    /// As the database has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PlainText => "plain_text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Pdf => "pdf",
        }
    }

    /// Reads what the database has.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }
}

/// Where a document is on its way to those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentState {
    /// It waits.
    Pending,
    /// It was cut into passages, which are being embedded.
    Preparing,
    /// All of it is found.
    Ready,
    /// It cannot be read.
    Failed,
}

impl DocumentState {
    const ALL: [Self; 4] = [Self::Pending, Self::Preparing, Self::Ready, Self::Failed];

    /// As the database has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// Reads what the database has.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is said of a document, beside its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentDetails {
    /// Where it counts; `None`: at all clinics.
    pub clinic: Option<ClinicId>,
    /// The service that it is about.
    pub service: Option<ServiceId>,
    /// The provider whom it is about.
    pub provider: Option<ProviderId>,
    /// What it is called, as one says it.
    pub title: String,
    /// What kind of thing it is about, in the organisation's own words.
    pub category: Option<String>,
    /// Two letters of ISO 639-1.
    pub language: String,
    /// How it is written.
    pub format: Format,
}

/// A document as it is kept, but for its content.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// The name that whoever put it has for it.
    pub source: String,
    /// What is said of it.
    pub details: DocumentDetails,
    /// SHA-256 of all that was put.
    pub hash: Vec<u8>,
    /// Where it is on its way.
    pub state: DocumentState,
    /// Why it cannot be read, or what it waits for.
    pub trouble: Option<String>,
    /// Of how many passages so many are prepared.
    pub progress: Progress,
    /// How many passages are found.
    pub passages: i32,
    /// Rises with each change.
    pub version: i64,
    /// When it was put first.
    pub created_at: Timestamp,
    /// When it was last put with another content.
    pub updated_at: Timestamp,
    /// Since when its passages are found as they are.
    pub indexed_at: Option<Timestamp>,
}

/// How far a document is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The passages that it was cut into; 0: it was not cut yet.
    pub of: i32,
    /// Those that are ready.
    pub done: i32,
}

/// A passage that may answer.
#[derive(Clone, Debug)]
pub struct Passage {
    /// Its id.
    pub id: PassageId,
    /// What it was cut from.
    pub document: DocumentId,
    /// The name that whoever put that has for it.
    pub source: String,
    /// What that is called.
    pub title: String,
    /// What kind of thing that is about.
    pub category: Option<String>,
    /// Its language.
    pub language: String,
    /// Under which headings it stands.
    pub heading: String,
    /// What it says.
    pub body: String,
    /// The service that it is about, if that can be booked.
    pub service: Option<(ServiceId, String)>,
    /// The provider whom it is about, if they can be booked.
    pub provider: Option<(ProviderId, String)>,
}

/// Reads a language: two letters of ISO 639-1, of which `None` are English.
pub fn language(text: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    match text.as_str() {
        "" => Ok("en".to_owned()),
        _ if text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_lowercase()) => Ok(text),
        _ => Err("is not a language like en (ISO 639-1)".to_owned()),
    }
}

/// Reads a title.
pub fn title(text: &str) -> Result<String, String> {
    Name::parse(text).map(|title| title.as_str().to_owned())
}
