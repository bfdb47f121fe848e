//! RFC 8366: vouchers. What a pledge checks is tested with RFC 8995.

mod section_5;
mod section_5_3;
