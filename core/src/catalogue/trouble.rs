//! Why a request failed, in words, and whether it is worth another try.

use std::io::{self, ErrorKind};

/// A failed request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody was reached: no network, no such host, nothing listens.
    Unreachable(String),
    /// It may work the next time: a dropped connection, a busy host.
    Again(String),
    /// It will not work the next time.
    Final(String),
}

impl Trouble {
    /// From what the HTTP client says of a request to `host`.
    pub(super) fn of_request(error: ureq::Error, host: &str) -> Self {
        use ureq::Error as E;
        match error {
            E::HostNotFound => Self::Unreachable(unreachable(host, "the name is not known")),
            E::ConnectionFailed => Self::Unreachable(unreachable(host, "the connection failed")),
            E::ConnectProxyFailed(reason) => {
                Self::Unreachable(unreachable(host, &format!("the proxy refuses: {}", reason.trim())))
            }
            E::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                Self::Unreachable(unreachable(host, "it does not answer"))
            }
            E::Timeout(_) => Self::Again(format!("{host} stopped answering")),
            E::Io(error) => Self::of_stream(&error, host),
            E::Protocol(error) => Self::Again(format!("{host} answers what is not HTTP ({error})")),
            E::TooManyRedirects => Self::Final(format!("{host} redirects without end")),
            E::RequireHttpsOnly(_) => Self::Final(format!("{host} redirects to a place without encryption")),
            E::Rustls(error) => Self::Final(insecure(host, &error)),
            E::Tls(error) => Self::Final(insecure(host, &error)),
            other => Self::Final(format!("{host}: {other}")),
        }
    }

    /// From a failed read or write of the connection to `host`.
    pub(super) fn of_stream(error: &io::Error, host: &str) -> Self {
        if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            return Self::Again(match inner {
                ureq::Error::Timeout(_) => format!("{host} stopped sending"),
                other => format!("{host} sent what is not HTTP ({other})"),
            });
        }
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Again(format!("{host} stopped sending")),
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::Interrupted => Self::Again(format!("the connection to {host} was dropped")),
            // The TLS layer reports a bad certificate as bad data.
            ErrorKind::InvalidData => Self::Final(insecure(host, error)),
            ErrorKind::ConnectionRefused => Self::Unreachable(unreachable(host, "the connection was refused")),
            // No route, no such name.
            _ => Self::Unreachable(unreachable(host, &error.to_string())),
        }
    }

    /// From an answer that is not the file, by its status.
    pub(super) fn of_status(status: u16, host: &str) -> Self {
        match status {
            401 | 403 => Self::Final(format!(
                "{host} refuses ({status}): the file needs its authors' permission, or this network is blocked"
            )),
            404 | 410 => Self::Final(format!("{host} has no such file ({status}): its authors may have moved it")),
            407 => Self::Final("the proxy wants a name and a password (407)".to_owned()),
            429 => Self::Again(format!("{host} asks for patience (429)")),
            408 | 425 | 500..=599 => Self::Again(format!("{host} has a problem ({status})")),
            _ => Self::Final(format!("{host} answers {status}")),
        }
    }
}

fn unreachable(host: &str, why: &str) -> String {
    format!("{host} cannot be reached, {why}; check the network and the proxy settings")
}

fn insecure(host: &str, why: &dyn std::fmt::Display) -> String {
    format!("no secure connection to {host} ({why}); a proxy that opens connections needs a mirror instead")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_work_the_next_time_is_told_from_what_will_not() {
        let io = |kind: ErrorKind| Trouble::of_request(ureq::Error::Io(kind.into()), "h");
        for kind in [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe] {
            assert_eq!(io(kind), Trouble::Again("the connection to h was dropped".into()));
        }
        assert_eq!(io(ErrorKind::TimedOut), Trouble::Again("h stopped sending".into()));
        // As the standard library reports a name that no server knows.
        let lookup = io::Error::other("failed to lookup address information: Name or service not known");
        let words = "h cannot be reached, failed to lookup address information: Name or service not known; check the \
                     network and the proxy settings";
        assert_eq!(Trouble::of_request(ureq::Error::Io(lookup), "h"), Trouble::Unreachable(words.into()));
        for error in [ureq::Error::HostNotFound, ureq::Error::Timeout(ureq::Timeout::Connect)] {
            assert!(matches!(Trouble::of_request(error, "h"), Trouble::Unreachable(_)));
        }
        let silent = ureq::Error::Timeout(ureq::Timeout::PerRead);
        assert_eq!(Trouble::of_stream(&silent.into_io(), "h"), Trouble::Again("h stopped sending".into()));
        for error in [ureq::Error::TooManyRedirects, ureq::Error::RequireHttpsOnly("http://x".into())] {
            assert!(matches!(Trouble::of_request(error, "h"), Trouble::Final(_)));
        }
        let bad = io::Error::new(ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer");
        let Trouble::Final(words) = Trouble::of_stream(&bad, "h") else { panic!("a certificate does not change") };
        assert!(words.starts_with("no secure connection to h (invalid peer certificate: UnknownIssuer)"), "{words}");
    }
}
