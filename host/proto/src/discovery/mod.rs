//! From a domain name to candidates.
