-- What a clinic offers and when: services, hours, closures and time off, and what is offered to a caller meanwhile.
--
-- Hours and absences are kept as the wall clock shows them, and worked out when they are asked for (`domain/timetable.rs`): a zone's rules
-- change, and a clinic that opens at nine goes on opening at nine.

alter table clinic
    add column country text,
    add column address text,
    add column phone text,
    add column about text,
    -- What limits a start, and how late a caller may still change something. A service's own limits count more.
    add column grid_minutes int,
    add column notice_minutes int,
    add column horizon_days int,
    add column cutoff_minutes int,
    add column version bigint not null default 1,
    add column archived_at timestamptz,
    add constraint clinic_country_form check (country ~ '^[A-Z]{2}$'),
    add constraint clinic_grid_divides_a_day check (grid_minutes between 1 and 1440 and 1440 % grid_minutes = 0);

alter table provider
    -- Rises with whatever changes when the provider can be booked. A booking that was decided by an older state is decided again, once it
    -- has the row's lock.
    add column rules_version bigint not null default 1,
    add column archived_at timestamptz;

create table service (
    org_id uuid not null,
    service_id uuid not null,
    name text not null,
    name_folded text not null,
    description text,
    price text,
    -- The first is the usual one.
    durations_minutes int[] not null,
    buffer_before_minutes int not null,
    buffer_after_minutes int not null,
    grid_minutes int,
    notice_minutes int,
    horizon_days int,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint service_pkey primary key (org_id, service_id),
    constraint service_organisation foreign key (org_id) references organisation (org_id),
    constraint service_name_length check (char_length(name) between 1 and 120),
    constraint service_has_a_duration check (cardinality(durations_minutes) between 1 and 20),
    constraint service_grid_divides_a_day check (grid_minutes between 1 and 1440 and 1440 % grid_minutes = 0)
);

-- A name means one service; an archived one leaves its name to others.
create unique index service_name_unique on service (org_id, name_folded) where archived_at is null;

-- Who offers it where.
create table service_offer (
    org_id uuid not null,
    service_id uuid not null,
    clinic_id uuid not null,
    provider_id uuid not null,
    constraint service_offer_pkey primary key (org_id, service_id, clinic_id, provider_id),
    constraint service_offer_service foreign key (org_id, service_id) references service (org_id, service_id),
    constraint service_offer_clinic_provider foreign key (org_id, clinic_id, provider_id)
        references clinic_provider (org_id, clinic_id, provider_id) on delete cascade
);

create index service_offer_by_place on service_offer (org_id, clinic_id, provider_id);

-- When a provider works at a clinic. No row, or no hours: whenever they are asked.
create table schedule (
    org_id uuid not null,
    clinic_id uuid not null,
    provider_id uuid not null,
    -- `domain::hours::Schedule`.
    hours jsonb,
    version bigint not null default 1,
    constraint schedule_pkey primary key (org_id, clinic_id, provider_id),
    constraint schedule_clinic_provider foreign key (org_id, clinic_id, provider_id)
        references clinic_provider (org_id, clinic_id, provider_id) on delete cascade
);

-- A closure of a clinic, or time off of a provider: by the wall clock of its zone.
create table absence (
    org_id uuid not null,
    absence_id uuid not null,
    clinic_id uuid,
    provider_id uuid,
    starts_at timestamp not null,
    ends_at timestamp not null,
    time_zone text not null,
    title text,
    version bigint not null default 1,
    created_at timestamptz not null,
    archived_at timestamptz,
    constraint absence_pkey primary key (org_id, absence_id),
    constraint absence_organisation foreign key (org_id) references organisation (org_id),
    constraint absence_clinic foreign key (org_id, clinic_id) references clinic (org_id, clinic_id),
    constraint absence_provider foreign key (org_id, provider_id) references provider (org_id, provider_id),
    constraint absence_of_one check (num_nonnulls(clinic_id, provider_id) = 1),
    constraint absence_times_ordered check (starts_at < ends_at),
    constraint absence_title_length check (char_length(title) between 1 and 200)
);

create index absence_by_clinic on absence (org_id, clinic_id, ends_at) where clinic_id is not null;
create index absence_by_provider on absence (org_id, provider_id, ends_at) where provider_id is not null;

-- What was read out to a caller, under a name that is short enough to be said. It keeps nobody from the slot.
create table offer (
    org_id uuid not null,
    -- The call, or where there is none the credential: nobody else can use it.
    holder text not null,
    code text not null,
    clinic_id uuid not null,
    provider_id uuid not null,
    service_id uuid,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    expires_at timestamptz not null,
    constraint offer_pkey primary key (org_id, holder, code),
    constraint offer_organisation foreign key (org_id) references organisation (org_id),
    constraint offer_code_form check (code ~ '^[23456789CFHJKMNRWXY]{4}$')
);

alter table appointment
    add column service_id uuid,
    add column metadata jsonb not null default '{}',
    add constraint appointment_service foreign key (org_id, service_id) references service (org_id, service_id);

alter table patient
    add column birth_date date,
    add column version bigint not null default 1,
    add column archived_at timestamptz;

create index patient_by_birth_date on patient (org_id, birth_date) where birth_date is not null;

-- Why somebody at the desk set a rule aside.
alter table audit add column note text;

alter table service enable row level security;
alter table service force row level security;
create policy service_tenant on service
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table service_offer enable row level security;
alter table service_offer force row level security;
create policy service_offer_tenant on service_offer
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table schedule enable row level security;
alter table schedule force row level security;
create policy schedule_tenant on schedule
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table absence enable row level security;
alter table absence force row level security;
create policy absence_tenant on absence
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table offer enable row level security;
alter table offer force row level security;
create policy offer_tenant on offer
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant update (name, country, address, phone, about, grid_minutes, notice_minutes, horizon_days, cutoff_minutes, version, archived_at)
    on clinic to frontdesk_service;
grant update (name, rules_version, archived_at) on provider to frontdesk_service;
grant delete on clinic_provider to frontdesk_service;
grant select, insert on service to frontdesk_service;
grant update (
    name, name_folded, description, price, durations_minutes, buffer_before_minutes, buffer_after_minutes, grid_minutes, notice_minutes,
    horizon_days, version, archived_at
) on service to frontdesk_service;
grant select, insert, delete on service_offer to frontdesk_service;
grant select, insert, delete on schedule to frontdesk_service;
grant update (hours, version) on schedule to frontdesk_service;
grant select, insert on absence to frontdesk_service;
grant update (starts_at, ends_at, title, version, archived_at) on absence to frontdesk_service;
grant select, insert, delete on offer to frontdesk_service;
grant update (
    clinic_id, provider_id, patient_id, service_id, service_text, starts_at, ends_at, block_from, block_to, metadata
) on appointment to frontdesk_service;
grant update (name, name_folded, phone, email, birth_date, version, archived_at) on patient to frontdesk_service;
grant select (version, archived_at) on provider to frontdesk_worker;
