//! What DNS over HTTPS by HTTP/2 and by HTTP/3 have in common (RFC 8484): requests, and what becomes of responses.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hyper::{
    Request,
    body::Bytes,
    header::{
        ACCEPT, AGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER,
    },
    http::{self, response},
};
use resolvet_proto::{
    discovery::{Template, TemplateError},
    doh::{Head, MEDIA_TYPE, Method, ReplyError},
};
use thiserror::Error;
use tokio::time::Instant;

use super::ExchangeError;
use crate::message::Question;

/// Requests cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum DohError {
    /// Nobody said where queries go.
    #[error("its discovery yielded no URI template (RFC 8484 3)")]
    NoTemplate,
    /// What discovery yielded is no template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The name can be no authority of a URI.
    #[error("`{0}` can be no host of a URI (RFC 3986 3.2.2)")]
    Name(String),
}

/// Makes requests of queries.
#[derive(Debug)]
pub(super) struct Requests {
    /// `https://` and the authority.
    origin: String,
    template: Template,
    method: Method,
    /// Until when the server wants to be left alone.
    silent: Mutex<Option<Instant>>,
}

impl Requests {
    /// Requests to the server of this name and port. The URI's host is the name that the certificate is checked against.
    /// The path is discovery's.
    pub(super) fn new(
        name: &str,
        port: u16,
        path: Option<&str>,
        method: Method,
    ) -> Result<Self, DohError> {
        let template = path.ok_or(DohError::NoTemplate)?.parse()?;
        let host = if name.contains(':') {
            format!("[{name}]")
        } else {
            name.to_owned()
        };
        let origin = match port {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        };
        let is_uri = format!("{origin}/").parse::<hyper::Uri>().is_ok_and(|uri| {
            uri.authority()
                .is_some_and(|authority| !authority.as_str().contains('@'))
        });
        if !is_uri {
            return Err(DohError::Name(name.to_owned()));
        }
        Ok(Self {
            origin,
            template,
            method,
            silent: Mutex::default(),
        })
    }

    /// The request for a query, and its body. The identifier is 0, so that equal queries are equal requests (RFC 8484
    /// section 4.1).
    pub(super) fn request(&self, query: &[u8]) -> Result<(Request<()>, Bytes), ExchangeError> {
        self.may_speak()?;
        let octets = query.len();
        let no_query = || ExchangeError::NoQuery { octets };
        u16::try_from(octets).map_err(|_| no_query())?;
        Question::of(query).ok_or_else(no_query)?;
        let query = [&[0, 0], query.get(2..).unwrap_or_default()].concat();
        let target = self.method.target(&self.template, &query);
        let request = Request::builder()
            .uri(format!("{}{target}", self.origin))
            .header(ACCEPT, MEDIA_TYPE);
        let (request, body) = match self.method {
            Method::Post => (
                request
                    .method(http::Method::POST)
                    .header(CONTENT_TYPE, MEDIA_TYPE)
                    .header(CONTENT_LENGTH, octets),
                Bytes::from(query),
            ),
            Method::Get => (request.method(http::Method::GET), Bytes::new()),
        };
        let request = request
            .body(())
            .map_err(|error| ExchangeError::Http(error.to_string()))?;
        Ok((request, body))
    }

    /// Whether the server may be asked now.
    fn may_speak(&self) -> Result<(), ExchangeError> {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match silent.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(left) if !left.is_zero() => Err(ExchangeError::Wait(left)),
            _ => {
                *silent = None;
                Ok(())
            }
        }
    }

    /// Whether a response's body is to be read.
    pub(super) fn check(&self, head: &response::Parts) -> Result<(), ExchangeError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let checked = of(head).check(now);
        if let Err(ReplyError::Wait { seconds, .. }) = checked {
            let until = Instant::now().checked_add(Duration::from_secs(seconds));
            *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = until;
        }
        Ok(checked?)
    }

    /// The answer to this query in a response.
    pub(super) fn answer(
        query: &[u8],
        head: &response::Parts,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ExchangeError> {
        let mut answer = of(head).answer(body)?;
        let asked = Question::of(query);
        if Question::of_response(&answer) != asked || answer.first_chunk() != Some(&[0, 0]) {
            return Err(ExchangeError::OtherQuery);
        }
        if let (Some(id), Some(asked)) = (answer.first_chunk_mut::<2>(), query.first_chunk::<2>()) {
            *id = *asked;
        }
        Ok(answer)
    }
}

fn of(head: &response::Parts) -> Head<'_> {
    Head {
        status: head.status.as_u16(),
        content_type: field(&head.headers, CONTENT_TYPE),
        age: field(&head.headers, AGE),
        retry_after: field(&head.headers, RETRY_AFTER),
        location: field(&head.headers, LOCATION),
    }
}

/// The first field of this name, if it is text.
fn field(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
