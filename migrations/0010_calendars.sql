-- The providers' calendars, and what the worker knows of its way there.
--
-- Two logins come with it. frontdesk_worker sees what goes into an event, and the calendars' secrets (encrypted). frontdesk_router
-- sees in which organisations something is due, and nothing else: the worker then goes there, one organisation at a time.

create table calendar (
    org_id uuid not null,
    calendar_id uuid not null,
    provider_id uuid not null,
    -- As Google knows it: an address, or 'primary' for the main calendar of whoever consented.
    google_calendar_id text not null,
    -- What people call it there.
    name text not null,
    -- How we are let in: a person's consent, or a service account's key.
    kind text not null,
    -- The refresh token or the key, encrypted; bound to organisation, table, row and column. Gone when it is disconnected.
    secret bytea,
    -- 'reauthorise': Google does not believe the credential any more; everything waits until somebody connects it again.
    state text not null,
    -- What is wrong, where something is.
    trouble text,
    -- Which installation of ours writes here: a copy of the database that is restored elsewhere must not.
    installation text not null,
    -- What of the patient an event shows, beyond that there is somebody.
    shows_patient_name boolean not null,
    shows_patient_phone boolean not null,
    shows_service boolean not null,
    -- What to do about an event that a person deleted: 'ask' somebody, or 'recreate' it.
    deleted_events text not null,
    connected_by text not null,
    created_at timestamptz not null,
    connected_at timestamptz not null,
    last_success_at timestamptz,
    -- Who is writing to it, until when: by the database's clock, as all below.
    lease_token uuid,
    lease_until timestamptz,
    -- Google is left alone until then, after so many failures in a row.
    paused_until timestamptz,
    failures int not null default 0,
    -- What may still be asked of Google at once, as it was then.
    allowance real not null default 0,
    allowance_at timestamptz not null default 'epoch',
    constraint calendar_pkey primary key (org_id, calendar_id),
    constraint calendar_provider foreign key (org_id, provider_id) references provider (org_id, provider_id),
    -- Connected again, a calendar is the one that it was: its events are known.
    constraint calendar_google_unique unique (org_id, provider_id, google_calendar_id),
    constraint calendar_google_calendar_id_length check (char_length(google_calendar_id) between 1 and 254),
    constraint calendar_name_length check (char_length(name) <= 254),
    constraint calendar_kind_known check (kind in ('consent', 'service_account')),
    constraint calendar_state_known check (state in ('connected', 'reauthorise', 'disconnected')),
    constraint calendar_secret_while_connected check ((secret is null) = (state = 'disconnected')),
    constraint calendar_deleted_events_known check (deleted_events in ('ask', 'recreate'))
);

-- A provider has one calendar at a time.
create unique index calendar_of_provider on calendar (org_id, provider_id) where state <> 'disconnected';

-- Consents that are asked for at Google and have not come back yet.
create table calendar_consent (
    org_id uuid not null,
    calendar_consent_id uuid not null,
    provider_id uuid not null,
    google_calendar_id text not null,
    shows_patient_name boolean not null,
    shows_patient_phone boolean not null,
    shows_service boolean not null,
    deleted_events text not null,
    -- Of the `state` that Google gives back: whoever comes with it is the one who was sent.
    secret_digest bytea not null,
    -- The other half of the PKCE challenge, encrypted.
    verifier bytea not null,
    asked_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint calendar_consent_pkey primary key (org_id, calendar_consent_id),
    constraint calendar_consent_provider foreign key (org_id, provider_id) references provider (org_id, provider_id),
    constraint calendar_consent_secret_digest_length check (octet_length(secret_digest) = 32),
    constraint calendar_consent_deleted_events_known check (deleted_events in ('ask', 'recreate'))
);

-- Events that were left in a calendar when it was disconnected. Connected again, it knows them.
create table calendar_left (
    org_id uuid not null,
    calendar_id uuid not null,
    appointment_id uuid not null,
    event_id text not null,
    generation int not null,
    constraint calendar_left_pkey primary key (org_id, calendar_id, appointment_id),
    constraint calendar_left_calendar foreign key (org_id, calendar_id) references calendar (org_id, calendar_id),
    constraint calendar_left_appointment foreign key (org_id, appointment_id) references appointment (org_id, appointment_id)
);

alter table calendar_sync
    -- The calendar of the appointment's provider.
    add column wanted_calendar_id uuid,
    -- The calendar in which the event is, or may be: written before Google is asked for the first time.
    add column calendar_id uuid,
    -- Where the next step is done: what is in another calendar has to leave it first.
    add column at_calendar_id uuid generated always as (coalesce(calendar_id, wanted_calendar_id)) stored,
    -- An event's id is never used again: after a deletion the next one has the next generation.
    add column generation int not null default 0,
    -- The event as Google last gave it to us; null: nobody knows whether it is there.
    add column etag text,
    -- SHA-256 of what the event shows; null: it has to be looked at, because a change was asked for and nobody has heard what came of it.
    add column content_hash bytea,
    -- Whether the event's description is ours, and has to go when it is not to be shown any more.
    add column described boolean not null default false,
    -- What Google was asked for and nobody has heard the end of: a 'change', or a 'deletion'. It may still come to pass, unless the event is changed again;
    -- and an event that is gone after a deletion was asked for is gone by our own doing.
    add column asked text,
    -- So many times in a row it was not there.
    add column absences int not null default 0,
    -- Since when the calendar lags behind, by business time.
    add column pending_since timestamptz,
    add column attempts int not null default 0,
    -- The first failure since the last success.
    add column retry_since timestamptz,
    -- Why it is not there yet, or why somebody has to look.
    add column trouble text,
    alter column due_at drop not null,
    alter column due_at drop default,
    add constraint calendar_sync_calendar foreign key (org_id, calendar_id) references calendar (org_id, calendar_id),
    add constraint calendar_sync_wanted_calendar foreign key (org_id, wanted_calendar_id) references calendar (org_id, calendar_id),
    add constraint calendar_sync_asked_known check (asked in ('change', 'deletion')),
    add constraint calendar_sync_content_hash_length check (octet_length(content_hash) = 32);

