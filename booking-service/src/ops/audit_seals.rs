//! The operator's proof that the audit is as it was written.

use jiff::tz::TimeZone;

use crate::{
    app::App,
    caller::Caller,
    db::audit_seals::{self, SealedRow},
    domain::{
        audit_event::{AuditEvent, Link, Seal},
        ids::OrgId,
    },
    error::Result,
};

/// Rows that are read at a time.
const BATCH: i64 = 1_000;

/// Numbers and chains all rows that are not sealed yet; gives a seal for each organisation and day that has new rows.
pub async fn seal(app: &App) -> Result<Vec<Seal>> {
    let mut seals: Vec<Seal> = Vec::new();
    for org in audit_seals::organisations(&app.db).await? {
        while let Some(batch) = seal_batch(app, org).await? {
            // A day that ends in a later batch is sealed there.
            if seals
                .last()
                .is_some_and(|last| last.org == org && batch.first().is_some_and(|next| next.day == last.day))
            {
                seals.pop();
            }
            seals.extend(batch);
        }
    }
    Ok(seals)
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
        let day = event.at.to_zoned(TimeZone::UTC).date();
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
    /// What is not, a sentence each.
    pub faults: Vec<String>,
}

/// Compares every sealed row with its link, and the chain with the seals that were kept.
pub async fn verify(app: &App, seals: &[Seal]) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut orgs = audit_seals::organisations(&app.db).await?;
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
            for seal in seals.iter().filter(|seal| seal.seq == row.seq && seal.link != link) {
                findings.faults.push(format!(
                    "organisation {org}, row {}: the chain is not the one that was sealed on {}",
                    row.seq, seal.day
                ));
            }
        }
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
