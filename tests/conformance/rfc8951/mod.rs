//! RFC 8951: clarification of the base64 layer.

mod section_3;
