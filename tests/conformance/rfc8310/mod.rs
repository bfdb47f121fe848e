//! RFC 8310: usage profiles for DNS over TLS and DTLS.

mod section_5;
mod section_8;
