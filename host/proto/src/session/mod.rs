//! From a domain name to a vetted server.
