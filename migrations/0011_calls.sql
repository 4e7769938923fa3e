-- Telephone calls, as far as their platform told us of them: what a call held can be released when it ends.

create table call (
    org_id uuid not null,
    -- As the platform names it.
    call_id text not null,
    started_at timestamptz,
    ended_at timestamptz not null,
    -- Why it ended, in the platform's word.
    ended_reason text,
    created_at timestamptz not null,
    constraint call_pkey primary key (org_id, call_id),
    constraint call_organisation foreign key (org_id) references organisation (org_id),
    constraint call_call_id_length check (char_length(call_id) between 1 and 200),
    constraint call_ended_reason_length check (char_length(ended_reason) between 1 and 200)
);

alter table call enable row level security;
alter table call force row level security;
create policy call_tenant on call
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on call to frontdesk_service;
