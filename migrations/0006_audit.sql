-- Who did what, and who tried to. Append only: nobody who logs in may change or remove a row.
--
-- A change and its audit row are one transaction. A refused attempt is written by a transaction of its own. No row holds
-- a patient's data, only ids.

create table audit (
    org_id uuid not null,
    audit_id uuid not null,
    at timestamptz not null,
    -- The credential's subject, and its role.
    actor text not null,
    actor_role text not null,
    -- The RPC.
    action text not null,
    outcome text not null,
    -- Why it was refused: the API's stable reason.
    reason text,
    -- What it was about, as the request named it: there need not be such a thing.
    resource text,
    resource_id text,
    -- Ties the row to log lines and to the telephone call.
    request_id text,
    call_id text,
    constraint audit_pkey primary key (org_id, audit_id),
    constraint audit_outcome_known check (outcome in ('done', 'refused')),
    constraint audit_refusal_has_reason check ((outcome = 'refused') = (reason is not null))
);

alter table audit enable row level security;
alter table audit force row level security;
create policy audit_tenant on audit
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant insert on audit to frontdesk_service;

-- Attempts with no credential, or one that was not believed: there is no organisation to file them under. Nothing of the
-- credential is kept.
create table auth_failure (
    auth_failure_id uuid not null,
    at timestamptz not null,
    action text not null,
    reason text not null,
    request_id text,
    constraint auth_failure_pkey primary key (auth_failure_id)
);

grant insert on auth_failure to frontdesk_service;
