-- People, the organisations they may enter, and what they are there.
--
-- A person is known by an e-mail address, across organisations: `app_user` belongs to nobody's tenant, and only the auth login may look at it.
-- What a person is within an organisation is `profile`, which is the organisation's and behind its wall. The auth login serves sign-up,
-- sign-in, members and keys; no request about appointments runs as it.

-- Whose password is the right one. The e-mail address is in lower case.
create table app_user (
    user_id uuid not null,
    email text not null,
    -- Argon2id, as a PHC string with its own parameters and salt.
    password_hash text not null,
    created_at timestamptz not null,
    -- Whoever signs up makes an organisation; whoever was invited does not.
    sign_up_org_id uuid,
    -- What was asked for then: organization_name, clinic_id, clinic_name, time_zone, full_name, provider_id, provider_name.
    sign_up jsonb,
    constraint app_user_pkey primary key (user_id),
    constraint app_user_email_unique unique (email),
    constraint app_user_email_form check (email = lower(email) and char_length(email) between 3 and 254),
    constraint app_user_sign_up_whole check ((sign_up_org_id is null) = (sign_up is null))
);

-- The link: which organisations a person may sign in to. That is asked before there is a tenant, so auth may read it past the wall; written
-- is it like everything else.
create table membership (
    org_id uuid not null,
    user_id uuid not null,
    created_at timestamptz not null,
    constraint membership_pkey primary key (org_id, user_id),
    constraint membership_user foreign key (user_id) references app_user (user_id),
    constraint membership_organisation foreign key (org_id) references organisation (org_id)
);

create index membership_by_user on membership (user_id);

create table profile (
    org_id uuid not null,
    user_id uuid not null,
    full_name text not null,
    -- As it was at the beginning: for the other members to see.
    email text not null,
    role text not null,
    version bigint not null default 1,
    created_at timestamptz not null,
    constraint profile_pkey primary key (org_id, user_id),
    constraint profile_organisation foreign key (org_id) references organisation (org_id),
    constraint profile_member foreign key (org_id, user_id) references membership (org_id, user_id),
    constraint profile_full_name_length check (char_length(full_name) between 1 and 120),
    constraint profile_role_known check (role in ('admin', 'staff', 'provider'))
);

-- Who may become a member, for some days. Of the secret only a digest is kept.
create table invitation (
    org_id uuid not null,
    invitation_id uuid not null,
    email text not null,
    role text not null,
    secret_digest bytea not null,
    invited_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    accepted_at timestamptz,
    constraint invitation_pkey primary key (org_id, invitation_id),
    constraint invitation_organisation foreign key (org_id) references organisation (org_id),
    constraint invitation_role_known check (role in ('admin', 'staff', 'provider')),
    constraint invitation_secret_digest_length check (octet_length(secret_digest) = 32)
);

-- Sessions, as the refresh tokens that continue them. A token is used once and followed by the next one of its session; one that comes a
-- second time was stolen from somebody, and ends the session. Of a token only a digest is kept.
create table refresh_token (
    org_id uuid not null,
    secret_digest bytea not null,
    session_id uuid not null,
    user_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    constraint refresh_token_pkey primary key (org_id, secret_digest),
    constraint refresh_token_profile foreign key (org_id, user_id) references profile (org_id, user_id) on delete cascade,
    constraint refresh_token_secret_digest_length check (octet_length(secret_digest) = 32)
);

create index refresh_token_by_session on refresh_token (org_id, session_id);
create index refresh_token_by_user on refresh_token (org_id, user_id);

alter table membership enable row level security;
alter table membership force row level security;
create policy membership_tenant on membership
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
create policy membership_directory on membership for select to frontdesk_auth using (true);

alter table profile enable row level security;
alter table profile force row level security;
create policy profile_tenant on profile
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table invitation enable row level security;
alter table invitation force row level security;
create policy invitation_tenant on invitation
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

alter table refresh_token enable row level security;
alter table refresh_token force row level security;
create policy refresh_token_tenant on refresh_token
    using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
    with check (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

grant select, insert on app_user to frontdesk_auth;
grant select, insert, delete on membership to frontdesk_auth;
grant select, insert, delete on profile to frontdesk_auth;
grant update (role, version) on profile to frontdesk_auth;
grant select, insert, delete on invitation to frontdesk_auth;
grant update (accepted_at) on invitation to frontdesk_auth;
grant select, insert, delete on refresh_token to frontdesk_auth;
grant update (used_at, revoked_at) on refresh_token to frontdesk_auth;
-- For sign-up, and for locking the organisation's row while its administrators change; all under the ordinary policies.
grant select, insert on organisation to frontdesk_auth;
grant insert on clinic, provider, clinic_provider to frontdesk_auth;
grant insert on audit, auth_failure to frontdesk_auth;
grant execute on function create_organization to frontdesk_auth;

-- Rises whenever the set of administrators changes: being allowed to update this one column is what lets auth lock the row.
alter table organisation add column members_version bigint not null default 1;
grant update (members_version) on organisation to frontdesk_auth;

-- Somebody signs up: in the transaction of the user's row come organisation, clinic, link and profile, and, where one was named, the first
-- provider. It runs with the rights of whoever inserts, so the policies hold: app.org_id has to be the new organisation.
create function app_user_signs_up() returns trigger
language plpgsql
as $$
begin
    perform create_organization(
        new.sign_up_org_id, new.sign_up ->> 'organization_name',
        (new.sign_up ->> 'clinic_id')::uuid, new.sign_up ->> 'clinic_name', new.sign_up ->> 'time_zone', new.created_at
    );
    insert into membership (user_id, org_id, created_at) values (new.user_id, new.sign_up_org_id, new.created_at);
    insert into profile (org_id, user_id, full_name, email, role, created_at)
    values (new.sign_up_org_id, new.user_id, new.sign_up ->> 'full_name', new.email, 'admin', new.created_at);
    if new.sign_up ? 'provider_id' then
        insert into provider (org_id, provider_id, name, created_at)
        values (new.sign_up_org_id, (new.sign_up ->> 'provider_id')::uuid, new.sign_up ->> 'provider_name', new.created_at);
        insert into clinic_provider (org_id, clinic_id, provider_id)
        values (new.sign_up_org_id, (new.sign_up ->> 'clinic_id')::uuid, (new.sign_up ->> 'provider_id')::uuid);
    end if;
    return null;
end;
$$;

create trigger app_user_signs_up
    after insert on app_user
    for each row
    when (new.sign_up_org_id is not null)
    execute function app_user_signs_up();
