-- Appointments and holds: one row for the whole life of a visit.
--
-- What a patient is told is [starts_at, ends_at). What the provider's time is blocked for is [block_from, block_to), which adds
-- the buffers before and after. Ranges are half open, so one visit may begin the moment another ends.

create table appointment (
    org_id uuid not null,
    appointment_id uuid not null,
    clinic_id uuid not null,
    provider_id uuid not null,
    -- A hold may be made before the caller has said who will come.
    patient_id uuid,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    block_from timestamptz not null,
    block_to timestamptz not null,
    state text not null,
    -- When a hold runs out; null in every other state.
    hold_expires_at timestamptz,
    -- Whether it claims its time, unless it is a hold that ran out. The same as the constraint's condition below, on purpose in other
    -- words: a query that asks for this column is answered by appointment_busy and never by the constraint's index, which the
    -- planner would otherwise take for as good and which has to look at every appointment of the organisation.
    is_live boolean not null generated always as (state in ('held', 'booked', 'confirmed')) stored,
    confirmation_code text not null,
    -- What the caller said they come for.
    service_text text,
    -- The telephone call in which it was made; finds a booking that the assistant asks for twice.
    call_id text,
    cancel_reason text,
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint appointment_pkey primary key (org_id, appointment_id),
    constraint appointment_clinic foreign key (org_id, clinic_id) references clinic (org_id, clinic_id),
    constraint appointment_provider foreign key (org_id, provider_id) references provider (org_id, provider_id),
    constraint appointment_patient foreign key (org_id, patient_id) references patient (org_id, patient_id),
    constraint appointment_state_known check (
        state in ('held', 'booked', 'confirmed', 'completed', 'cancelled', 'no_show', 'released', 'expired')
    ),
    constraint appointment_times_ordered check (block_from <= starts_at and starts_at < ends_at and ends_at <= block_to),
    -- The upper limit gives the conflict query its second bound: what blocks a moment began at most 24 hours before it.
    constraint appointment_block_length check (
        block_to - block_from between interval '1 minute' and interval '24 hours'
    ),
    constraint appointment_hold_runs_out check ((state = 'held') = (hold_expires_at is not null)),
    constraint appointment_patient_known check (patient_id is not null or state in ('held', 'released', 'expired')),
    -- Nothing that sounds or looks alike.
    constraint appointment_confirmation_code_form check (confirmation_code ~ '^[23456789CFHJKMNRWXY]{6}$'),
    constraint appointment_confirmation_code_unique unique (org_id, confirmation_code),
    -- The proof behind every path: no two live appointments on one provider at one time. The code takes the provider's row
    -- lock first and never gets here; whoever forgets it is stopped here. A hold that ran out counts as live until the
    -- next booking sets it to 'expired', because a constraint cannot look at the clock.
    constraint appointment_no_overlap exclude using gist (
        org_id with =, provider_id with =, tstzrange(block_from, block_to, '[)') with &&
    ) where (state in ('held', 'booked', 'confirmed'))
);

-- The conflict query compares plain instants, which are leakproof and so reach this index through the policy; the range
-- operators of the constraint would not.
create index appointment_busy on appointment (org_id, provider_id, block_from) include (block_to) where is_live;
-- Holds alone, which are few: for finding those that ran out.
create index appointment_holds on appointment (org_id, provider_id, block_from) where hold_expires_at is not null;
-- Without the id, by which lists are sorted too: with it, the planner would take this index for as good as the primary key while the
-- table is young, and read every appointment of the organisation to check one foreign key.
create index appointment_by_start on appointment (org_id, starts_at);
create index appointment_by_patient on appointment (org_id, patient_id, starts_at);
create index appointment_by_call on appointment (org_id, call_id) where call_id is not null;

alter table appointment enable row level security;
alter table appointment force row level security;
create policy appointment_tenant on appointment
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on appointment to frontdesk_service;
grant update (state, hold_expires_at, cancel_reason, version, updated_at) on appointment to frontdesk_service;
