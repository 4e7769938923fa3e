//! Pages of `appointment`.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use uuid::Uuid;

use super::TenantTx;
use crate::{
    db::appointments::select,
    domain::{
        appointment::{Appointment, State},
        ids::{ClinicId, ProviderId},
        page::Position,
    },
    error::Result,
};

/// Which appointments a list shows; `None` anywhere means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this clinic.
    pub clinic: Option<ClinicId>,
    /// Of this provider.
    pub provider: Option<ProviderId>,
    /// Beginning then or later.
    pub from: Option<Timestamp>,
    /// Beginning before.
    pub to: Option<Timestamp>,
    /// In this state.
    pub state: Option<State>,
    /// Booked or confirmed.
    pub promised: bool,
    /// Of patients with this number.
    pub patient_phone: Option<String>,
}

/// The year 1, before which nothing begins: Postgres knows no time as early as the earliest of ours.
const BEGINNING: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// What both lists ask for, between where they look for it and how far they go.
macro_rules! list {
    ($from:literal $to:literal) => {
        select!(
            from
            "(
            select a.org_id, a.appointment_id, a.clinic_id, a.provider_id, a.patient_id, a.starts_at, a.ends_at, a.block_from, a.block_to, a.state, a.hold_expires_at,
                a.confirmation_code, a.service_id, a.service_text, a.metadata, a.call_id, a.cancel_reason, a.created_at, a.updated_at, a.version
            from "
            $from
            "
                and ($2::uuid is null or a.clinic_id = $2)
                and ($12::uuid[] is null or a.clinic_id = any ($12))
                and ($3::uuid is null or a.provider_id = $3)
                -- Plain bounds: in `coalesce` row security sees something that could leak, and keeps it from the index.
                and a.starts_at >= $4
                and a.starts_at < $5
                -- A hold that ran out is none, whether or not somebody has needed its slot since.
                and ($6::text is null or $6 = case when a.hold_expires_at <= $13 then 'expired' else a.state end)
                and (not $11 or a.state in ('booked', 'confirmed'))
                and (a.starts_at, a.appointment_id) > ($8, $9)
            "
            $to;
            "
            order by a.starts_at, a.appointment_id
            limit $10
            "
        )
    };
}

/// The statement of [`list()`] for a whole organisation. A page is cut along the index of start times, before anything is joined to it;
/// appointments that begin at the same time as its last one are cut afterwards. The planner takes all for one row, and would
/// otherwise read the lot and sort it.
pub const LIST: &str = list!(
    "appointment a where a.org_id = $1"
    "order by a.starts_at fetch first ($10) rows with ties) a"
);

/// The statement of [`list()`] for one number: it goes to that number's patients first, and then to all that each of them has. `offset 0`
/// keeps the planner to that order.
pub const LIST_OF_NUMBER: &str = list!(
    "
        patient who
        cross join lateral (
            select a.org_id, a.appointment_id, a.clinic_id, a.provider_id, a.patient_id, a.starts_at, a.ends_at, a.block_from, a.block_to, a.state, a.hold_expires_at,
                a.confirmation_code, a.service_id, a.service_text, a.metadata, a.call_id, a.cancel_reason, a.created_at, a.updated_at, a.version
            from appointment a
            where a.org_id = $1 and a.patient_id = who.patient_id
            offset 0
        ) a
        where who.org_id = $1 and who.phone = $7
    "
    ") a"
);

/// The appointments after `after`, by start time and id.
pub async fn list(
    tx: &mut TenantTx,
    filter: &Filter,
    after: Option<Position>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Appointment>> {
    let after = after.unwrap_or(Position { at: BEGINNING, id: Uuid::nil() });
    let from = filter.from.map_or(after.at, |from| from.max(after.at));
    let scope = tx.clinics().map(<[_]>::to_vec);
    let statement = if filter.patient_phone.is_some() { LIST_OF_NUMBER } else { LIST };
    Ok(sqlx::query_as(statement)
        .bind(tx.org)
        .bind(filter.clinic)
        .bind(filter.provider)
        .bind(from.to_sqlx())
        .bind(filter.to.unwrap_or(Timestamp::MAX).to_sqlx())
        .bind(filter.state.map(State::as_str))
        .bind(filter.patient_phone.as_deref())
        .bind(after.at.to_sqlx())
        .bind(after.id)
        .bind(limit)
        .bind(filter.promised)
        .bind(scope)
        .bind(now.to_sqlx())
        .fetch_all(tx.conn())
        .await?)
}
