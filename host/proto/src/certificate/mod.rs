//! Certificates as facts.

pub mod algorithm;
mod subject;

pub use subject::subject;
