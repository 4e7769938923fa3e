-- What machines come with: agent keys, which travel with each request, and webhook credentials, with which each request is signed.

-- Of the key's secret only a digest is kept: it has 160 random bits, so there is nothing to guess and no need to be slow.
create table agent_key (
    org_id uuid not null,
    agent_key_id uuid not null,
    name text not null,
    secret_digest bytea not null,
    -- Where it may act; null: at every clinic.
    clinic_ids uuid[],
    -- What it may do, by the names of the tools; null: all of them.
    tools text[],
    -- Whether it speaks for callers on the telephone.
    voice boolean not null,
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    -- To the minute: noting every use would make each request a write.
    last_used_at timestamptz,
    revoked_at timestamptz,
    constraint agent_key_pkey primary key (org_id, agent_key_id),
    constraint agent_key_organisation foreign key (org_id) references organisation (org_id),
    constraint agent_key_name_length check (char_length(name) between 1 and 120),
    constraint agent_key_secret_digest_length check (octet_length(secret_digest) = 32)
);

create table webhook_credential (
    org_id uuid not null,
    webhook_credential_id uuid not null,
    name text not null,
    -- How the sender signs: algorithm, headers, prefix, format, encoding.
    plan jsonb not null,
    -- Encrypted; bound to organisation, table, row and column. The one before it is believed, too, until a rotation has reached the sender.
    secret bytea not null,
    previous_secret bytea,
    previous_until timestamptz,
    clinic_ids uuid[],
    tools text[],
    voice boolean not null,
    created_by text not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint webhook_credential_pkey primary key (org_id, webhook_credential_id),
    constraint webhook_credential_organisation foreign key (org_id) references organisation (org_id),
    constraint webhook_credential_name_length check (char_length(name) between 1 and 120),
    constraint webhook_credential_previous_ends check ((previous_secret is null) = (previous_until is null))
);

-- Which signatures have been here: each is good once. By digest, for as long as its timestamp could be believed.
create table webhook_delivery (
    org_id uuid not null,
    webhook_credential_id uuid not null,
    digest bytea not null,
    -- Whose it was: the gateway's own repetition of one request is no replay.
    request_id text,
    forget_at timestamptz not null,
    constraint webhook_delivery_pkey primary key (org_id, webhook_credential_id, digest),
    constraint webhook_delivery_credential foreign key (org_id, webhook_credential_id)
        references webhook_credential (org_id, webhook_credential_id),
    constraint webhook_delivery_digest_length check (octet_length(digest) = 32)
);

create index webhook_delivery_by_end on webhook_delivery (org_id, forget_at);

alter table agent_key enable row level security;
alter table agent_key force row level security;
create policy agent_key_tenant on agent_key
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table webhook_credential enable row level security;
alter table webhook_credential force row level security;
create policy webhook_credential_tenant on webhook_credential
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table webhook_delivery enable row level security;
alter table webhook_delivery force row level security;
create policy webhook_delivery_tenant on webhook_delivery
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on agent_key to frontdesk_auth;
grant update (last_used_at, revoked_at) on agent_key to frontdesk_auth;
grant select, insert on webhook_credential to frontdesk_auth;
grant update (secret, previous_secret, previous_until, revoked_at) on webhook_credential to frontdesk_auth;
grant select, insert, delete on webhook_delivery to frontdesk_auth;
grant update (request_id) on webhook_delivery to frontdesk_auth;
-- The scope of a new key names clinics.
grant select on clinic to frontdesk_auth;
