//! Puts, shows and deletes documents.

use crate::{
    access::{DELETE_DOCUMENT, PUT_DOCUMENT},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        clinics,
        documents::{self, Putting},
        providers, services,
    },
    domain::{
        ids::{ClinicId, DocumentId},
        knowledge::{Document, DocumentDetails},
        page::{Page, PageSize, Position},
    },
    error::{Error, Resource, Result},
    ops::Done,
};

/// What to put.
#[derive(Clone, Debug)]
pub struct PutDocument {
    /// The name that its source has for it.
    pub source: String,
    /// What is said of it.
    pub details: DocumentDetails,
    /// What it says.
    pub content: Vec<u8>,
    /// SHA-256 of all that.
    pub hash: Vec<u8>,
}

/// Which documents, how many, and after which.
#[derive(Clone, Debug)]
pub struct ListDocuments {
    /// Where they count.
    pub clinic: Option<ClinicId>,
    /// What they are about.
    pub category: Option<String>,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// Puts a document; what is there already stays as it is.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn put_document(app: &App, caller: &Caller, command: PutDocument) -> Result<Document> {
    let PutDocument { source, details, content, hash } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    reaches(caller, details.clinic)?;
    is_ours(&mut tx, &details).await?;
    let known = documents::lock_source(&mut tx, &source).await?;
    if let Some(known) = &known {
        // Where it counted until now has to be the caller's, too.
        reaches(caller, known.details.clinic).map_err(|_| {
            Error::invalid("source_id", "names a document that your credential does not reach")
        })?;
        if known.hash == hash {
            return Ok(known.clone());
        }
    }
    documents::is_due(&mut tx).await?;
    let id = known.as_ref().map_or_else(DocumentId::generate, |known| known.id);
    let putting = Putting { id, source: &source, details: &details, content: &content, hash: &hash, now };
    if known.is_some() {
        documents::replace(&mut tx, putting).await?;
    } else {
        documents::insert(&mut tx, putting).await?;
    }
    audit::insert(&mut tx, caller, now, Entry::done(PUT_DOCUMENT, "document", id)).await?;
    let put = existing(&mut tx, id).await?;
    tx.commit().await?;
    app.embedding.knock(caller.org);
    Ok(put)
}

/// Shows a document.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_document(app: &App, caller: &Caller, id: DocumentId) -> Result<Document> {
    let mut tx = app.db.tenant_tx(caller).await?;
    existing(&mut tx, id).await
}

/// A page of documents.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_documents(app: &App, caller: &Caller, command: ListDocuments) -> Result<Page<Document>> {
    let ListDocuments { clinic, category, size, after } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    if let Some(clinic) = clinic {
        clinics::get(&mut tx, clinic).await?.ok_or_else(|| Error::ClinicForbidden(clinic.to_string()))?;
    }
    let after = after.map(|after| after.id);
    let mut items = documents::list(&mut tx, clinic, category.as_deref(), after, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.into() });
    Ok(Page { items, next })
}

/// Deletes a document with all that was made of it.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn delete_document(app: &App, caller: &Caller, id: DocumentId) -> Result<Done> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let found = existing(&mut tx, id).await?;
    reaches(caller, found.details.clinic)?;
    // Whoever is putting it, or preparing it, ends first.
    documents::lock_source(&mut tx, &found.source).await?;
    documents::delete(&mut tx, id).await?;
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(DELETE_DOCUMENT, "document", id)).await?;
    tx.commit().await?;
    Ok(Done)
}

/// What counts at all clinics is for those to say who reach all of them.
fn reaches(caller: &Caller, clinic: Option<ClinicId>) -> Result<()> {
    match clinic {
        Some(clinic) if !caller.scope.reaches(clinic) => Err(Error::ClinicForbidden(clinic.to_string())),
        None if caller.scope.clinics.is_some() => {
            Err(Error::invalid("clinic_id", "is required: your credential does not reach all clinics"))
        }
        _ => Ok(()),
    }
}

async fn is_ours(tx: &mut TenantTx, details: &DocumentDetails) -> Result<()> {
    if let Some(id) = details.clinic {
        clinics::get(tx, id).await?.ok_or_else(|| Error::ClinicForbidden(id.to_string()))?;
    }
    if let Some(id) = details.service {
        services::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Service, id))?;
    }
    if let Some(id) = details.provider {
        providers::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Provider, id))?;
    }
    Ok(())
}

async fn existing(tx: &mut TenantTx, id: DocumentId) -> Result<Document> {
    documents::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Document, id))
}
