//! The scenario `knowledge`: questions to 10,000 passages of one organisation, among a hundred organisations with documents.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use booking_service::{caller::Role, domain::ids::OrgId};
use proto::booking::v1::{
    KnowledgeRanking, PutDocumentRequest, SearchKnowledgeRequest,
    knowledge_service_client::KnowledgeServiceClient, put_document_request::Content,
};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use tests::{
    knowledge::{clinics, put, questions, sources},
    organisation::{self, bearer, token},
    stack::Stack,
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use crate::{
    Options,
    measured::Measured,
    report::{Limit, Report},
};

const HOME: &str = ".frontdesk/bench-knowledge";

const DOCUMENTS: usize = 20;
const PASSAGES: usize = 500;

/// Beside the large one.
const ORGANISATIONS: usize = 99;

/// As many as this are asked.
const QUESTIONS: usize = 3_000;

/// What questions begin with, so that each is asked once: none is answered out of the cache of vectors.
const BEGINNINGS: [&str; 8] = ["", "hi ", "um ", "hello ", "yes hi ", "please tell me ", "well ", "okay so "];

pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let model = options.model.to_string_lossy();
    let settings = [
        ("BOOKING_ORGANISATION_RATE", "1000000"),
        ("BOOKING_CREDENTIAL_RATE", "1000000"),
        ("BOOKING_KNOWLEDGE_MODEL", &*model),
    ];
    let stack = Stack::start(&options.places, home, &settings).await?;
    let mut superuser = stack
        .superuser()
        .await?
        .context("other organisations are written past the service, into a database of our own")?;
    let channel =
        Endpoint::from_shared(format!("http://{}", stack.grpc))?.tcp_nodelay(true).connect().await?;
    let org = OrgId::generate();
    organisation::create(&stack, org, "Bench", "Bench").await?;
    let token = token(home, org, "bench", Role::Admin, false)?;
    let began = Instant::now();
    fill(&channel, &token).await?;
    #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
    let rate = (DOCUMENTS * PASSAGES) as f64 / began.elapsed().as_secs_f64();
    for _ in 0..ORGANISATIONS {
        let other = OrgId::generate();
        organisation::create(&stack, other, "Other", "Other").await?;
        copy(&mut superuser, org, other).await?;
    }
    stack.analyze().await?;
    let asked = asked()?;
    // Once for warm caches and prepared statements.
    ask(&channel, &token, &asked[..asked.len() / 8]).await?;
    let measured = ask(&channel, &token, &asked[asked.len() / 8..]).await?;
    report.about.push(("passages prepared a second", format!("{rate:.0}")));
    report.goal("knowledge search, 10,000 passages, p99", "ms", measured.percentile(99), Limit::AtMost(25.0));
    report.goal("the same", "ms", measured.percentile(99), Limit::Ceiling(100.0));
    report.rows.push(("a question to 10,000 passages", measured));
    stack.stop()
}

/// Puts twenty documents of five hundred sections each.
async fn fill(channel: &Channel, token: &str) -> Result<()> {
    let mut sections = Vec::new();
    for folder in clinics()? {
        for source in sources(&folder)? {
            sections.extend(source.text.split("\n## ").skip(1).map(str::to_owned).collect::<Vec<_>>());
        }
    }
    for document in 0..DOCUMENTS {
        let mut text = String::new();
        for section in 0..PASSAGES {
            let number = document * PASSAGES + section;
            let (heading, body) = sections[number % sections.len()].split_once('\n').unwrap_or_default();
            writeln!(
                text,
                "## {heading} {number}\n\nAt place number {number}: {}\n",
                body.replace('\n', " ")
            )?;
        }
        let message = PutDocumentRequest {
            source_id: format!("document-{document}"),
            title: format!("Document {document}"),
            content: Some(Content::Markdown(text)),
            ..Default::default()
        };
        put(channel, token, message).await?;
    }
    Ok(())
}

/// Gives another organisation a hundred of the passages.
async fn copy(superuser: &mut PgConnection, from: OrgId, to: OrgId) -> Result<()> {
    let sql = format!(
        "insert into knowledge (org_id, model) select '{to}', model from knowledge where org_id = '{from}';
        insert into document (
            org_id, document_id, source_id, title, language, format, content, content_hash, state, passages, words, created_at, updated_at
        )
        select '{to}', document_id, source_id, title, language, format, '', content_hash, 'ready', 100, words / 5, created_at, updated_at
        from document where org_id = '{from}' and source_id = 'document-0';
        insert into passage (org_id, passage_id, document_id, place, heading, body)
        select '{to}', p.passage_id, p.document_id, p.place, p.heading, p.body
        from passage p join document d on d.org_id = '{to}' and d.document_id = p.document_id
        where p.org_id = '{from}' and p.place < 100;
        insert into passage_term (org_id, term, passage_id, document_id, frequency, words)
        select '{to}', t.term, t.passage_id, t.document_id, t.frequency, t.words
        from passage_term t join passage p on p.org_id = '{to}' and p.passage_id = t.passage_id where t.org_id = '{from}';
        insert into passage_vector (org_id, model, passage_id, document_id, vector)
        select '{to}', v.model, v.passage_id, v.document_id, v.vector
        from passage_vector v join passage p on p.org_id = '{to}' and p.passage_id = v.passage_id where v.org_id = '{from}'"
    );
    superuser.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    Ok(())
}

fn asked() -> Result<Vec<String>> {
    let mut asked = Vec::new();
    for beginning in BEGINNINGS {
        for folder in clinics()? {
            asked.extend(
                questions(&folder.join("questions.yaml"))?
                    .into_iter()
                    .map(|asked| format!("{beginning}{}", asked.ask)),
            );
        }
    }
    asked.sort();
    asked.dedup();
    // Mixed, the same way each time: whoever begins alike would stand together.
    asked.sort_by_key(|question| {
        question.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(1_099_511_628_211) ^ u64::from(byte))
    });
    asked.truncate(QUESTIONS);
    Ok(asked)
}

async fn ask(channel: &Channel, token: &str, asked: &[String]) -> Result<Measured> {
    let token = bearer(token)?;
    let mut service = KnowledgeServiceClient::new(channel.clone());
    let (began, mut latencies): (_, Vec<Duration>) = (Instant::now(), Vec::with_capacity(asked.len()));
    for question in asked {
        let mut request =
            Request::new(SearchKnowledgeRequest { question: question.clone(), ..Default::default() });
        request.metadata_mut().insert("authorization", token.clone());
        let sent = Instant::now();
        let found = service.search_knowledge(request).await?.into_inner();
        latencies.push(sent.elapsed());
        ensure!(found.ranking() != KnowledgeRanking::Words, "{question}: it was searched by words alone");
    }
    Ok(Measured::new(latencies, began.elapsed()))
}
