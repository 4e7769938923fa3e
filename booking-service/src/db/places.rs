//! Where a visit could be, and who is busy there: what is asked before anything is locked.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow as _, Row as _};

use super::{TenantTx, clinics, row::RowExt as _};
use crate::{
    domain::{
        clinic::Clinic,
        ids::{ClinicId, ProviderId},
        openings::Busy,
        slot::{LONGEST, Provider},
    },
    error::Result,
};

/// More clinics than this are not read out to a caller.
const MOST_CLINICS: i64 = 10;

/// Where a visit could be, and with whom.
#[derive(Clone, Debug)]
pub enum Place {
    /// One clinic, and the providers of it who come into question.
    Clinic(Clinic, Vec<Provider>),
    /// The organisation has several clinics and the request named none: their names.
    Unclear(Vec<String>),
    /// There is no such clinic here.
    Nowhere,
}

/// A clinic as a question names it: for the caller its name, for the next request its id.
fn called(name: &str, id: ClinicId) -> String {
    format!("{name} (clinic_id {id})")
}

/// The statement of [`find()`]: organisation, clinic, provider, and how many clinics are told.
pub const FIND: &str = "
    with place as (
        select clinic_id, name as clinic_name, time_zone, created_at as clinic_created_at
        from clinic
        where org_id = $1 and ($2::uuid is null or clinic_id = $2)
        order by clinic_id
        limit $4
    )
    select c.clinic_id, c.clinic_name, c.time_zone, c.clinic_created_at, p.provider_id, p.name as provider_name
    from place c
    left join clinic_provider cp
        on cp.org_id = $1 and cp.clinic_id = c.clinic_id and ($3::uuid is null or cp.provider_id = $3)
        and (select count(*) from place) = 1
    left join provider p on p.org_id = $1 and p.provider_id = cp.provider_id
    order by c.clinic_id, p.provider_id
";

/// Finds the clinic and, by id, its providers. Without a clinic's id: the organisation's only clinic.
pub async fn find(
    tx: &mut TenantTx,
    clinic: Option<ClinicId>,
    provider: Option<ProviderId>,
) -> Result<Place> {
    let clinic = match (clinic, tx.clinics()) {
        (Some(named), _) if !tx.scope.reaches(named) => return Ok(Place::Nowhere),
        (None, Some([only])) => Some(*only),
        (None, Some(_)) => return unclear(tx).await,
        (clinic, _) => clinic,
    };
    let rows = sqlx::query(FIND)
        .bind(tx.org)
        .bind(clinic)
        .bind(provider)
        .bind(MOST_CLINICS)
        .fetch_all(tx.conn())
        .await?;
    let Some(first) = rows.first() else { return Ok(Place::Nowhere) };
    let clinic = Clinic::from_row(first)?;
    let (mut names, mut providers) = (Vec::new(), Vec::new());
    for row in &rows {
        if row.try_get::<ClinicId, _>("clinic_id")? != clinic.id {
            names.push(called(row.try_get("clinic_name")?, row.try_get("clinic_id")?));
        }
        if let Some(id) = row.try_get("provider_id")? {
            providers.push(Provider { id, name: row.try_get("provider_name")? });
        }
    }
    if names.is_empty() {
        return Ok(Place::Clinic(clinic, providers));
    }
    names.insert(0, called(&clinic.name, clinic.id));
    Ok(Place::Unclear(names))
}

/// The credential is limited to several clinics, and none of them was named.
async fn unclear(tx: &mut TenantTx) -> Result<Place> {
    let clinics = clinics::list(tx, None, MOST_CLINICS).await?;
    Ok(Place::Unclear(clinics.iter().map(|clinic| called(&clinic.name, clinic.id)).collect()))
}

/// The statement of [`busy()`]: organisation, providers, from, to, now, and the earliest moment at which something could begin that reaches in.
pub const BUSY: &str = "
    select blocked.provider_id, blocked.block_from, blocked.block_to
    from unnest($2) as p (provider_id)
    cross join lateral (
        select a.provider_id, a.block_from, a.block_to
        from appointment a
        where a.org_id = $1 and a.provider_id = p.provider_id
            and a.is_live and (a.hold_expires_at is null or a.hold_expires_at > $5)
            and a.block_from < $4 and a.block_to > $3 and a.block_from > $6
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
) -> Result<Vec<Busy>> {
    let rows = sqlx::query(BUSY)
        .bind(tx.org)
        .bind(providers)
        .bind(from.to_sqlx())
        .bind(to.to_sqlx())
        .bind(now.to_sqlx())
        .bind(from.checked_sub(LONGEST).unwrap_or(Timestamp::MIN).to_sqlx())
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
