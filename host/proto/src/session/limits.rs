//! How long and how often.

/// Waits before a failed lookup is repeated, milliseconds: the second and third try. The driver retransmits by itself within
/// each try; after these the lookup has failed (the draft's section 6: wait as the error asks for).
pub const RETRY_WAITS: [u64; 2] = [1_000, 2_000];
/// A server in use that was not judged again within so many milliseconds counts as refused.
pub const REJUDGE_MILLISECONDS: u64 = 2_000;
/// How long discovery goes on, milliseconds, when one way has found something and another is still under way: a network that
/// drops queries for newer types must not hold up what an older way found.
pub const GRACE_MILLISECONDS: u64 = 2_000;
/// How long a server may take to say something about itself (RFC 9606), milliseconds. It is judged without it then.
pub const INFORM_MILLISECONDS: u64 = 2_000;
/// How long a signed privacy statement may take to be fetched, milliseconds: its name looked up, TCP, TLS and HTTP. The server is
/// judged without it then.
pub const FETCH_MILLISECONDS: u64 = 6_000;
/// How long any other action may stay unanswered, milliseconds. Drivers have shorter limits of their own; this one holds when
/// a driver lost its work.
pub const PATIENCE_MILLISECONDS: u64 = 60_000;
/// How often a selection or a handshake is judged again because policies or evidence changed meanwhile. More changes in a
/// row than this are no administrator's doing.
pub const REPETITIONS: u32 = 8;
/// A difference of the two clocks that changes by more than so many milliseconds is a clock that was set: everything is
/// judged again.
pub const CLOCK_STEP_MILLISECONDS: u64 = 60_000;
/// The shortest wait before another session, seconds, and what the wait begins with after a timeout.
pub const SHORTEST_WAIT: u64 = 30;
/// How long, seconds, servers of the fallback are used before the network is asked again.
pub const FALLBACK_LIFETIME: u64 = 3_600;
/// The longest wait after timeouts and failed connections, seconds.
pub const LONGEST_WAIT: u64 = 3_600;
/// The longest that a negative answer is believed, seconds: RFC 2308 section 5 recommends one to three hours.
pub const LONGEST_NEGATIVE: u64 = 10_800;
/// How long an attempt is alone before the next one begins beside it, milliseconds, unless configured otherwise (RFC 8305
/// section 8).
pub const ATTEMPT_DELAY: u64 = 250;
/// The shortest such time: RFC 8305 section 8 recommends 100 ms and forbids less than 10.
pub const SHORTEST_DELAY: u64 = 10;
/// The longest such time (RFC 8305 section 8).
pub const LONGEST_DELAY: u64 = 2_000;
/// How many attempts are under way at once: three transports over two families. Each may hold up a worker for as long as the
/// policies may take to judge what is presented.
pub const ABREAST: usize = 6;
/// The longest wait after SERVFAIL, seconds: a failure of resolution is not remembered longer (RFC 9520 section 3.2).
pub const LONGEST_SERVER_FAILURE: u64 = 300;
/// The shortest wait after a refusal or an answer that cannot be read, seconds: the resolver will say the same again.
pub const SHORTEST_UNWILLING: u64 = 300;
/// How long, seconds, a server that could not be connected to over QUIC is not tried again over it (RFC 9250 section 5.2).
pub const QUIC_AVOIDED: u64 = 3_600;
/// How long, seconds, a server that could not be connected to over DTLS is not tried again over it: what RFC 8094 section 3.1 demands
/// at least. The day that it recommends is for whoever tries port 853 of any resolver; here records have said that it is spoken,
/// and a server that was started again should not be missed for a day.
pub const DTLS_AVOIDED: u64 = 900;
/// How many such servers are remembered.
pub const AVOIDED: usize = 64;
