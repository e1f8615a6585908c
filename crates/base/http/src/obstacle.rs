//! What stood in the way of a connection, read from the chain of causes that the libraries leave behind. Pure.

use std::error::Error;
use std::fmt;
use std::io;

/// Why there was no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The name of the host has no address, or nobody could be asked.
    Name,
    /// Nobody who is trusted signed the certificate.
    Authority,
    /// The certificate is for another host, or is out of date.
    Certificate,
    /// The other side does not speak TLS at all.
    NotTls,
    /// The two sides found no way to speak TLS with each other.
    Handshake,
    /// The proxy cannot be reached or opens no connection.
    Proxy,
    /// The proxy wants a user and a password.
    ProxyLogin,
    /// Refused, unreachable, reset.
    Other,
}

impl Obstacle {
    /// `proxied`: the request went to a proxy first, in plain HTTP.
    pub(crate) fn of(error: &(dyn Error + 'static), proxied: bool) -> Self {
        let causes = || std::iter::successors(Some(error), |&error| error.source());
        let says = |start: &str| causes().any(|cause| cause.to_string().starts_with(start));
        if says("tunnel error: proxy authorization required") {
            return Self::ProxyLogin;
        }
        if says("tunnel error: ") {
            return Self::Proxy;
        }
        if let Some(problem) = causes().find_map(tls_problem) {
            return match problem {
                rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => Self::Authority,
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Self::Certificate,
                rustls::Error::InvalidMessage(_) => Self::NotTls,
                _ => Self::Handshake,
            };
        }
        if proxied {
            return Self::Proxy;
        }
        if says("dns error") { Self::Name } else { Self::Other }
    }
}

/// TLS errors travel inside I/O errors, also several of them, which do not name them as their source.
fn tls_problem<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut error = error;
    loop {
        if let Some(problem) = error.downcast_ref() {
            return Some(problem);
        }
        error = error.downcast_ref::<io::Error>()?.get_ref()?;
    }
}

/// Where a connection was wanted, for texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub obstacle: Obstacle,
    /// Host, with the port if it is not the usual one.
    pub host: String,
    /// The proxy in between, without user and password.
    pub proxy: Option<String>,
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.obstacle {
            Obstacle::Name => write!(formatter, "cannot find the address of {host}"),
            Obstacle::Authority | Obstacle::Certificate => write!(formatter, "the certificate of {host} is not accepted"),
            Obstacle::NotTls => write!(formatter, "{host} does not speak TLS"),
            Obstacle::Handshake => write!(formatter, "no agreement on TLS with {host}"),
            Obstacle::Proxy | Obstacle::ProxyLogin => {
                let proxy = self.proxy.as_deref().unwrap_or("the proxy");
                write!(formatter, "{proxy} gives no connection to {host}")
            }
            Obstacle::Other => write!(formatter, "cannot connect to {}", self.proxy.as_ref().unwrap_or(host)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<dyn Error>>);

    impl fmt::Display for Link {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref()
        }
    }

    fn tls(problem: rustls::Error) -> Link {
        Link(
            "client error (Connect)",
            Some(Box::new(io::Error::other(io::Error::other(problem)))),
        )
    }

    #[test]
    fn each_obstacle_is_found_in_its_chain() {
        let check = |error: Link, proxied: bool, expect: Obstacle| assert_eq!(Obstacle::of(&error, proxied), expect, "{error:?}");
        let below = |words: &'static str| Link("client error (Connect)", Some(Box::new(Link(words, None))));

        check(below("dns error"), false, Obstacle::Name);
        check(below("tcp connect error"), false, Obstacle::Other);
        check(below("tcp connect error"), true, Obstacle::Proxy);
        check(below("dns error"), true, Obstacle::Proxy);
        check(below("tunnel error: unsuccessful"), false, Obstacle::Proxy);
        check(below("tunnel error: proxy authorization required"), false, Obstacle::ProxyLogin);
        check(
            tls(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)),
            true,
            Obstacle::Authority,
        );
        check(
            tls(rustls::Error::InvalidCertificate(rustls::CertificateError::Expired)),
            false,
            Obstacle::Certificate,
        );
        check(
            tls(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
            false,
            Obstacle::NotTls,
        );
        check(
            tls(rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure)),
            false,
            Obstacle::Handshake,
        );
    }
}
