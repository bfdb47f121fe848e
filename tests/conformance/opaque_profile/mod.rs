//! OPAQUE over HTTP, bound to the TLS connection: `docs/opaque-profile.md`.

mod section_3;
mod section_8;
