//! Spans of the daemon, exported as OpenTelemetry traces to a collector on this machine (OTLP, protobuf over HTTP).
//!
//! Nobody waits for the export: what ended stands in a bounded queue until a thread of its own sends it, and what finds no
//! place is dropped. A collector elsewhere would need its name looked up, by the stub whose work is traced, and names
//! would leave the machine in clear text: the collector on loopback sends on as its operator says.

use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response,
    client::conn::http1::handshake,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use opentelemetry::{
    Array, InstrumentationScope, KeyValue, StringValue, Value,
    trace::{Status, TracerProvider as _},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter},
};
use resolvet::{decisions::Redaction, spans::TARGET};
use tokio::{net::TcpStream, runtime::Handle, time::timeout};
use tracing_subscriber::{filter::filter_fn, layer::SubscriberExt as _};

use crate::{
    config::{self, Config},
    exit::UsageError,
    output::Output,
};

/// The name of this service.
const SERVICE: &str = "resolvetd";
/// Spans that may wait to be sent.
const QUEUE: usize = 2_048;
/// Most of them that may be asked for: each has about a kB.
const QUEUE_MOST: usize = 1 << 16;
/// Spans of one message.
const BATCH: usize = 512;
/// How long spans are gathered before they are sent.
const DELAY_MILLISECONDS: u32 = 5_000;
/// How long a message to the collector may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How long the end waits for the last ones.
const LAST: Duration = Duration::from_secs(2);
/// Octets of a collector's answer.
const ANSWER_OCTETS: usize = 64 << 10;
/// Fields that hold a name, and those that hold an address.
const NAMES: [&str; 2] = ["domain", "name"];
const ADDRESSES: [&str; 1] = ["address"];
/// Fields that hold words and numbers of the program and of policies' manifests, never texts.
const WORDS: [&str; 5] = ["policies", "digests", "version", "digest", "findings"];

/// What exports spans until it is ended.
pub(crate) struct Traces(SdkTracerProvider);

/// Whether traces can be exported as the configuration says: where to, and how many spans may wait.
pub(crate) fn check(config: &config::Traces) -> Result<Option<(SocketAddr, usize)>, UsageError> {
    let Some(address) = config.collector else {
        return Ok(None);
    };
    if !address.ip().is_loopback() {
        let text = format!(
            "`traces.collector` is {address}: expected an address of loopback; a collector on this machine sends on to others"
        );
        return Err(UsageError(text));
    }
    let queue = config.queue.unwrap_or(QUEUE);
    if !(1..=QUEUE_MOST).contains(&queue) {
        let text = format!("`traces.queue` is {queue}: expected 1 to {QUEUE_MOST}");
        return Err(UsageError(text));
    }
    Ok(Some((address, queue)))
}

/// Begins to export, where the configuration names a collector. Once in a process.
pub(crate) fn begin(config: &Config, output: &Output) -> anyhow::Result<Option<Traces>> {
    let Some((address, queue)) = check(&config.traces)? else {
        return Ok(None);
    };
    let delay_milliseconds = config.traces.delay_milliseconds;
    let delay = delay_milliseconds.unwrap_or(DELAY_MILLISECONDS).max(1);
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Collector {
            address,
            runtime: Handle::current(),
        })
        .with_endpoint(format!("http://{address}/v1/traces"))
        .with_timeout(WITHIN)
        .build()
        .context("traces cannot be exported")?;
    let exporter = Exporter {
        inner: exporter,
        redaction: config.decisions.redaction(),
        output: output.clone(),
        is_failing: AtomicBool::new(false),
    };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(queue)
        .with_max_export_batch_size(BATCH.min(queue))
        .with_scheduled_delay(Duration::from_millis(delay.into()))
        .build();
    let processor = BatchSpanProcessor::builder(exporter)
        .with_batch_config(batches)
        .build();
    // Nothing of the environment and nothing of this machine but the program's own name.
    let resource = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", SERVICE),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ]);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_resource(resource.build())
        .build();
    let scope = InstrumentationScope::builder(TARGET).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer_with_scope(scope))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    // Libraries have spans of their own, which tell of every packet.
    let ours = filter_fn(|metadata| metadata.target() == TARGET);
    let subscriber = tracing_subscriber::registry().with(ours).with(layer);
    tracing::subscriber::set_global_default(subscriber).context("traces are exported already")?;
    output.log(&format!("traces to the collector at {address}"));
    Ok(Some(Traces(provider)))
}

