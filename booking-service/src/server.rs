//! Binds the ports, then serves until told to stop.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use axum::middleware;
use tokio::{net::TcpListener, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server as Transport, server::TcpIncoming},
};
use tonic_health::server::HealthReporter;

use crate::{app::App, auth, config::Serve, grpc, indexing, readiness, worker};

/// So many requests that were taken back before they were looked at may wait.
const MOST_RESETS: usize = 10_000;

/// How often the health that gRPC clients see is brought up to date.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// A server whose ports are bound and that is not serving yet.
#[derive(Debug)]
pub struct Server {
    app: App,
    grpc: TcpListener,
    http: TcpListener,
    grace: Duration,
}

impl Server {
    /// Binds both ports. Port 0 takes a free one.
    pub async fn bind(app: App, config: &Serve) -> anyhow::Result<Self> {
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        Ok(Self {
            app,
            grpc: bind(config.grpc_address).await?,
            http: bind(config.http_address).await?,
            grace: config.shutdown_grace,
        })
    }

    /// Where gRPC will be served.
    pub fn grpc_address(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Where `/livez`, `/readyz` and `/metrics` will be served.
    pub fn http_address(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Serves until `stop`, lets running requests end, and returns.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { app, grpc, http, grace } = self;
        let (reporter, health) = tonic_health::server::health_reporter();
        // Ours need a caller; what tells nothing of anybody does not.
        let ours = grpc::services(&app)
            .into_axum_router()
            .layer(middleware::from_fn_with_state(app.clone(), auth::authenticate));
        let services = Routes::from(ours)
            .add_service(health)
            .add_service(reflection().build_v1()?)
            // grpcurl and Python's grpcio still ask for the old version.
            .add_service(reflection().build_v1alpha()?);
        let incoming = TcpIncoming::from(grpc).with_nodelay(Some(true));
        let serving = Transport::builder()
            // The gateway passes on who hangs up, for all its clients over one connection, which would be ended for a burst of them.
            .http2_max_pending_accept_reset_streams(Some(MOST_RESETS))
            .http2_max_local_error_reset_streams(Some(MOST_RESETS))
            .add_routes(services)
            .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
        let probes = axum::serve(http, readiness::router(app.clone()))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let draining = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            served = async {
                tokio::try_join!(
                    async { anyhow::Ok(serving.await?) },
                    async { Ok(probes.await?) },
                    async {
                        tokio::join!(worker::run(app.clone(), stop.clone()), indexing::run(app.clone(), stop.clone()));
                        Ok(())
                    },
                )
            } => {
                served?;
            }
            () = report_health(&app, &reporter, &stop) => bail!("the health report ended"),
            () = draining => tracing::warn!("requests were still running when the grace period ended"),
        }
        app.db.close().await;
        Ok(())
    }
}

/// What reflection clients are shown. With the types of error details, so that they print those decoded.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

/// Keeps the gRPC health service up to date: the gateway's readiness asks it.
async fn report_health(app: &App, reporter: &HealthReporter, stop: &CancellationToken) {
    let mut tick = tokio::time::interval(HEALTH_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let ready =
            !stop.is_cancelled() && app.db.pending_migrations().await.is_ok_and(|pending| pending.is_empty());
        let status = if ready {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        reporter.set_service_status("", status).await;
        app.limits.sweep();
    }
}

/// Refuses what would serve wrongly: a schema that is not ours, a login that sees everything.
pub async fn check(app: &App, config: &Serve) -> anyhow::Result<()> {
    if let Some(risk) = app.db.login_risk().await.context("the database cannot be asked who we are")? {
        bail!(
            "{risk}: use the addresses that `booking-service bootstrap` prints, or row security would not hold"
        );
    }
    let pending =
        app.db.pending_migrations().await.context("the database cannot be asked for its migrations")?;
    if !pending.is_empty() {
        bail!("migrations {pending:?} are pending; run `booking-service migrate` first");
    }
    if let Some(hole) = readiness::unpatched(app.db.server_version().await?) {
        if config.require_patched_postgres {
            bail!(hole);
        }
        tracing::warn!("{hole}");
    }
    Ok(())
}
