//! Answers scrapes on loopback, HTTP/1.1.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE as HEADER,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::Metrics;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Connections at the same time.
const CONNECTIONS: usize = 8;
/// How long a connection may take in all.
const WITHIN: Duration = Duration::from_secs(10);
/// Octets of a request's head.
const HEAD_OCTETS: usize = 8 << 10;
/// How long it waits when the system gives no connection, for want of descriptors for example.
const PAUSE: Duration = Duration::from_millis(100);

/// Metrics cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is not one of this machine alone.
    #[error("metrics address `{address}` is not on loopback: metrics have no authentication")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The system refuses.
    #[error("metrics address `{address}`: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens on this address of loopback and gives it, with its port, and what answers scrapes of `/metrics` as long as it is
/// polled.
///
/// # Errors
/// The address is not on loopback, or cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
) -> Result<(SocketAddr, impl Future<Output = Infallible> + Send), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let bind = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let bound = listener.local_addr().map_err(bind)?;
    Ok((bound, accept(listener, metrics)))
}

async fn accept(listener: TcpListener, metrics: Metrics) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let metrics = metrics.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let response = answer(&request, &metrics);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = http1::Builder::new();
            http.max_buf_size(HEAD_OCTETS).keep_alive(false);
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // Whoever scrapes knows that it got nothing.
            let _ended = timeout(WITHIN, connection).await;
        });
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, metrics.text()),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    if status == StatusCode::OK {
        let value = hyper::header::HeaderValue::from_static(CONTENT_TYPE);
        response.headers_mut().insert(HEADER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    async fn ask(address: SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_scrape_gets_the_text_and_others_nothing() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, serving) = serve(address, Metrics::new()).await.unwrap();
        tokio::spawn(serving);
        let answer = ask(address, "GET /metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(CONTENT_TYPE), "{answer}");
        assert!(answer.ends_with("# EOF\n"), "{answer}");
        assert!(
            ask(address, "POST /metrics")
                .await
                .starts_with("HTTP/1.1 405")
        );
        assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn nobody_beyond_this_machine_is_served() {
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let error = serve(address, Metrics::new()).await.err().unwrap();
        assert!(matches!(error, ServeError::NotLoopback { .. }), "{error}");
    }
}
