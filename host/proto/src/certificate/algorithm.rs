//! The one table of signature algorithms: what a guest may ask for and what the host can verify.
