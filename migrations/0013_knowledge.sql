-- What an organisation's clinics tell their callers: documents, and the passages that answer.
--
-- A search never sees half of a document: what is being prepared lies in document_draft, and becomes passages in one transaction. Text-search
-- operators are not leakproof, so behind row security they could use no index; words are therefore looked up in a table, by equality.

do $$
begin
    if not exists (select from pg_extension where extname = 'vector') then
        raise exception 'the extension vector (pgvector) is missing; run `booking-service bootstrap` again, which makes it';
    end if;
end $$;

-- What is to be said to a caller who is in danger, or who asks for a doctor's advice.
alter table clinic
    add column emergency_sentence text,
    add column advice_sentence text,
    add constraint clinic_emergency_sentence_length check (char_length(emergency_sentence) between 1 and 500),
    add constraint clinic_advice_sentence_length check (char_length(advice_sentence) between 1 and 500);

-- One row for each organisation that has documents: the worker's place to stand, and which model its vectors are of.
create table knowledge (
    org_id uuid not null,
    -- Whose vectors are searched; none: by words alone.
    model text,
    -- When there is something to prepare.
    due_at timestamptz,
    -- Who prepares, until when: by the database's clock.
    lease_token uuid,
    lease_until timestamptz,
    constraint knowledge_pkey primary key (org_id),
    constraint knowledge_organisation foreign key (org_id) references organisation (org_id)
);

create index knowledge_due on knowledge (org_id, due_at) where due_at is not null;

create table document (
    org_id uuid not null,
    document_id uuid not null,
    -- The name that whoever put it has for it: under it, it is put again.
    source_id text not null,
    -- Where it counts; none: at all clinics.
    clinic_id uuid,
    -- What it is about, where that can be booked.
    service_id uuid,
    provider_id uuid,
    title text not null,
    category text,
    language text not null,
    format text not null,
    content bytea not null,
    -- SHA-256 of all that was put.
    content_hash bytea not null,
    state text not null,
    -- Why it could not be read, or what it waits for.
    trouble text,
    failures int not null default 0,
    -- Not before then, after a failure.
    retry_at timestamptz,
    -- How much of it is being prepared, and how much of that is done.
    draft_passages int not null default 0,
    prepared_passages int not null default 0,
    -- What is searched.
    passages int not null default 0,
    words int not null default 0,
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    indexed_at timestamptz,
    constraint document_pkey primary key (org_id, document_id),
    constraint document_knowledge foreign key (org_id) references knowledge (org_id),
    constraint document_clinic foreign key (org_id, clinic_id) references clinic (org_id, clinic_id),
    constraint document_service foreign key (org_id, service_id) references service (org_id, service_id),
    constraint document_provider foreign key (org_id, provider_id) references provider (org_id, provider_id),
    constraint document_source_unique unique (org_id, source_id),
    constraint document_source_id_length check (char_length(source_id) between 1 and 200),
    constraint document_title_length check (char_length(title) between 1 and 200),
    constraint document_format_known check (format in ('plain_text', 'markdown', 'html', 'pdf')),
    constraint document_state_known check (state in ('pending', 'preparing', 'ready', 'failed')),
    constraint document_content_hash_length check (octet_length(content_hash) = 32)
);

create table document_draft (
    org_id uuid not null,
    document_id uuid not null,
    place int not null,
    -- Of the document that it was cut from: what was put since is another one.
    content_hash bytea not null,
    heading text not null,
    body text not null,
    model text,
    vector halfvec,
    constraint document_draft_pkey primary key (org_id, document_id, place),
    constraint document_draft_document foreign key (org_id, document_id) references document (org_id, document_id) on delete cascade
);

create table passage (
    org_id uuid not null,
    passage_id uuid not null,
    document_id uuid not null,
    place int not null,
    heading text not null,
    body text not null,
    constraint passage_pkey primary key (org_id, passage_id),
    constraint passage_place_unique unique (org_id, document_id, place),
    constraint passage_document foreign key (org_id, document_id) references document (org_id, document_id) on delete cascade
);

-- Which passages a word is in.
create table passage_term (
    org_id uuid not null,
    term text not null,
    passage_id uuid not null,
    document_id uuid not null,
    -- How often; and how many words the passage has.
    frequency int not null,
    words int not null,
    -- With all that is asked for: the table itself need not be read.
    constraint passage_term_pkey primary key (org_id, term, passage_id) include (document_id, frequency, words),
    constraint passage_term_passage foreign key (org_id, passage_id) references passage (org_id, passage_id) on delete cascade
);

create index passage_term_by_passage on passage_term (org_id, passage_id);

-- A word with a letter left out, for each of its letters: how a word that was misheard or mistyped is found.
create table word_variant (
    org_id uuid not null,
    variant text not null,
    term text not null,
    constraint word_variant_pkey primary key (org_id, variant, term),
    constraint word_variant_organisation foreign key (org_id) references organisation (org_id)
);

-- Vectors of different models are never compared: a model is part of the key, and its dimension part of its name.
create table passage_vector (
    org_id uuid not null,
    model text not null,
    passage_id uuid not null,
    document_id uuid not null,
    vector halfvec not null,
    constraint passage_vector_pkey primary key (org_id, model, passage_id),
    constraint passage_vector_passage foreign key (org_id, passage_id) references passage (org_id, passage_id) on delete cascade
);

create index passage_vector_by_passage on passage_vector (org_id, passage_id);

alter table knowledge enable row level security;
alter table knowledge force row level security;
create policy knowledge_tenant on knowledge
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table document enable row level security;
alter table document force row level security;
create policy document_tenant on document
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table document_draft enable row level security;
alter table document_draft force row level security;
create policy document_draft_tenant on document_draft
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table passage enable row level security;
alter table passage force row level security;
create policy passage_tenant on passage
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table passage_term enable row level security;
alter table passage_term force row level security;
create policy passage_term_tenant on passage_term
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table word_variant enable row level security;
alter table word_variant force row level security;
create policy word_variant_tenant on word_variant
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table passage_vector enable row level security;
alter table passage_vector force row level security;
create policy passage_vector_tenant on passage_vector
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

-- The router sees in which organisations something has to be prepared or embedded anew, and nothing else.
create policy knowledge_directory on knowledge for select to frontdesk_router using (true);
grant select (org_id, due_at, model) on knowledge to frontdesk_router;

grant update (emergency_sentence, advice_sentence) on clinic to frontdesk_service;
grant select, insert on knowledge to frontdesk_service;
grant update (due_at) on knowledge to frontdesk_service;
grant select, insert, delete on document to frontdesk_service;
grant update (
    clinic_id, service_id, provider_id, title, category, language, format, content, content_hash, state, trouble, failures, retry_at,
    draft_passages, prepared_passages, version, updated_at
) on document to frontdesk_service;
grant select on passage, passage_term, word_variant, passage_vector to frontdesk_service;
grant delete on word_variant to frontdesk_service;

grant select on knowledge, document to frontdesk_worker;
grant update (model, due_at, lease_token, lease_until) on knowledge to frontdesk_worker;
grant update (state, trouble, failures, retry_at, draft_passages, prepared_passages, passages, words, indexed_at)
    on document to frontdesk_worker;
grant select, insert, delete on document_draft to frontdesk_worker;
grant update (model, vector) on document_draft to frontdesk_worker;
grant select, insert, delete on passage, passage_term, word_variant, passage_vector to frontdesk_worker;
