-- Organisations, their clinics, their providers, and who works where.
--
-- An organisation is the tenant: nobody sees across. A provider may work in several clinics of it, but has only one
-- body: the time of a provider is one, whatever the clinic (0003).

-- The service refuses to start while a migration is pending, so it must be able to look.
grant select on _sqlx_migrations to frontdesk_service;

create table organisation (
    org_id uuid not null,
    name text not null,
    created_at timestamptz not null,
    constraint organisation_pkey primary key (org_id),
    constraint organisation_name_length check (char_length(name) between 1 and 120)
);

create table clinic (
    org_id uuid not null,
    clinic_id uuid not null,
    name text not null,
    -- IANA name. Wall-clock times at this clinic mean this zone.
    time_zone text not null,
    created_at timestamptz not null,
    constraint clinic_pkey primary key (org_id, clinic_id),
    constraint clinic_organisation foreign key (org_id) references organisation (org_id),
    constraint clinic_name_length check (char_length(name) between 1 and 120),
    constraint clinic_time_zone_length check (char_length(time_zone) between 1 and 64)
);

create table provider (
    org_id uuid not null,
    provider_id uuid not null,
    name text not null,
    -- Rises with each change. Being allowed to update this one column is also what lets the service lock the row.
    version bigint not null default 1,
    created_at timestamptz not null,
    constraint provider_pkey primary key (org_id, provider_id),
    constraint provider_organisation foreign key (org_id) references organisation (org_id),
    constraint provider_name_length check (char_length(name) between 1 and 120)
);

create table clinic_provider (
    org_id uuid not null,
    clinic_id uuid not null,
    provider_id uuid not null,
    constraint clinic_provider_pkey primary key (org_id, clinic_id, provider_id),
    -- The organisation is part of each key, so a row cannot point into another organisation: foreign keys are
    -- checked without row security.
    constraint clinic_provider_clinic foreign key (org_id, clinic_id) references clinic (org_id, clinic_id),
    constraint clinic_provider_provider foreign key (org_id, provider_id) references provider (org_id, provider_id)
);

create index clinic_provider_by_provider on clinic_provider (org_id, provider_id);

alter table organisation enable row level security;
alter table organisation force row level security;
create policy organisation_tenant on organisation
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table clinic enable row level security;
alter table clinic force row level security;
create policy clinic_tenant on clinic
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table provider enable row level security;
alter table provider force row level security;
create policy provider_tenant on provider
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table clinic_provider enable row level security;
alter table clinic_provider force row level security;
create policy clinic_provider_tenant on clinic_provider
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on organisation, clinic, provider, clinic_provider to frontdesk_service;
grant update (version) on provider to frontdesk_service;

-- Makes an organisation with its first clinic. The caller has set app.org_id to the new id: the function runs with the
-- caller's own rights, so the policies hold here as everywhere. A second call with the same id fails on the primary key.
create function create_organization(
    new_org_id uuid, organisation_name text, new_clinic_id uuid, clinic_name text, clinic_time_zone text, at timestamptz
) returns void
language sql
as $$
    insert into organisation (org_id, name, created_at)
    values (new_org_id, organisation_name, at);
    insert into clinic (org_id, clinic_id, name, time_zone, created_at)
    values (new_org_id, new_clinic_id, clinic_name, clinic_time_zone, at);
$$;
revoke execute on function create_organization from public;
grant execute on function create_organization to frontdesk_service;
