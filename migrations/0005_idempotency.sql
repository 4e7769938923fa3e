-- What was done under which key, so that a repeated request finds it instead of doing it again.
--
-- The row is written in the transaction of the work: a refusal rolls back and leaves no key. It holds the id of what was
-- made, not the answer: a repeated request is told how things are now. Rows older than 24 hours are void.

create table idempotency (
    org_id uuid not null,
    rpc text not null,
    key text not null,
    -- SHA-256 of the request: the same key with another request is a mistake worth reporting.
    fingerprint bytea not null,
    resource_id uuid not null,
    created_at timestamptz not null,
    constraint idempotency_pkey primary key (org_id, rpc, key),
    constraint idempotency_organisation foreign key (org_id) references organisation (org_id),
    constraint idempotency_key_length check (char_length(key) between 1 and 255),
    constraint idempotency_fingerprint_length check (octet_length(fingerprint) = 32)
);

alter table idempotency enable row level security;
alter table idempotency force row level security;
create policy idempotency_tenant on idempotency
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert, delete on idempotency to frontdesk_service;
