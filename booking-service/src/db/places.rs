//! Where a visit could be, what counts there, and who is busy: what is asked before anything is locked.

use jiff::{Timestamp, civil};
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow as _, Row as _, postgres::PgRow};

use super::{TenantTx, clinics, json, row::RowExt as _, services};
use crate::{
    domain::{
        clinic::{self, Clinic},
        ids::{AppointmentId, ClinicId, ProviderId},
        rules::{Diary, Rules, Shut},
        slot::{LONGEST, Provider, Wish},
        text::Name,
        timetable::Busy,
    },
    error::Result,
};

/// More clinics than this are not read out to a caller.
const MOST_CLINICS: i64 = 10;

/// Where a visit could be, and what counts there.
#[derive(Clone, Debug)]
pub enum Place {
    /// One clinic.
    Clinic(Box<Found>),
    /// The organisation has several clinics and the request named none: their names.
    Unclear(Vec<String>),
    /// There is no such clinic here.
    Nowhere,
}

/// A clinic, and everything that counts for a slot there.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where.
    pub clinic: Clinic,
    /// What counts for all.
    pub rules: Rules,
    /// Those of the providers asked for who offer the service, by id.
    pub diaries: Vec<Diary>,
    /// Those of them who work there, whatever they offer.
    pub working: Vec<ProviderId>,
}

/// A clinic as a question names it: for the caller its name, for the next request its id.
fn called(name: &str, id: ClinicId) -> String {
    format!("{name} (clinic_id {id})")
}

/// The statement of [`find()`]: organisation, clinic, providers, how many clinics are told, service, its folded name, and between which
/// times of the wall clock absences are told.
pub const FIND: &str = "
    with place as (
        select clinic_id, name as clinic_name, time_zone, created_at as clinic_created_at,
            country, grid_minutes, notice_minutes, horizon_days, cutoff_minutes
        from clinic
        where org_id = $1 and ($2::uuid is null or clinic_id = $2) and archived_at is null
        order by clinic_id
        limit $4
    ), sole as (
        select clinic_id from place where (select count(*) from place) = 1
    ), treatment as (
        select *
        from (
            select s.*, count(*) over () as candidates
            from service s
            where s.org_id = $1 and s.archived_at is null
                and case
                    when $5::uuid is not null then s.service_id = $5
                    -- As it is called, or nearly so: 'cleaning' is 'Teeth cleaning', where nothing else is.
                    else position($6 in s.name_folded) > 0 or position(s.name_folded in $6) > 0
                end
                and ($5::uuid is not null or exists (
                    select from service_offer o
                    where o.org_id = $1 and o.service_id = s.service_id and o.clinic_id in (select clinic_id from sole)
                ))
        ) s
        where candidates = 1 or name_folded = $6
        limit 1
    )
    select c.*,
        t.service_id, t.name as service_name, t.durations_minutes, t.buffer_before_minutes, t.buffer_after_minutes,
        t.grid_minutes as service_grid_minutes, t.notice_minutes as service_notice_minutes, t.horizon_days as service_horizon_days,
        (
            select json_agg(json_build_array(a.starts_at, a.ends_at, a.time_zone))::text
            from absence a
            where a.org_id = $1 and a.clinic_id = c.clinic_id and a.archived_at is null and a.starts_at < $8 and a.ends_at > $7
        ) as closures,
        p.provider_id, p.name as provider_name, p.rules_version, h.hours::text as hours, w.away,
        t.service_id is null or exists (
            select from service_offer o
            where o.org_id = $1 and o.service_id = t.service_id and o.clinic_id = c.clinic_id and o.provider_id = p.provider_id
        ) as offers
    from place c
    left join treatment t on true
    left join clinic_provider cp
        on cp.org_id = $1 and cp.clinic_id = c.clinic_id and ($3::uuid[] is null or cp.provider_id = any ($3))
        and (select count(*) from place) = 1
    left join provider p on p.org_id = $1 and p.provider_id = cp.provider_id and p.archived_at is null
    left join schedule h on h.org_id = $1 and h.clinic_id = c.clinic_id and h.provider_id = p.provider_id
    left join lateral (
        select json_agg(json_build_array(a.starts_at, a.ends_at, a.time_zone))::text as away
        from absence a
        where a.org_id = $1 and a.provider_id = p.provider_id and a.archived_at is null and a.starts_at < $8 and a.ends_at > $7
        offset 0
    ) w on true
    order by c.clinic_id, p.provider_id
";

