//! How a server is spoken to: connect with a judging verifier, exchange many queries, close, say what it cost.

pub(crate) mod dot;
mod pipeline;

pub use pipeline::ExchangeError;
pub(crate) use pipeline::Pipeline;
