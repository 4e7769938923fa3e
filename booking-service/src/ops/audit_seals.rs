//! The operator's proof that the audit is as it was written.

use jiff::tz::TimeZone;

use crate::{
    app::App,
    caller::Caller,
    db::{
        audit_seals::{self, SealedRow},
        organisations,
    },
    domain::{
        audit_event::{AuditEvent, Link, Seal},
        ids::OrgId,
    },
    error::{Error, Result},
};

/// Rows that are read at a time.
const BATCH: i64 = 1_000;

/// Numbers and chains all rows that are not sealed yet, and tells `keep` a seal for each day that has new rows; where there are none, the last
/// seal once more, so that lines that were lost are had again. One organisation after another.
pub async fn seal(app: &App, mut keep: impl FnMut(&Seal) -> std::io::Result<()>) -> Result<()> {
    for org in organisations::all(&app.db).await? {
        let mut seals: Vec<Seal> = Vec::new();
        while let Some(batch) = seal_batch(app, org).await? {
            // A day that ends in a later batch is sealed there.
            if seals.last().is_some_and(|last| batch.first().is_some_and(|next| next.day == last.day)) {
                seals.pop();
            }
            seals.extend(batch);
        }
        if seals.is_empty() {
            seals.extend(last_seal(app, org).await?);
        }
        for seal in &seals {
            keep(seal).map_err(|error| {
                Error::Internal(anyhow::Error::new(error).context("a seal cannot be written"))
            })?;
        }
    }
    Ok(())
}

/// The seal of an organisation's last sealed row.
async fn last_seal(app: &App, org: OrgId) -> Result<Option<Seal>> {
    let mut tx = app.db.tenant_tx(&Caller::system(org)).await?;
    let Some((seq, link)) = audit_seals::last(&mut tx).await? else { return Ok(None) };
    let rows = audit_seals::list(&mut tx, seq - 1, 1).await?;
    let event = rows.into_iter().next().and_then(|row| row.event);
    Ok(event.map(|event| Seal { day: day(&event), org, seq, link }))
}

async fn seal_batch(app: &App, org: OrgId) -> Result<Option<Vec<Seal>>> {
    let mut tx = app.db.tenant_tx(&Caller::system(org)).await?;
    let (mut seq, mut link) = audit_seals::last(&mut tx).await?.unwrap_or((0, Link::first(org)));
    let events = audit_seals::unsealed(&mut tx, BATCH).await?;
    if events.is_empty() {
        return Ok(None);
    }
    let (mut rows, mut seals) = (Vec::with_capacity(events.len()), Vec::<Seal>::new());
    for event in &events {
        seq += 1;
        link = link.next(seq, event);
        rows.push((seq, event.id, link));
        let day = day(event);
        if seals.last().is_some_and(|last| last.day == day) {
            seals.pop();
        }
        seals.push(Seal { day, org, seq, link });
    }
    audit_seals::insert(&mut tx, &rows).await?;
    tx.commit().await?;
    Ok(Some(seals))
}

/// What verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Rows that are as they were sealed.
    pub sound: i64,
    /// Rows that are not sealed yet.
    pub unsealed: i64,
    /// What is not, a sentence each.
    pub faults: Vec<String>,
}

/// Compares every sealed row with its link, and the chain with the seals that were kept.
pub async fn verify(app: &App, seals: &[Seal]) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut orgs = organisations::all(&app.db).await?;
    // An organisation may be gone altogether.
    orgs.extend(seals.iter().map(|seal| seal.org));
    orgs.sort();
    orgs.dedup();
    for org in orgs {
        let own: Vec<&Seal> = seals.iter().filter(|seal| seal.org == org).collect();
        verify_organisation(app, org, &own, &mut findings).await?;
    }
    Ok(findings)
}

async fn verify_organisation(app: &App, org: OrgId, seals: &[&Seal], findings: &mut Findings) -> Result<()> {
    let mut tx = app.db.tenant_tx(&Caller::system(org)).await?;
    let (mut seq, mut link) = (0, Link::first(org));
    loop {
        let rows = audit_seals::list(&mut tx, seq, BATCH).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            match fault(row, seq + 1, link) {
                None => findings.sound += 1,
                Some(fault) => findings.faults.push(format!("organisation {org}, row {}: {fault}", row.seq)),
            }
            // Onwards from what was kept: one fault is one finding, and not one for each row after it.
            (seq, link) = (row.seq, row.link.unwrap_or(link));
            let is_of = |seal: &Seal| {
                seal.link == link && row.event.as_ref().is_none_or(|event| day(event) == seal.day)
            };
            for seal in seals.iter().filter(|seal| seal.seq == row.seq && !is_of(seal)) {
                findings.faults.push(format!(
                    "organisation {org}, row {}: the chain is not the one that was sealed on {}",
                    row.seq, seal.day
                ));
            }
        }
    }
    findings.unsealed += audit_seals::count_unsealed(&mut tx).await?;
    for seal in seals.iter().filter(|seal| seal.seq < 1) {
        findings
            .faults
            .push(format!("organisation {org}: no row can have the number {}, which is in a seal", seal.seq));
    }
    for seal in seals.iter().filter(|seal| seal.seq > seq) {
        findings.faults.push(format!(
            "organisation {org}: the audit ends at row {seq}, but row {} was sealed on {}",
            seal.seq, seal.day
        ));
    }
    Ok(())
}

/// What is wrong with a sealed row that should have this number and follow this link.
fn fault(row: &SealedRow, expected: i64, before: Link) -> Option<String> {
    let SealedRow { seq, id, link, event } = row;
    if *seq != expected {
        return Some(format!("rows {expected} to {} are missing from the seals", seq - 1));
    }
    let Some(event) = event else { return Some(format!("event {id} was removed, or cannot be read")) };
    let now: Link = before.next(*seq, event);
    (*link != Some(now))
        .then(|| format!("event {id} of {} was changed, or is in another's place", day(event)))
}

fn day(event: &AuditEvent) -> jiff::civil::Date {
    event.at.to_zoned(TimeZone::UTC).date()
}
