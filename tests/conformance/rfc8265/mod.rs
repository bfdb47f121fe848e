//! Preparation, enforcement, and comparison of internationalized strings representing usernames and passwords.

mod section_3_6;
mod section_4_3;
