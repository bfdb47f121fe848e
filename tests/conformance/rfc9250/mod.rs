//! DNS over dedicated QUIC connections.

mod section_4;
mod section_5_5;
