//! The form of the data.

use resolvet_proto::discovery::resinfo::{KEYS, keys, write};

#[test]
fn the_first_of_a_key_counts_and_case_does_not() {
    let rdata = write(&[
        ("ExtErr", Some("15-17")),
        ("exterr", Some("22")),
        ("QNameMin", None),
    ])
    .unwrap();
    assert_eq!(
        keys(&rdata).unwrap(),
        [
            ("exterr".to_owned(), Some("15-17".to_owned())),
            ("qnamemin".to_owned(), None)
        ]
    );
}

#[test]
fn keys_that_are_not_known_are_kept_and_bounded() {
    let names: Vec<String> = (0..KEYS + 10).map(|n| format!("temp-{n}")).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    assert_eq!(keys(&write(&pairs).unwrap()).unwrap().len(), KEYS);
}
