//! Reading settings: JSON into typed values, with errors that name the setting.

use resolvet_proto::json;
use serde::de::DeserializeOwned;

/// Reads settings.
///
/// # Errors
/// One sentence: the setting's name, what was expected and what came.
pub(crate) fn read<S: DeserializeOwned>(json: &str) -> Result<S, String> {
    json::read(json).map_err(|error| match error.path() {
        "" => format!("settings: {}", error.reason()),
        path => format!("setting `{path}`: {}", error.reason()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
    struct Settings {
        least: u32,
        offset: i64,
        share: f64,
        perhaps: Option<bool>,
        names: Vec<String>,
        pair: (u8, u8),
        inner: Inner,
        by_name: BTreeMap<String, Kind>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        flag: bool,
        ports: Vec<u16>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Never,
        AtMost(u32),
        Between(u32, u32),
        Named { name: String },
    }

    #[test]
    fn nothing_means_the_defaults() {
        assert_eq!(read::<Settings>("{}"), Ok(Settings::default()));
        assert_eq!(read::<Settings>(" \r\n\t{ } "), Ok(Settings::default()));
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let json = r#"{
            "least": 4294967295, "offset": -9223372036854775808, "share": -1.5e2, "perhaps": true, "pair": [1, 2],
            "names": ["", "a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00", "{[,:"],
            "inner": {"flag": true, "ports": []},
            "by-name": {"a": "never", "b": {"at-most": 7}, "c": {"between": [1, 2]}, "d": {"named": {"name": "x"}}}
        }"#;
        let settings: Settings = read(json).unwrap();
        assert_eq!(settings.names, ["", "a\"\\/\u{8}\u{c}\n\r\téé😀", "{[,:"]);
        assert_eq!(
            (settings.least, settings.offset, settings.share),
            (u32::MAX, i64::MIN, -150.0)
        );
        assert_eq!((settings.perhaps, settings.pair), (Some(true), (1, 2)));
        assert_eq!(
            settings.inner,
            Inner {
                flag: true,
                ports: vec![]
            }
        );
        let kinds = [
            Kind::Never,
            Kind::AtMost(7),
            Kind::Between(1, 2),
            Kind::Named { name: "x".into() },
        ];
        assert!(settings.by_name.into_values().eq(kinds));
        assert_eq!(
            read::<Settings>(r#"{"perhaps": null, "share": 3}"#)
                .unwrap()
                .share,
            3.0
        );
    }

    #[test]
    fn what_is_not_wanted_is_skipped_where_the_policy_allows_it() {
        #[derive(Deserialize)]
        struct Open {
            last: u8,
        }
        let json = r#"{"x": [1.5, {"y": null}, "z", -2e9], "last": 7}"#;
        assert_eq!(read::<Open>(json).unwrap().last, 7);
    }

    #[test]
    fn an_error_names_the_setting_what_was_expected_and_what_came() {
        for (json, expected) in [
            (
                r#"{"least": "two"}"#,
                "setting `least`: expected u32, came string `two`",
            ),
            (
                r#"{"names": [], "least": -1}"#,
                "setting `least`: expected u32, came integer `-1`",
            ),
            (
                r#"{"least": 1.5}"#,
                "setting `least`: expected u32, came number `1.5`",
            ),
            (
                r#"{"least": 18446744073709551616}"#,
                "setting `least`: expected u32, came number `18446744073709551616`",
            ),
            (
                r#"{"least": null}"#,
                "setting `least`: expected u32, came null",
            ),
            (
                r#"{"share": true}"#,
                "setting `share`: expected f64, came boolean `true`",
            ),
            (
                r#"{"names": ["a", 7]}"#,
                "setting `names[1]`: expected a string, came integer `7`",
            ),
            (
                r#"{"names": {"a": 1}}"#,
                "setting `names`: expected a sequence, came an object",
            ),
            (
                r#"{"pair": [1]}"#,
                "setting `pair`: invalid length 1, expected a tuple of size 2",
            ),
            (
                r#"{"pair": [1, 2, 3]}"#,
                "setting `pair`: expected `]`, came `, 3]}`",
            ),
            (
                r#"{"inner": {"flag": 1}}"#,
                "setting `inner.flag`: expected a boolean, came integer `1`",
            ),
            (
                r#"{"inner": {"flag": true, "ports": [853, 99999]}}"#,
                "setting `inner.ports[1]`: expected u16, came integer `99999`",
            ),
            (
                r#"{"inner": {"flags": true}}"#,
                "setting `inner`: unknown field `flags`, expected `flag` or `ports`",
            ),
            (
                r#"{"inner": {"flag": true, "flag": true}}"#,
                "setting `inner`: duplicate field `flag`",
            ),
            (
                r#"{"by-name": {"a": "nevr"}}"#,
                "setting `by-name.a`: unknown variant `nevr`, expected one of `never`, `at-most`, `between`, `named`",
            ),
            (
                r#"{"by-name": {"a": {"at-most": "x"}}}"#,
                "setting `by-name.a.at-most`: expected u32, came string `x`",
            ),
            (
                r#"{"by-name": {"a": {"named": {}}}}"#,
                "setting `by-name.a.named`: missing field `name`",
            ),
            (
                r#"{"by-name": {"a": "at-most"}}"#,
                "setting `by-name.a`: expected a value for `at-most`, came none",
            ),
            ("[]", "settings: expected an object, came `[]`"),
            ("", "settings: expected an object, came ``"),
        ] {
            assert_eq!(read::<Settings>(json).unwrap_err(), expected, "{json}");
        }
        let error = read::<Settings>(r#"{"leest": 1}"#).unwrap_err();
        assert!(
            error.starts_with("settings: unknown field `leest`, expected one of `least`"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for (json, expected) in [
            ("{", "settings: expected a name or `}`, came the end"),
            (
                r#"{"least": 1"#,
                "settings: expected `,` or `}`, came the end",
            ),
            (r#"{"least": 1} x"#, "settings: expected the end, came `x`"),
            (r#"{"least": 1,}"#, "settings: expected a name, came `}`"),
            (r#"{"least" 1}"#, "setting `least`: expected `:`, came `1}`"),
            (
                r#"{least: 1}"#,
                "settings: expected a name or `}`, came `least: 1}`",
            ),
            (
                r#"{"least": 01}"#,
                "setting `least`: expected no zero before other digits, came `01}`",
            ),
            (
                r#"{"least": +1}"#,
                "setting `least`: expected a value, came `+1}`",
            ),
            (
                r#"{"least": -}"#,
                "setting `least`: expected a digit, came `}`",
            ),
            (
                r#"{"share": 1.}"#,
                "setting `share`: expected a digit, came `}`",
            ),
            (
                r#"{"names": ["a" "b"]}"#,
                "setting `names`: expected `,` or `]`, came `\"b\"]}`",
            ),
            (
                r#"{"names": ["a",]}"#,
                "setting `names[1]`: expected a value, came `]}`",
            ),
            (
                r#"{"names": ["\x"]}"#,
                "setting `names[0]`: expected an escape of JSON, came `x\"]}`",
            ),
            (
                r#"{"names": ["\ud800"]}"#,
                "setting `names[0]`: expected a pair of surrogates, came `\"]}`",
            ),
            (
                r#"{"names": ["\u12"]}"#,
                "setting `names[0]`: expected four hexadecimal digits, came `12\"]}`",
            ),
            (
                "{\"names\": [\"a\nb\"]}",
                "setting `names[0]`: expected no control character in a string, came `\nb\"]}`",
            ),
            (
                r#"{"names": ["a"#,
                "setting `names[0]`: expected `\"`, came the end",
            ),
            (
                r#"{"perhaps": tru}"#,
                "setting `perhaps`: expected a value, came `tru}`",
            ),
        ] {
            assert_eq!(read::<Settings>(json).unwrap_err(), expected, "{json}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let json = |depth: usize| format!("{{\"x\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<BTreeMap<String, serde_json::Value>>(&json(31)).is_ok());
        let error = read::<BTreeMap<String, serde_json::Value>>(&json(32)).unwrap_err();
        assert!(
            error.ends_with("expected at most 32 levels, came more"),
            "{error}"
        );
        assert!(read::<BTreeMap<String, serde::de::IgnoredAny>>(&json(30_000)).is_err());
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
        for json in [
            r#"{"a": [1, -2, 3.25, 1e3, 0, 0.5, 18446744073709551615], "b": {"c": [[], {}]}, "d": "é\n"}"#,
            r#"{"": null, "t": true, "f": false, "n": {"": {"": 1}}}"#,
        ] {
            let ours: serde_json::Value = read(json).unwrap();
            assert_eq!(
                ours,
                serde_json::from_str::<serde_json::Value>(json).unwrap()
            );
        }
    }
}
