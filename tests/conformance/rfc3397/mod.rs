//! The domain search option of DHCP.

mod section_2;
