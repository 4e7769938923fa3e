-- Makes the audit readable for an organisation's administrators, and tampering with it visible.
--
-- Sealing is the operator's work, beside the bookings and never in their way: it numbers the rows that have no number yet and chains their
-- digests. What it prints, kept outside the database, proves later that nothing was edited, removed, swapped or cut.

-- The organisation that a request named, where it is another than the caller's.
alter table audit add column named_org_id text;

create index audit_by_time on audit (org_id, at, audit_id);
grant select on audit to frontdesk_service;

create table audit_seal (
    org_id uuid not null,
    -- From 1, without gaps.
    seq bigint not null,
    audit_id uuid not null,
    -- SHA-256 over the digest before it, this number and the row.
    digest bytea not null,
    constraint audit_seal_pkey primary key (org_id, seq),
    constraint audit_seal_row_unique unique (org_id, audit_id),
    constraint audit_seal_row foreign key (org_id, audit_id) references audit (org_id, audit_id),
    constraint audit_seal_digest_length check (octet_length(digest) = 32)
);

alter table audit_seal enable row level security;
alter table audit_seal force row level security;
create policy audit_seal_tenant on audit_seal
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select on audit to frontdesk_operator;
grant select, insert on audit_seal to frontdesk_operator;

-- The operator's verbs go through all organisations, one at a time: this is how they learn which there are. Ids alone.
create policy organisation_directory on organisation for select to frontdesk_operator using (true);
grant select (org_id) on organisation to frontdesk_operator;

-- Encrypting again, when the key that encrypts has changed.
grant select (org_id, webhook_credential_id, secret, previous_secret) on webhook_credential to frontdesk_operator;
grant update (secret, previous_secret) on webhook_credential to frontdesk_operator;
