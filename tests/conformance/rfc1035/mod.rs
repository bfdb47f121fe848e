//! Domain names: messages.

mod section_4_1;
