//! What Postgres makes of a search of documents when there are many: as the service's own login, under row security, with the plan that the service gets.

use serde_json::Value;
use tests::statements::{BY_WORDS, CANDIDATES};

use crate::{
    harness::database::TestDatabase,
    query_plans::{nodes, plan, run},
};

const ORG: &str = "'00000000-0000-0000-0000-000000000000'";
const PASSAGES: u32 = 4_000;

/// An organisation with so many passages, written past the service: a word that half of them have, one that a tenth has, a rare one and twenty others.
const FILL: &str = "
    insert into organisation (org_id, name, created_at) values ('00000000-0000-0000-0000-000000000000', 'Large', now());
    insert into knowledge (org_id, model) select org_id, 'model@64' from organisation;
    insert into document (
        org_id, document_id, source_id, title, language, format, content, content_hash, state, passages, words, created_at, updated_at
    )
    select org_id, ('0d' || lpad(to_hex(n), 30, '0'))::uuid, 'document ' || n, 'Document ' || n, 'en', 'plain_text', '',
        decode(repeat('ab', 32), 'hex'), 'ready', 200, 4000, now(), now()
    from organisation, generate_series(0, 19) n;
    insert into passage (org_id, passage_id, document_id, place, heading, body)
    select org_id, ('0e' || lpad(to_hex(n), 30, '0'))::uuid, ('0d' || lpad(to_hex(n % 20), 30, '0'))::uuid, n / 20, 'Heading', 'Body ' || n
    from organisation, generate_series(0, 3999) n;
    insert into passage_term (org_id, term, passage_id, document_id, frequency, words)
    select org_id, term, passage_id, document_id, 1, 20
    from passage p
    cross join lateral (select ('x' || right(passage_id::text, 8))::bit(32)::int as n) number
    cross join lateral (
        select 'half' as term where n % 2 = 0
        union all select 'tenth' where n % 10 = 0
        union all select 'rare' where n % 400 = 0
        union all select 'other' || word from generate_series(1, 20) word
    ) t;
    insert into passage_vector (org_id, model, passage_id, document_id, vector)
    select org_id, 'model@64', passage_id, document_id,
        (select array_agg(random() - 0.5) from generate_series(1, 64) where passage_id is not null)::vector::halfvec
    from passage
";

/// A search once went through all hits of its words for each candidate, and through all passages for their documents. What is weighed is read once now, and
/// what was chosen is read by its key. How long it takes is measured by `./x bench knowledge`.
#[tokio::test]
async fn a_search_reads_what_it_weighs_once_and_what_it_chose_by_its_key() {
    let database = TestDatabase::create().await;
    let mut superuser = database.superuser().await;
    run(&mut superuser, FILL.to_owned()).await;
    for table in ["document", "passage", "passage_term", "passage_vector"] {
        run(&mut superuser, format!("vacuum analyze {table}")).await;
    }
    let mut service = database.service_login().await;
    run(&mut service, format!("set app.org_id = {ORG}")).await;
    run(&mut service, BY_WORDS.prepare()).await;
    run(&mut service, CANDIDATES.prepare()).await;
    let terms = "'{half,tenth,rare}'";
    let by_words = plan(&mut service, BY_WORDS, &[ORG, terms, "4000", "20", "null", "30", "2000"]).await;
    let some: Vec<String> = (0..30).map(|number| format!("0e{number:030x}")).collect();
    let some = format!("'{{{}}}'", some.join(","));
    let candidates = plan(&mut service, CANDIDATES, &[ORG, terms, &some]).await;
    assert_eq!(candidates["Actual Rows"].as_f64(), Some(30.0), "{candidates:#}");
    // The hits, through a few steps, and little for each candidate.
    for plan in [&by_words, &candidates] {
        let read: f64 = nodes(plan).into_iter().map(read).sum();
        assert!(read < 6.0 * f64::from(PASSAGES), "{read} rows: {plan:#}");
    }
}

/// How many rows a step of a plan goes through, each time that it is done.
fn read(step: &Value) -> f64 {
    let number = |of: &str| step[of].as_f64().unwrap_or_default();
    let rows = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"].map(number);
    rows.iter().sum::<f64>() * number("Actual Loops")
}
