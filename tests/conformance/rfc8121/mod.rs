//! Mutual Authentication Protocol for HTTP: Cryptographic Algorithms Based on KAM3.

mod appendix_b;
mod section_3;
