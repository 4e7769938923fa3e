//! A Frontdesk with the local embedding model, and a clinic with documents.

use std::path::{Path, PathBuf};

use booking_service::config::KnowledgeSettings;
use proto::booking::v1::{
    self as pb, knowledge_service_client::KnowledgeServiceClient, put_document_request::Content,
};
use sqlx::{AssertSqlSafe, Executor as _};
use tests::knowledge::{CLINICS, put, sources};
use tonic::transport::Channel;

use super::{Setup, TestApp, database::TestDatabase, fixtures::Clinic, with_token};

/// Where the local model is, if `./x test` could fetch it.
#[expect(clippy::disallowed_methods, reason = "a test has no other settings")]
pub(crate) fn model() -> Option<PathBuf> {
    let model = std::env::var("FRONTDESK_MODEL").ok().map(PathBuf::from);
    let is_required = std::env::var("FRONTDESK_REQUIRE_PEERS").is_ok();
    assert!(model.is_some() || !is_required, "the embedding model is missing, which has to be there");
    model
}

/// With this model, and an indexer.
pub(crate) fn settings(model: Option<PathBuf>) -> KnowledgeSettings {
    KnowledgeSettings { model, knowledge_workers: 1, ..patient() }
}

/// A busy machine is not what these tests are about.
pub(crate) fn patient() -> KnowledgeSettings {
    KnowledgeSettings { embed_wait: std::time::Duration::from_secs(20), ..KnowledgeSettings::idle().unwrap() }
}

/// A Frontdesk that prepares documents in this way.
pub(crate) async fn with_settings(knowledge: KnowledgeSettings) -> TestApp {
    let database = TestDatabase::create().await;
    let url = database.service_url.clone();
    TestApp::set_up(database, &url, Setup { knowledge, ..Setup::usual() }).await
}

/// A clinic that can have documents.
pub(crate) struct Library {
    pub(crate) app: TestApp,
    pub(crate) clinic: Clinic,
}

impl Library {
    /// Without documents. `None`: the model could not be fetched.
    pub(crate) async fn empty() -> Option<Self> {
        let app = with_settings(settings(Some(model()?))).await;
        Some(Self { clinic: app.clinic().await, app })
    }

    /// With the demo clinic's documents.
    pub(crate) async fn open() -> Option<Self> {
        let library = Self::empty().await?;
        for source in sources(&Path::new(CLINICS).join("elm-street-dental")).unwrap() {
            library.put_titled(&library.clinic, &source.name, &source.title, &source.text).await;
        }
        Some(library)
    }

    /// What an administrator hears.
    pub(crate) async fn ask(&self, question: &str) -> pb::SearchKnowledgeResponse {
        self.ask_of(&self.clinic, question).await
    }

    /// What another clinic's administrator hears.
    pub(crate) async fn ask_of(&self, clinic: &Clinic, question: &str) -> pb::SearchKnowledgeResponse {
        let request = pb::SearchKnowledgeRequest { question: question.into(), ..Default::default() };
        self.app.knowledge().search_knowledge(with_token(&clinic.admin, request)).await.unwrap().into_inner()
    }

    /// Puts Markdown, and waits until it is found.
    pub(crate) async fn put(&self, clinic: &Clinic, source: &str, text: &str) -> pb::Document {
        self.put_titled(clinic, source, "Visiting us", text).await
    }

    async fn put_titled(&self, clinic: &Clinic, source: &str, title: &str, text: &str) -> pb::Document {
        let content = Some(Content::Markdown(text.into()));
        self.put_message(
            clinic,
            pb::PutDocumentRequest {
                source_id: source.into(),
                title: title.into(),
                content,
                ..Default::default()
            },
        )
        .await
    }

    /// Puts a document, and waits until it is found.
    pub(crate) async fn put_message(&self, clinic: &Clinic, message: pb::PutDocumentRequest) -> pb::Document {
        put(&self.app.grpc, &clinic.admin, message).await.unwrap()
    }

    /// Puts a document, and waits until it is found, or cannot be read.
    pub(crate) async fn put_content(&self, clinic: &Clinic, source: &str, content: Content) -> pb::Document {
        let message = pb::PutDocumentRequest {
            source_id: source.into(),
            title: "Visiting us".into(),
            content: Some(content),
            ..Default::default()
        };
        self.app.knowledge().put_document(with_token(&clinic.admin, message)).await.unwrap();
        self.app
            .eventually("select not exists (select from document where state in ('pending', 'preparing'))")
            .await;
        self.document(clinic, source).await
    }

