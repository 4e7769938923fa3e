//! Binds the port, then serves until told to stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{app::App, config::Config, connections, metrics::Metrics, routes, upstream::Upstream};

/// A server whose port is bound and that is not serving yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Router,
    head_timeout: Duration,
    grace: Duration,
}

impl Server {
    /// Binds the port; 0 takes a free one. The booking service may come up later.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.address)
            .await
            .with_context(|| format!("cannot listen on {}", config.address))?;
        let app = App {
            upstream: Upstream::new(config.booking_url.clone(), config.deadline),
            metrics: Arc::new(Metrics::default()),
            public_url: config.public_url.as_ref().map(|url| url.to_string().trim_end_matches('/').into()),
        };
        Ok(Self {
            listener,
            router: routes::router(app),
            head_timeout: config.head_timeout,
            grace: config.shutdown_grace,
        })
    }

    /// Where HTTP will be served.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, lets running requests end, and returns.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { listener, router, head_timeout, grace } = self;
        tokio::select! {
            () = connections::serve(listener, router, head_timeout, stop.clone()) => {}
            () = async { stop.cancelled().await; tokio::time::sleep(grace).await } => {
                tracing::warn!("requests were still running when the grace period ended");
            }
        }
        Ok(())
    }
}
