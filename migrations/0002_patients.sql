-- The people who come. They belong to the organisation, not to one clinic.
--
-- A patient is found again by telephone number (else e-mail) and name: a family shares one number, and a name alone
-- proves nothing, so a patient without number and e-mail is never found again.

create table patient (
    org_id uuid not null,
    patient_id uuid not null,
    name text not null,
    -- The name as it is compared: lower case, without accents, single spaces.
    name_folded text not null,
    -- Digits with a leading + where the country code was given.
    phone text,
    -- In lower case.
    email text,
    created_at timestamptz not null,
    constraint patient_pkey primary key (org_id, patient_id),
    constraint patient_organisation foreign key (org_id) references organisation (org_id),
    constraint patient_name_length check (char_length(name) between 1 and 120),
    constraint patient_phone_form check (phone ~ '^\+?[0-9]{7,15}$'),
    constraint patient_email_length check (char_length(email) between 3 and 254)
);

create unique index patient_phone_name_unique on patient (org_id, phone, name_folded) where phone is not null;
create unique index patient_email_name_unique on patient (org_id, email, name_folded) where phone is null and email is not null;
create index patient_by_email on patient (org_id, email, name_folded) where email is not null;

alter table patient enable row level security;
alter table patient force row level security;
create policy patient_tenant on patient
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on patient to frontdesk_service;