impl Traces {
    /// Sends what waits, for two seconds at most.
    pub(crate) async fn end(self) {
        let ending = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST));
        // What is lost now is lost; the exporter has told why.
        let _ended = ending.await;
    }
}

/// Speaks HTTP/1.1 to the collector, on the daemon's event loop.
#[derive(Debug)]
struct Collector {
    address: SocketAddr,
    runtime: Handle,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        // The limit of time counts on the event loop, too.
        let address = self.address;
        let sending = async move { timeout(WITHIN, send(address, request)).await? };
        let sending = self.runtime.spawn(sending);
        Box::pin(async move { sending.await? })
    }
}

async fn send(address: SocketAddr, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let (mut head, body) = request.into_parts();
    // Only the path goes to a server that is no proxy.
    head.uri = head.uri.path().parse()?;
    head.headers
        .insert(HOST, HeaderValue::from_str(&address.to_string())?);
    let request = Request::from_parts(head, Full::<Bytes>::new(body));
    let answering = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_OCTETS).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    tokio::pin!(answering);
    tokio::select! {
        answer = &mut answering => answer,
        ended = connection => {
            ended?;
            answering.await
        }
    }
}

/// Leaves out what must not be told, and says when nobody takes what is sent.
struct Exporter<E> {
    inner: E,
    redaction: Redaction,
    output: Output,
    is_failing: AtomicBool,
}

impl<E> fmt::Debug for Exporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("redaction", &self.redaction)
            .finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        if self.redaction.is_wanted() {
            batch
                .iter_mut()
                .for_each(|span| redact(self.redaction, span));
        }
        let result = self.inner.export(batch).await;
        let is_failing = result.is_err();
        if self.is_failing.swap(is_failing, Ordering::Relaxed) != is_failing {
            match &result {
                Ok(()) => self.output.log("traces: the collector takes them again"),
                Err(error) => self.output.log(&format!(
                    "traces: the collector takes none, they are dropped: {error}"
                )),
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// The same rules as the log of decisions has.
fn redact(redaction: Redaction, span: &mut SpanData) {
    // What is a name of one label is known by its field alone, and may stand in an error beside it.
    let named = span.attributes.iter();
    let named = named.filter(|field| NAMES.contains(&field.key.as_str()));
    let known: BTreeSet<String> = named
        .map(|field| field.value.as_str().trim_end_matches('.').to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    let events = span.events.events.iter_mut();
    let fields = events.flat_map(|event| &mut event.attributes);
    for field in span.attributes.iter_mut().chain(fields) {
        redact_field(redaction, field, &known);
    }
    if let Status::Error { description } = &mut span.status {
        *description = redaction.text(description, &known).into();
    }
}

fn redact_field(redaction: Redaction, field: &mut KeyValue, known: &BTreeSet<String>) {
    let key = field.key.as_str();
    if WORDS.contains(&key) {
        return;
    }
    let is_name = NAMES.contains(&key);
    let whole = |text: &str| match text {
        "" => String::new(),
        _ if is_name && redaction.names => Redaction::NAME.to_owned(),
        _ if ADDRESSES.contains(&key) && redaction.addresses => Redaction::ADDRESS.to_owned(),
        text => redaction.text(text, known),
    };
    match &mut field.value {
        Value::String(text) => *text = whole(text.as_str()).into(),
        Value::Array(Array::String(texts)) => {
            for text in texts {
                *text = StringValue::from(whole(text.as_str()));
            }
        }
        _ => {}
    }
}
