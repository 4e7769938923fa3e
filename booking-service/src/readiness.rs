//! Whether the service can do its work: for load balancers and people.

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

use crate::{app::App, error::Result};

/// Releases of Postgres without known holes in row security, by major version (CVE-2026-120154 and before).
const PATCHED: [i32; 4] = [150_020, 160_016, 170_012, 180_007];

/// What `/readyz` says.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Whether requests can be served.
    pub ready: bool,
    /// What somebody should see to, though requests are served.
    pub warnings: Vec<String>,
}

/// `/livez`, `/readyz` and `/metrics`.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(app)
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], app.metrics.text())
}

async fn readyz(State(app): State<App>) -> impl IntoResponse {
    let readiness = look(&app).await.unwrap_or_else(|_| Readiness {
        ready: false,
        warnings: vec!["the database is not answering".to_owned()],
    });
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// Asks the database.
pub async fn look(app: &App) -> Result<Readiness> {
    let pending = app.db.pending_migrations().await?;
    let mut warnings: Vec<String> = unpatched(app.db.server_version().await?).into_iter().collect();
    if !pending.is_empty() {
        warnings.push(format!("migrations are pending: {pending:?}"));
    }
    Ok(Readiness { ready: pending.is_empty(), warnings })
}

/// Why this release of Postgres should not hold patients' data.
pub fn unpatched(version: i32) -> Option<String> {
    let (major, minor) = (version / 10_000, version % 10_000);
    let patched = PATCHED.iter().find(|patched| **patched / 10_000 == major);
    let safe = patched.map_or(major > 18, |patched| version >= *patched);
    (!safe).then(|| {
        format!(
            "Postgres {major}.{minor} has known holes in row security; use 15.20, 16.16, 17.12, 18.7 or later"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::unpatched;

    #[test]
    fn releases_with_known_holes_are_named() {
        for version in [140_099, 150_018, 150_019, 160_015, 170_011, 180_006] {
            assert!(unpatched(version).is_some(), "{version}");
        }
        for version in [150_020, 160_016, 170_012, 180_007, 190_000] {
            assert!(unpatched(version).is_none(), "{version}");
        }
    }
}
