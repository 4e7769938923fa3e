//! Accepts connections and serves them. What axum's own server lacks: a head that does not arrive ends its connection, and connections are not
//! without number.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// As many connections as a process may mostly have files; further ones wait to be accepted.
const MOST: usize = 900;

/// After an error of `accept`, as when there are no files left, and while the rest of a line is awaited: trying again at once would not help.
const PAUSE: Duration = Duration::from_millis(100);

/// How a connection begins that speaks HTTP/2 (RFC 9113, 3.4).
const HTTP2: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves until `stop`, and then until every request has been answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    head_timeout: Duration,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((place, stream, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(head_timeout);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(head_timeout);
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let router = router.clone();
            async move {
                Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        });
        let (watcher, stop) = (graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            let arrived = tokio::select! {
                () = stop.cancelled() => false,
                arrived = tokio::time::timeout(head_timeout, first_bytes(&stream)) => matches!(arrived, Ok(true)),
            };
            if arrived {
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                // How it ended is its client's business.
                let _ = watcher.watch(connection.into_owned()).await;
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let place = places.clone().acquire_owned().await.ok()?;
    let (stream, peer) = listener.accept().await.ok()?;
    // An answer is one small packet: waiting for more would cost 40 ms.
    let _ = stream.set_nodelay(true);
    Some((place, stream, peer))
}

/// Waits until the first bytes tell HTTP/1 from HTTP/2, for which the builder would wait for ever; `false`: nothing comes.
async fn first_bytes(stream: &TcpStream) -> bool {
    let mut first = [0; HTTP2.len()];
    loop {
        match stream.peek(&mut first).await {
            Ok(0) | Err(_) => return false,
            Ok(count) if count == HTTP2.len() || !HTTP2.starts_with(&first[..count]) => return true,
            // What is there already would be seen again at once.
            Ok(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