/// Finds the clinic and what counts there between two times of its wall clock. Without a clinic's id: the organisation's only clinic.
pub async fn find(
    tx: &mut TenantTx,
    wish: &Wish,
    (from, to): (civil::DateTime, civil::DateTime),
) -> Result<Place> {
    let Wish { clinic, providers, service, service_text } = wish;
    let clinic = match (*clinic, tx.clinics()) {
        (Some(named), _) if !tx.scope.reaches(named) => return Ok(Place::Nowhere),
        (None, Some([only])) => Some(*only),
        (None, Some(_)) => return unclear(tx).await,
        (clinic, _) => clinic,
    };
    let rows = sqlx::query(FIND)
        .bind(tx.org)
        .bind(clinic)
        .bind(Some(providers).filter(|providers| !providers.is_empty()))
        .bind(MOST_CLINICS)
        .bind(*service)
        .bind(service_text.as_ref().map(Name::folded))
        .bind(from.to_sqlx())
        .bind(to.to_sqlx())
        .fetch_all(tx.conn())
        .await?;
    let Some(first) = rows.first() else { return Ok(Place::Nowhere) };
    let clinic = Clinic::from_row(first)?;
    let mut names = Vec::new();
    for row in &rows {
        if row.try_get::<ClinicId, _>("clinic_id")? != clinic.id {
            names.push(called(row.try_get("clinic_name")?, row.try_get("clinic_id")?));
        }
    }
    if !names.is_empty() {
        names.insert(0, called(&clinic.name, clinic.id));
        return Ok(Place::Unclear(names));
    }
    let rules = Rules {
        zone: clinic.zone.clone(),
        service: services::treatment(first)?,
        policy: services::policy(first, ["grid_minutes", "notice_minutes", "horizon_days"])?,
        closures: shut(first, "closures")?,
    };
    let (mut diaries, mut working) = (Vec::new(), Vec::new());
    for row in &rows {
        let Some(id) = row.try_get::<Option<ProviderId>, _>("provider_id")? else { continue };
        working.push(id);
        if row.try_get("offers")? {
            diaries.push(Diary {
                provider: Provider { id, name: row.try_get("provider_name")? },
                schedule: json::optional(row, "hours")?,
                away: shut(row, "away")?,
                version: row.try_get("rules_version")?,
            });
        }
    }
    Ok(Place::Clinic(Box::new(Found { clinic, rules, diaries, working })))
}

fn shut(row: &PgRow, column: &str) -> sqlx::Result<Vec<Shut>> {
    let stretches: Option<Vec<(civil::DateTime, civil::DateTime, String)>> = json::optional(row, column)?;
    let read = |(from, to, zone): (_, _, String)| {
        let zone = clinic::zone(&zone).map_err(|problem| json::problem(column, problem))?;
        Ok(Shut { from, to, zone })
    };
    stretches.unwrap_or_default().into_iter().map(read).collect()
}

/// The credential is limited to several clinics, and none of them was named.
async fn unclear(tx: &mut TenantTx) -> Result<Place> {
    let clinics = clinics::list(tx, None, MOST_CLINICS).await?;
    Ok(Place::Unclear(clinics.iter().map(|record| called(&record.clinic.name, record.clinic.id)).collect()))
}

/// The statement of [`busy()`]: organisation, providers, from, to, now, the earliest moment at which something could begin that reaches in, and an
/// appointment that does not count.
pub const BUSY: &str = "
    select blocked.provider_id, blocked.block_from, blocked.block_to
    from unnest($2) as p (provider_id)
    cross join lateral (
        select a.provider_id, a.block_from, a.block_to
        from appointment a
        where a.org_id = $1 and a.provider_id = p.provider_id
            and a.is_live and (a.hold_expires_at is null or a.hold_expires_at > $5)
            and a.block_from < $4 and a.block_to > $3 and a.block_from > $6
            and a.appointment_id is distinct from $7
        -- A provider at a time: see `booking`.
        offset 0
    ) as blocked
";

/// What blocks these providers between two moments.
pub async fn busy(
    tx: &mut TenantTx,
    providers: &[ProviderId],
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
    but: Option<AppointmentId>,
) -> Result<Vec<Busy>> {
    let rows = sqlx::query(BUSY)
        .bind(tx.org)
        .bind(providers)
        .bind(from.to_sqlx())
        .bind(to.to_sqlx())
        .bind(now.to_sqlx())
        .bind(from.checked_sub(LONGEST).unwrap_or(Timestamp::MIN).to_sqlx())
        .bind(but)
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Busy {
                provider: row.try_get("provider_id")?,
                from: row.time("block_from")?,
                to: row.time("block_to")?,
            })
        })
        .collect()
}
