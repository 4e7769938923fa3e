//! Encrypts every secret in the database anew, after the key has changed.

use uuid::Uuid;

use crate::{
    app::App,
    caller::Caller,
    db::{
        calendars, organisations,
        webhook_credentials::{self, Secrets, place},
    },
    domain::ids::OrgId,
    error::{Error, Result},
    vault::Vault,
};

/// Secrets that are locked at a time.
const BATCH: i64 = 100;

/// Encrypts with the first key what is encrypted with another one; tells how many secrets those were. Requests go on meanwhile.
pub async fn rotate_secrets(app: &App) -> Result<usize> {
    let mut rotated = 0;
    for org in organisations::all(&app.db).await? {
        rotated += rotate_calendars(app, org).await?;
        let mut after = Uuid::nil();
        loop {
            let mut tx = app.db.tenant_tx(&Caller::system(org)).await?;
            let page = webhook_credentials::lock_secrets(&mut tx, after, BATCH).await?;
            let Some((last, ..)) = page.last() else { break };
            after = *last;
            for secrets in page {
                if let Some(anew) = anew(&app.keys.get().vault, org, &secrets)? {
                    webhook_credentials::set_secrets(&mut tx, &anew).await?;
                    rotated += 1;
                }
            }
            tx.commit().await?;
        }
    }
    Ok(rotated)
}

/// The same for what lets us into calendars.
async fn rotate_calendars(app: &App, org: OrgId) -> Result<usize> {
    let (mut rotated, mut after) = (0, Uuid::nil());
    loop {
        let mut tx = app.db.tenant_tx(&Caller::system(org)).await?;
        let page = calendars::lock_secrets(&mut tx, after, BATCH).await?;
        let Some((last, _)) = page.last() else { return Ok(rotated) };
        after = (*last).into();
        for (id, secret) in page {
            let (vault, place) = (&app.keys.get().vault, calendars::place(org, id));
            if !vault.is_current(&secret) {
                let anew = vault.seal_anew(&secret, place).map_err(Error::Internal)?;
                calendars::set_secret(&mut tx, id, &anew).await?;
                rotated += 1;
            }
        }
        tx.commit().await?;
    }
}

/// The secrets under the first key; `None`: they are.
fn anew(vault: &Vault, org: OrgId, (id, secret, previous): &Secrets) -> Result<Option<Secrets>> {
    if vault.is_current(secret) && previous.as_ref().is_none_or(|previous| vault.is_current(previous)) {
        return Ok(None);
    }
    let again = |sealed: &[u8], column| vault.seal_anew(sealed, place(org, *id, column));
    let secret = again(secret, "secret").map_err(Error::Internal)?;
    let previous = previous.as_deref().map(|previous| again(previous, "previous_secret")).transpose();
    Ok(Some((*id, secret, previous.map_err(Error::Internal)?)))
}
