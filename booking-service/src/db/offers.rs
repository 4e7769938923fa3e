//! `offer`: what was read out to a caller.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        confirmation_code::OfferCode,
        ids::{ClinicId, ProviderId, ServiceId},
        slot::{OpenSlot, Slot},
    },
    error::Result,
};

/// What an offer stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where.
    pub clinic: ClinicId,
    /// With whom.
    pub provider: ProviderId,
    /// What for.
    pub service: Option<ServiceId>,
    /// When.
    pub slot: Slot,
}

/// Gives these slots names of the holder's, until then. A slot keeps no name where another offer has it.
pub async fn insert(
    tx: &mut TenantTx,
    holder: &str,
    slots: &mut [OpenSlot],
    (now, until): (Timestamp, Timestamp),
) -> Result<()> {
    let named: Vec<(OfferCode, &mut OpenSlot)> = slots
        .iter_mut()
        .filter(|slot| slot.provider.is_some())
        .map(|slot| (OfferCode::generate(), slot))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let each = || named.iter().map(|(code, slot)| (code, &**slot));
    let rows = sqlx::query(
        "
        with quick as materialized (
            -- Nothing is lost when this is: an offer that a crash took with it has expired. So nobody waits for the disk.
            select set_config('synchronous_commit', 'off', true)
        ), lapsed as (
            delete from offer where org_id = $1 and holder = $2 and expires_at <= $9
        )
        insert into offer (org_id, holder, code, clinic_id, provider_id, service_id, starts_at, ends_at, expires_at)
        select $1, $2, code, clinic_id, provider_id, service_id, starts_at, ends_at, $10
        from unnest($3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::timestamptz[])
            as o (code, clinic_id, provider_id, service_id, starts_at, ends_at)
        cross join quick
        on conflict do nothing
        returning code
        ",
    )
    .bind(tx.org)
    .bind(holder)
    .bind(each().map(|(code, _)| code.as_str().to_owned()).collect::<Vec<_>>())
    .bind(each().map(|(_, slot)| slot.clinic).collect::<Vec<_>>())
    .bind(each().map(|(_, slot)| slot.provider.as_ref().map(|provider| provider.id)).collect::<Vec<_>>())
    .bind(each().map(|(_, slot)| slot.service).collect::<Vec<_>>())
    .bind(each().map(|(_, slot)| slot.slot.start().to_sqlx()).collect::<Vec<_>>())
    .bind(each().map(|(_, slot)| slot.slot.end().to_sqlx()).collect::<Vec<_>>())
    .bind(now.to_sqlx())
    .bind(until.to_sqlx())
    .fetch_all(tx.conn())
    .await?;
    let kept: Vec<OfferCode> = rows.iter().map(|row| row.try_get("code")).collect::<sqlx::Result<_>>()?;
    for (code, slot) in named {
        slot.offer = kept.contains(&code).then_some(code);
    }
    Ok(())
}

/// What the holder's offer stands for, if it is still good.
pub async fn get(tx: &mut TenantTx, holder: &str, code: &OfferCode, now: Timestamp) -> Result<Option<Offer>> {
    let row = sqlx::query(
        "
        select clinic_id, provider_id, service_id, starts_at, ends_at from offer
        where org_id = $1 and holder = $2 and code = $3 and expires_at > $4
        ",
    )
    .bind(tx.org)
    .bind(holder)
    .bind(code)
    .bind(now.to_sqlx())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Offer {
        clinic: row.try_get("clinic_id")?,
        provider: row.try_get("provider_id")?,
        service: row.try_get("service_id")?,
        slot: Slot::stored(row.time("starts_at")?, row.time("ends_at")?),
    }))
}
