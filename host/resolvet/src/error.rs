//! Errors of the library: what was expected, what came, what to do.

use std::{net::SocketAddr, time::Duration};

use resolvet_proto::{
    judgement::Transport,
    session::{ConfigError, Failure},
};
use thiserror::Error;

use crate::transport::ExchangeError;

/// There is no vetted server.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The session cannot begin.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The session ended without a server.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The task that drives the session has ended.
    #[error("the attachment was ended")]
    Ended,
}

/// A query was not answered.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The name is none, or the query cannot be encoded.
    #[error("`{name}` is no domain name: {reason}")]
    Name {
        /// What was asked.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// No server is vetted: nothing was sent.
    #[error("no server is vetted, so nothing was sent: {0}")]
    NotVetted(AttachError),
    /// The vetted server could not be reached again in time.
    #[error("no connection to a vetted server within {} ms", .0.as_millis())]
    NotConnected(Duration),
    /// The exchange failed.
    #[error("{transport} query to {address} failed: {source}")]
    Exchange {
        /// How it is spoken to.
        transport: Transport,
        /// Where.
        address: SocketAddr,
        /// How it failed.
        source: ExchangeError,
    },
    /// The answer cannot be read.
    #[error("answer of {address} cannot be read: {reason}")]
    Answer {
        /// Who answered.
        address: SocketAddr,
        /// What is wrong.
        reason: String,
    },
}
