-- What the providers' calendars still have to learn.
--
-- One row an appointment, written by a trigger in the transaction of the booking, so that no path can book without it. The row says
-- that the calendar has to show the appointment's present state, not what happened: many changes are one visit to the calendar.

create table calendar_sync (
    org_id uuid not null,
    appointment_id uuid not null,
    -- 'not_connected' until the provider has a calendar.
    state text not null default 'not_connected',
    -- The version of the appointment that the calendar has to show, and the one that it shows.
    version bigint not null,
    synced_version bigint not null default 0,
    event_id text,
    synced_at timestamptz,
    -- When a worker should look; by the database's clock, as all of a worker's times are.
    due_at timestamptz not null default now(),
    constraint calendar_sync_pkey primary key (org_id, appointment_id),
    constraint calendar_sync_appointment foreign key (org_id, appointment_id)
        references appointment (org_id, appointment_id),
    constraint calendar_sync_state_known check (state in ('not_connected', 'pending', 'synced', 'failed'))
);

alter table calendar_sync enable row level security;
alter table calendar_sync force row level security;
create policy calendar_sync_tenant on calendar_sync
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on calendar_sync to frontdesk_service;
grant update (version, due_at) on calendar_sync to frontdesk_service;

-- Runs with the rights of whoever changes the appointment. Update first, then insert: `on conflict do update` reads past
-- row security in some versions of Postgres (CVE-2026-120154).
create function appointment_to_calendar() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'UPDATE' then
        update calendar_sync
        set version = new.version, due_at = now()
        where org_id = new.org_id and appointment_id = new.appointment_id;
        if found then
            return null;
        end if;
    end if;
    insert into calendar_sync (org_id, appointment_id, version)
    values (new.org_id, new.appointment_id, new.version);
    return null;
end;
$$;

-- Holds are nobody's business but ours: the calendar hears of an appointment once it is booked, and of every change after.
create trigger appointment_to_calendar
    after insert or update on appointment
    for each row
    when (new.state in ('booked', 'confirmed', 'completed', 'cancelled', 'no_show'))
    execute function appointment_to_calendar();
