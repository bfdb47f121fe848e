//! The registry of open words that requests use.

use crate::word::open_word;

open_word! {
    /// What a judgement is for.
    Purpose {
        /// A DNS server that was connected to.
        DnsServer = "dns-server",
        /// An EST server (RFC 7030 section 3.6).
        EstServer = "est-server",
        /// A BRSKI registrar (RFC 8995 section 5.6.2).
        Registrar = "registrar",
        /// An end-entity certificate that an EST server conveyed (RFC 8295 section 3).
        ConveyedEndEntity = "conveyed-end-entity",
        /// The HTTPS server that has a DNS server's signed privacy statement.
        PrivacyTokenServer = "privacy-token-server",
    }
}

open_word! {
    /// How a server is spoken to.
    Transport {
        /// DNS over TLS (RFC 7858).
        Dot = "dot",
        /// DNS over DTLS (RFC 8094).
        Dtls = "dtls",
        /// DNS over HTTPS by HTTP/2 (RFC 8484).
        Doh = "doh",
        /// DNS over HTTPS by HTTP/3.
        Doh3 = "doh3",
        /// DNS over QUIC (RFC 9250).
        Doq = "doq",
        /// HTTPS that carries no DNS: EST, BRSKI.
        Https = "https",
    }
}

open_word! {
    /// Which way a candidate was found.
    Source {
        /// S-NAPTR (RFC 3958) with the service tag `DPRIVE`.
        SNaptr = "s-naptr",
        /// SVCB records of a name (RFC 9461).
        Svcb = "svcb",
        /// Discovery of designated resolvers (RFC 9462).
        Ddr = "ddr",
        /// DHCP or router advertisement options (RFC 9463).
        Dnr = "dnr",
        /// Services of a domain (RFC 6763), as later versions of the draft have them.
        DnsSd = "dns-sd",
        /// Written down by an administrator.
        Configured = "configured",
        /// Written down by an administrator for when nothing of the network could be used.
        Fallback = "fallback",
    }
}

open_word! {
    /// DNSSEC state of a record (RFC 4035 section 4.3).
    Dnssec {
        /// A chain of signatures from a trust anchor was validated.
        Secure = "secure",
        /// It was proved that the zone is not signed.
        Insecure = "insecure",
        /// Validation failed.
        Bogus = "bogus",
        /// Nobody looked, or it cannot be known.
        Indeterminate = "indeterminate",
    }
}

open_word! {
    /// Usage profile (RFC 8310 section 5).
    UsageProfile {
        /// Encrypted and authenticated, or nothing.
        Strict = "strict",
        /// Whatever can be had, authenticated where possible.
        Opportunistic = "opportunistic",
    }
}

open_word! {
    /// How the time of a request is known.
    Clock {
        /// By a time service.
        Synchronized = "synchronized",
        /// By a clock that nobody set.
        Unsynchronized = "unsynchronized",
        /// It is not before this time, by a voucher's or a build's date.
        LowerBound = "lower-bound",
    }
}

open_word! {
    /// How the identity of the network is known.
    NetworkIdentity {
        /// Not at all.
        None = "none",
        /// The user named it.
        Named = "named",
        /// It was authenticated (802.1X or a connection's identity).
        Authenticated = "authenticated",
    }
}

open_word! {
    /// How the server of an enrolment, an EST server or registrar, was authenticated.
    ServerAuthentication {
        /// By a password: HTTP Mutual authentication (RFC 8120), bound to the certificate.
        HttpMutual = "http-mutual",
        /// By a password: OPAQUE (RFC 9807) over HTTP, bound to the connection.
        Opaque = "opaque",
        /// By a password: a PAKE within TLS 1.3.
        TlsPake = "tls-pake",
        /// By a voucher of the manufacturer (RFC 8995).
        Voucher = "voucher",
        /// By anchors and a name that the administrator configured.
        Configured = "configured",
        /// By anchors and the reference identifier that an earlier enrolment stored (the draft's section 9): nobody proved a
        /// password or showed a voucher this time.
        ReferenceIdentifier = "reference-identifier",
    }
}

open_word! {
    /// Which trust anchor database applies (RFC 7030 section 1.1).
    AnchorDatabase {
        /// No trust anchors.
        None = "none",
        /// Anchors that enrolment or the administrator gave for this purpose.
        Explicit = "explicit",
        /// The anchors that the system came with.
        Implicit = "implicit",
    }
}

open_word! {
    /// Which certificates of a request an evidence points into.
    CertificateSet {
        /// What the peer presented.
        Presented = "presented",
        /// What the enrolment conveyed.
        Conveyed = "conveyed",
        /// The trust anchors.
        Anchors = "anchors",
    }
}