    /// A document by its source.
    pub(crate) async fn document(&self, clinic: &Clinic, source: &str) -> pb::Document {
        let request = pb::ListDocumentsRequest::default();
        let listed = self
            .app
            .knowledge()
            .list_documents(with_token(&clinic.admin, request))
            .await
            .unwrap()
            .into_inner()
            .documents;
        listed.into_iter().find(|document| document.source_id == source).unwrap()
    }

    /// One more clinic of the organisation.
    pub(crate) async fn second_clinic(&self) -> String {
        let request = pb::CreateClinicRequest {
            name: "Uptown".into(),
            time_zone: "America/New_York".into(),
            ..Default::default()
        };
        self.app
            .clinics()
            .create_clinic(with_token(&self.clinic.admin, request))
            .await
            .unwrap()
            .into_inner()
            .clinic
            .unwrap()
            .id
    }
}

/// A PDF as a word processor's printer makes one: a page for each text, in lines.
pub(crate) fn pdf(pages: &[String]) -> Vec<u8> {
    let mut objects: Vec<String> = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".into(),
        String::new(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".into(),
    ];
    let mut kids = Vec::new();
    for page in pages {
        let lines: Vec<String> = page.split('\n').flat_map(wrapped).collect();
        let shown: Vec<String> = lines
            .iter()
            .map(|line| {
                format!("({}) Tj T*", line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)"))
            })
            .collect();
        let stream = format!("BT /F1 11 Tf 14 TL 60 780 Td {} ET", shown.join(" "));
        let content = objects.len() + 1;
        objects.push(format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()));
        kids.push(format!("{} 0 R", objects.len() + 1));
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {content} 0 R >>"
        ));
    }
    objects[1] = format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len());
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let table = file.len();
    let entries = places.iter().map(|place| format!("{place:010} 00000 n \n")).collect::<Vec<_>>().concat();
    let size = objects.len() + 1;
    file.extend(format!("xref\n0 {size}\n0000000000 65535 f \n{entries}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").bytes());
    file
}

fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        if lines.last().is_some_and(|last| last.len() + word.len() > 85) {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

impl TestApp {
    /// Something in every table of documents, past the indexer. Gives the document's id.
    pub(crate) async fn documents(&self, clinic: &Clinic) -> String {
        let content = Some(Content::PlainText("There is parking.".into()));
        let message = pb::PutDocumentRequest {
            source_id: "s".into(),
            title: "Parking".into(),
            content,
            ..Default::default()
        };
        let put =
            self.knowledge().put_document(with_token(&clinic.admin, message)).await.unwrap().into_inner();
        let sql = format!(
            "insert into document_draft (org_id, document_id, place, content_hash, heading, body)
                select org_id, document_id, 0, content_hash, '', 'x' from document where org_id = '{org}';
            insert into passage (org_id, passage_id, document_id, place, heading, body)
                select org_id, document_id, document_id, 0, '', 'x' from document where org_id = '{org}';
            insert into passage_term (org_id, term, passage_id, document_id, frequency, words)
                select org_id, 'x', document_id, document_id, 1, 1 from document where org_id = '{org}';
            insert into word_variant (org_id, variant, term) values ('{org}', 'x', 'x');
            insert into passage_vector (org_id, model, passage_id, document_id, vector)
                select org_id, 'x', document_id, document_id, '[1,2]' from document where org_id = '{org}'",
            org = clinic.org
        );
        let mut superuser = self.database.superuser().await;
        superuser.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        put.document.unwrap().id
    }
}

impl TestApp {
    /// Calls the service of documents.
    pub(crate) fn knowledge(&self) -> KnowledgeServiceClient<Channel> {
        KnowledgeServiceClient::new(self.grpc.clone()).max_encoding_message_size(64 << 20)
    }
}

/// What was found, as it stands in the documents.
pub(crate) fn texts(found: &pb::SearchKnowledgeResponse) -> Vec<&str> {
    found.passages.iter().map(|passage| passage.text.as_str()).collect()
}