-- Nobody had a calendar before.
update calendar_sync set due_at = null;

create index calendar_sync_due on calendar_sync (org_id, due_at) where due_at is not null;
create index calendar_sync_due_at_calendar on calendar_sync (org_id, at_calendar_id, due_at) where due_at is not null;
create index calendar_sync_by_calendar on calendar_sync (org_id, at_calendar_id) where at_calendar_id is not null;
create index calendar_sync_failed on calendar_sync (org_id, appointment_id) where state = 'failed';

-- Runs with the rights of whoever changes the appointment. Update first, then insert: `on conflict do update` reads past
-- row security in some versions of Postgres (CVE-2026-120154). A change gives what had failed another chance.
create or replace function appointment_to_calendar() returns trigger
language plpgsql
as $$
declare
    wanted uuid;
begin
    -- Whoever connects a calendar for the provider has finished, or waits for us: what a booking holds already is held here for nothing.
    perform 1 from provider where org_id = new.org_id and provider_id = new.provider_id for share;
    select calendar_id into wanted
    from calendar
    where org_id = new.org_id and provider_id = new.provider_id and state <> 'disconnected';
    if tg_op = 'UPDATE' then
        update calendar_sync
        set version = new.version,
            wanted_calendar_id = wanted,
            state = case when coalesce(calendar_id, wanted) is null then 'not_connected' else 'pending' end,
            due_at = case when coalesce(calendar_id, wanted) is not null then now() end,
            pending_since = coalesce(pending_since, new.updated_at),
            attempts = 0,
            absences = 0,
            retry_since = null,
            trouble = null
        where org_id = new.org_id and appointment_id = new.appointment_id;
        if found then
            return null;
        end if;
    end if;
    insert into calendar_sync (org_id, appointment_id, version, wanted_calendar_id, state, due_at, pending_since)
    values (
        new.org_id, new.appointment_id, new.version, wanted,
        case when wanted is null then 'not_connected' else 'pending' end,
        case when wanted is not null then now() end,
        new.updated_at
    );
    return null;
end;
$$;

alter table calendar enable row level security;
alter table calendar force row level security;
create policy calendar_tenant on calendar
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table calendar_consent enable row level security;
alter table calendar_consent force row level security;
create policy calendar_consent_tenant on calendar_consent
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table calendar_left enable row level security;
alter table calendar_left force row level security;
create policy calendar_left_tenant on calendar_left
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

-- Where is something due? Organisations and times alone.
create policy calendar_sync_directory on calendar_sync for select to frontdesk_router using (true);
grant select (org_id, due_at, pending_since) on calendar_sync to frontdesk_router;

-- Of calendars, bookings know that there is one, and whether it is worth waiting for.
grant select (org_id, calendar_id, provider_id, state, paused_until) on calendar to frontdesk_service;
grant update (wanted_calendar_id, state, pending_since, attempts, absences, retry_since, trouble) on calendar_sync to frontdesk_service;

grant select, insert on calendar to frontdesk_worker;
grant update (
    name, kind, secret, state, trouble, installation, shows_patient_name, shows_patient_phone, shows_service, deleted_events,
    connected_by, connected_at, last_success_at, lease_token, lease_until, paused_until, failures, allowance, allowance_at
) on calendar to frontdesk_worker;
grant select, insert, delete on calendar_consent to frontdesk_worker;
grant update (used_at) on calendar_consent to frontdesk_worker;
grant select on calendar_sync, clinic_provider to frontdesk_worker;
grant select (
    org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, state, service_text, version, updated_at
) on appointment to frontdesk_worker;
grant select (org_id, patient_id, name, phone) on patient to frontdesk_worker;
grant select (org_id, provider_id, name, created_at) on provider to frontdesk_worker;
grant select (org_id, clinic_id, name, time_zone) on clinic to frontdesk_worker;
-- Being allowed to update this one column is what lets it lock the provider while a calendar is connected.
grant update (version) on provider to frontdesk_worker;
grant select, insert, delete on calendar_left to frontdesk_worker;
grant update (
    wanted_calendar_id, calendar_id, state, synced_version, event_id, synced_at, due_at, generation, etag, content_hash, described, asked,
    absences, pending_since,
    attempts, retry_since, trouble
) on calendar_sync to frontdesk_worker;
grant insert on audit to frontdesk_worker;

-- Encrypting again, when the key that encrypts has changed.
grant select (org_id, calendar_id, secret) on calendar to frontdesk_operator;
grant update (secret) on calendar to frontdesk_operator;
