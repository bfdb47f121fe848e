//! What wit-bindgen makes of the contract. Each world has a module of its own, because two worlds' exports in one module
//! clash; they share the imports and the verdict's types, so that one component can export several worlds.
#![allow(
    missing_docs,
    unsafe_code,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    reason = "generated code: the canonical ABI is unsafe by nature, and its documents are wit/"
)]

/// World `validator`, and every interface that it shares with the others.
pub mod validator {
    wit_bindgen::generate!({
        path: "../wit",
        world: "validator",
        pub_export_macro: true,
        export_macro_name: "export_validator_world",
        default_bindings_module: "resolvet_guest::bindings::validator",
    });
}

/// World `selector`.
pub mod selector {
    wit_bindgen::generate!({
        path: "../wit",
        world: "selector",
        pub_export_macro: true,
        export_macro_name: "export_selector_world",
        default_bindings_module: "resolvet_guest::bindings::selector",
        with: {
            "resolvet:policy/context@0.1.0": crate::bindings::validator::resolvet::policy::context,
            "resolvet:policy/records@0.1.0": crate::bindings::validator::resolvet::policy::records,
            "resolvet:policy/settings@0.1.0": crate::bindings::validator::resolvet::policy::settings,
            "resolvet:policy/log@0.1.0": crate::bindings::validator::resolvet::policy::log,
            "resolvet:policy/crypto@0.1.0": crate::bindings::validator::resolvet::policy::crypto,
            "resolvet:policy/verdict@0.1.0": crate::bindings::validator::resolvet::policy::verdict,
        },
    });
}

/// World `privacy-assessor`.
pub mod privacy_assessor {
    wit_bindgen::generate!({
        path: "../wit",
        world: "privacy-assessor",
        pub_export_macro: true,
        export_macro_name: "export_privacy_assessor_world",
        default_bindings_module: "resolvet_guest::bindings::privacy_assessor",
        with: {
            "resolvet:policy/context@0.1.0": crate::bindings::validator::resolvet::policy::context,
            "resolvet:policy/server@0.1.0": crate::bindings::validator::resolvet::policy::server,
            "resolvet:policy/presented@0.1.0": crate::bindings::validator::resolvet::policy::presented,
            "resolvet:policy/records@0.1.0": crate::bindings::validator::resolvet::policy::records,
            "resolvet:policy/settings@0.1.0": crate::bindings::validator::resolvet::policy::settings,
            "resolvet:policy/log@0.1.0": crate::bindings::validator::resolvet::policy::log,
            "resolvet:policy/crypto@0.1.0": crate::bindings::validator::resolvet::policy::crypto,
            "resolvet:policy/verdict@0.1.0": crate::bindings::validator::resolvet::policy::verdict,
        },
    });
}

/// The host's functions.
pub use selector::resolvet::policy::candidates;
pub use validator::resolvet::policy::{
    anchors, context, conveyed, crypto, log, presented, records, revocation, server, settings,
    verdict,
};
