//! `app_user` and `membership`: who there is, and where they may go. Asked before there is a tenant.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use serde_json::json;
use sqlx::Row as _;

use super::{Db, TenantTx, breaks, row::RowExt as _};
use crate::{
    domain::{
        clinic::Clinic,
        ids::{OrgId, UserId},
        member::User,
        patient::Email,
        slot::Provider,
        text::Name,
    },
    error::{Error, Result},
};

/// More organisations than this are not told.
const MOST_ORGANISATIONS: i64 = 20;

/// What somebody who signs up wants to have.
#[derive(Clone, Debug)]
pub struct NewOrganisation<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Its first clinic.
    pub clinic: &'a Clinic,
    /// Its first provider.
    pub provider: Option<&'a Provider>,
    /// As the members know who signs up.
    pub full_name: &'a Name,
}

/// The user with this address.
pub async fn by_email(db: &Db, email: &Email) -> Result<Option<User>> {
    let row = sqlx::query("select user_id, email, password_hash from app_user where email = $1")
        .bind(email.as_str())
        .fetch_optional(db.untenanted_auth())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(User {
        id: row.try_get("user_id")?,
        email: row.parsed("email", |email| Email::parse(email).ok())?,
        password_hash: row.try_get("password_hash")?,
    }))
}

/// Where a user is a member, by id.
pub async fn organisations(db: &Db, user: UserId) -> Result<Vec<OrgId>> {
    Ok(sqlx::query_scalar("select org_id from membership where user_id = $1 order by org_id limit $2")
        .bind(user)
        .bind(MOST_ORGANISATIONS)
        .fetch_all(db.untenanted_auth())
        .await?)
}

/// Makes a user and, by trigger, the organisation of this transaction, with its first clinic, of which the user is administrator.
pub async fn sign_up(
    tx: &mut TenantTx,
    user: &User,
    wanted: NewOrganisation<'_>,
    at: Timestamp,
) -> Result<()> {
    let NewOrganisation { name, clinic, provider, full_name } = wanted;
    let mut details = json!({
        "organization_name": name.as_str(),
        "clinic_id": clinic.id.to_string(),
        "clinic_name": clinic.name,
        "time_zone": clinic.zone.iana_name(),
        "full_name": full_name.as_str(),
    });
    if let Some(provider) = provider {
        details["provider_id"] = json!(provider.id.to_string());
        details["provider_name"] = json!(provider.name);
    }
    let org = tx.org;
    insert(tx, user, Some((org, details)), at).await
}

/// Makes a user who has no organisation yet.
pub async fn add(tx: &mut TenantTx, user: &User, at: Timestamp) -> Result<()> {
    insert(tx, user, None, at).await
}

async fn insert(
    tx: &mut TenantTx,
    user: &User,
    sign_up: Option<(OrgId, serde_json::Value)>,
    at: Timestamp,
) -> Result<()> {
    let User { id, email, password_hash } = user;
    let (org, details) = sign_up.unzip();
    let inserted = sqlx::query(
        "
        insert into app_user (user_id, email, password_hash, created_at, sign_up_org_id, sign_up)
        values ($1, $2, $3, $4, $5, $6)
        ",
    )
    .bind(id)
    .bind(email.as_str())
    .bind(password_hash)
    .bind(at.to_sqlx())
    .bind(org)
    .bind(details)
    .execute(tx.conn())
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if breaks(&error, "app_user_email_unique") => Err(Error::EmailInUse),
        Err(error) => Err(error.into()),
    }
}
