//! 8: what may be configured.

use resolvet_proto::session::{
    Config, ConfigError, Session,
    limits::{ATTEMPT_DELAY, LONGEST_DELAY, SHORTEST_DELAY},
};

/// 250 ms are recommended, less than 10 ms are forbidden, 2 s are the longest that is recommended.
#[test]
fn the_connection_attempt_delay() {
    assert_eq!(
        (SHORTEST_DELAY, ATTEMPT_DELAY, LONGEST_DELAY),
        (10, 250, 2_000)
    );
    assert_eq!(Config::new("example.net", 1).attempt_delay, 250);
    for delay in [0, 9, 2_001, u64::MAX] {
        let config = Config {
            attempt_delay: delay,
            ..Config::new("example.net", 1)
        };
        let error = Session::new(config).unwrap_err();
        assert_eq!(error, ConfigError::Delay(delay));
        assert!(error.to_string().ends_with("(RFC 8305 8)"));
    }
}
