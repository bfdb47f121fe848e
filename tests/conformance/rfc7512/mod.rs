//! PKCS #11 URIs.

mod section_2_3;
