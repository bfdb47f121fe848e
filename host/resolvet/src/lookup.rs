//! Lookups at a recursive resolver that is not trusted: it may only propose (the draft's section 6).
//!
//! UDP first, from a fresh random port with random case (0x20), then TCP when the answer is truncated or the resolver
//! does not keep the case. Clear text by nature; nothing but discovery's own lookups comes here.

use std::{net::SocketAddr, time::Duration};

use futures_util::StreamExt as _;
use hickory_net::{
    NetError,
    runtime::TokioRuntimeProvider,
    tcp::TcpClientStream,
    udp::UdpClientStream,
    xfer::{DnsExchange, DnsHandle as _, DnsMultiplexer},
};
use hickory_proto::{
    op::{DnsRequest, DnsRequestOptions, DnsResponse, Edns, Message, Query},
    rr::{Name, RecordType},
};
use resolvet_proto::discovery::{BogusAnswer, labels};
use std::str::FromStr as _;
use thiserror::Error;
use tokio::time::timeout;

/// The size of UDP answer that is asked for: what passes without fragments (RFC 9715 section 3).
const UDP_PAYLOAD: u16 = 1_232;
/// Times that a lost UDP query is sent again.
const RETRIES: u8 = 2;

/// A lookup got no answer.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing came in time.
    #[error("no answer from {resolver} within {} ms", .within.as_millis())]
    Timeout {
        /// Who was asked.
        resolver: SocketAddr,
        /// How long.
        within: Duration,
    },
    /// The name is none.
    #[error("`{name}` is no domain name")]
    Name {
        /// The name.
        name: String,
    },
    /// The exchange failed.
    #[error("lookup at {resolver} failed: {source}")]
    Net {
        /// Who was asked.
        resolver: SocketAddr,
        /// How.
        source: NetError,
    },
    /// Signatures that should be there are not, or are wrong.
    #[error("answer for `{name}` is bogus: {source}")]
    Bogus {
        /// The name.
        name: String,
        /// What is wrong.
        source: BogusAnswer,
    },
    /// An answer came, and a lookup failed that its validation needs.
    #[error("what validates `{name}` is missing: {source}")]
    Unproved {
        /// The name.
        name: String,
        /// Why.
        source: Box<LookupError>,
    },
    /// Signatures could not be validated within the bounds.
    #[error("validating `{name}` {problem} (RFC 4035 section 5)")]
    Validation {
        /// The name.
        name: String,
        /// What went wrong.
        problem: &'static str,
    },
}

/// What a lookup asks for besides the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing.
    Records,
    /// Their signatures (RFC 4035 section 4.1).
    Signatures,
}

/// A recursive resolver, reached in clear text.
#[derive(Debug, Clone, Copy)]
pub struct Recursive {
    address: SocketAddr,
    within: Duration,
}

impl Recursive {
    /// The resolver at this address; each lookup may take this long in all.
    #[must_use]
    pub const fn new(address: SocketAddr, within: Duration) -> Self {
        Self { address, within }
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks, and gives the response message as it came: at most 65,535 octets, its question the one that was asked.
    ///
    /// # Errors
    /// [`LookupError`]. A response that says NXDOMAIN or SERVFAIL is a response.
    pub async fn lookup(&self, name: &str, rtype: u16) -> Result<Vec<u8>, LookupError> {
        let query = Query::query(parse(name)?, RecordType::from(rtype));
        let response = self.ask(query, Asked::Records).await?;
        Ok(response.into_buffer())
    }

    /// Asks and gives the whole response.
    pub(crate) async fn ask(
        &self,
        mut query: Query,
        asked: Asked,
    ) -> Result<DnsResponse, LookupError> {
        query.name.set_fqdn(true);
        let exchange = async {
            match self.by_udp(query.clone(), asked).await {
                Ok(response) if !response.truncation => Ok(response),
                Ok(_) | Err(NetError::QueryCaseMismatch) => self.by_tcp(query, asked).await,
                Err(error) => Err(error),
            }
        };
        match timeout(self.within, exchange).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(NetError::Timeout)) | Err(_) => Err(LookupError::Timeout {
                resolver: self.address,
                within: self.within,
            }),
            Ok(Err(source)) => Err(LookupError::Net {
                resolver: self.address,
                source,
            }),
        }
    }

    async fn by_udp(&self, query: Query, asked: Asked) -> Result<DnsResponse, NetError> {
        let exchange = UdpClientStream::builder(self.address, TokioRuntimeProvider::default())
            .with_timeout(Some(self.within))
            .with_max_retries(RETRIES)
            .exchange();
        first(&exchange, (query, asked), true).await
    }

    async fn by_tcp(&self, query: Query, asked: Asked) -> Result<DnsResponse, NetError> {
        let provider = TokioRuntimeProvider::default();
        let (connecting, handle) =
            TcpClientStream::new(self.address, None, Some(self.within), provider);
        let multiplexer = DnsMultiplexer::new(connecting.await?, handle).with_timeout(self.within);
        let (exchange, background) = DnsExchange::<TokioRuntimeProvider>::from_stream(multiplexer);
        let background = tokio::spawn(background);
        let response = first(&exchange, (query, asked), false).await;
        background.abort();
        response
    }
}

/// A name in presentation form.
pub(crate) fn parse(name: &str) -> Result<Name, LookupError> {
    // The DNS library reads digits behind a backslash as octal, RFC 1035 section 5.1 has them decimal.
    let parsed = if name.contains('\\') {
        Name::from_labels(labels(name))
    } else {
        Name::from_str(name)
    };
    parsed.map_err(|_| LookupError::Name {
        name: name.to_owned(),
    })
}

/// Sends one query and takes the first answer.
async fn first(
    exchange: &DnsExchange<TokioRuntimeProvider>,
    (query, asked): (Query, Asked),
    random_case: bool,
) -> Result<DnsResponse, NetError> {
    let mut options = DnsRequestOptions::default();
    options.case_randomization = random_case;
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD).set_version(0);
    if asked == Asked::Signatures {
        edns.enable_dnssec();
        // RFC 6840 section 5.9: a resolver that validates gives what it found bogus, too, and it is judged here.
        message.metadata.checking_disabled = true;
    }
    message.set_edns(edns);
    let original = query.clone();
    let mut query = query;
    if random_case {
        query.name.randomize_label_case();
    }
    message.add_query(query);
    let request = DnsRequest::new(message, options).with_original_query(Some(original));
    exchange
        .send(request)
        .next()
        .await
        .unwrap_or(Err(NetError::Timeout))
}
