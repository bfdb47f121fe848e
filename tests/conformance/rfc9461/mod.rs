//! Service bindings for DNS servers.

mod section_4;
mod section_5;
mod section_6;
