//! A great many appointments, written past the service: for plans and prices at a size that takes too long to book.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Appointments of each of the small organisations.
const OF_A_SMALL_ONE: i64 = 1_000;
const PROVIDERS_OF_THE_LARGE_ONE: i64 = 20;

/// Fills a schema with so many appointments: two thirds of one organisation, whose id is the number `first`, with twenty
/// providers, the others of many organisations with one provider, whose ids follow. They begin on 2027-01-01 and follow each other without a gap, round the clock. Only a superuser can do it: triggers and
/// foreign keys are passed over, which makes it a matter of seconds. The planner is not told.
pub async fn gather(superuser: &mut PgConnection, first: i64, appointments: i64) -> sqlx::Result<()> {
    let small = appointments / 3 / OF_A_SMALL_ONE;
    let large = appointments - small * OF_A_SMALL_ONE;
    let mut tx = superuser.begin().await?;
    let sql = format!(
        "
        set local session_replication_role = replica;
        create temporary table member on commit drop as
        select n, lpad(to_hex({first} + n), 32, '0')::uuid as org_id, case n when 0 then {large} else {OF_A_SMALL_ONE} end as amount,
            case n when 0 then {PROVIDERS_OF_THE_LARGE_ONE} else 1 end as providers
        from generate_series(0, {small}) n;
        insert into organisation (org_id, name, created_at) select org_id, 'Org ' || n, now() from member;
        insert into clinic (org_id, clinic_id, name, time_zone, created_at)
        select org_id, org_id, 'Clinic ' || n, 'America/New_York', now() from member;
        insert into provider (org_id, provider_id, name, created_at)
        select org_id, ('0a' || lpad(to_hex(p), 30, '0'))::uuid, 'Dr. ' || p, now()
        from member, generate_series(0, providers - 1) p;
        insert into clinic_provider (org_id, clinic_id, provider_id)
        select org_id, org_id, provider_id from provider join member using (org_id);
        insert into patient (org_id, patient_id, name, name_folded, phone, created_at)
        select org_id, ('0b' || lpad(to_hex(k), 30, '0'))::uuid, 'Patient ' || k, 'patient ' || k, '+1718' || lpad(k::text, 7, '0'), now()
        from member, generate_series(0, amount / 4) k;
        insert into appointment (
            org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, block_from, block_to, state,
            confirmation_code, call_id, created_at, updated_at
        )
        select org_id, ('0c' || lpad(to_hex(k), 30, '0'))::uuid, org_id,
            ('0a' || lpad(to_hex(k % providers), 30, '0'))::uuid, ('0b' || lpad(to_hex(k / 4), 30, '0'))::uuid,
            at, at + interval '30 minutes', at, at + interval '30 minutes', case when k % 10 = 0 then 'cancelled' else 'booked' end,
            -- The number in the digits of the codes' alphabet.
            (select string_agg(substr('23456789CFHJKMNRWXY', (k / (19 ^ place)::int % 19 + 1)::int, 1), '')
                from generate_series(0, 5) place),
            'call-' || k, now(), now()
        from member, generate_series(0, amount - 1) k,
            lateral (select timestamptz '2027-01-01 00:00Z' + (k / providers) * interval '30 minutes' as at) t;
        insert into calendar_sync (org_id, appointment_id, version)
        select org_id, appointment_id, 1 from appointment join member using (org_id);
        "
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    tx.commit().await
}
