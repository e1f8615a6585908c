//! Putting a request's URL together.

use crate::client::HttpError;
use reqwest::Url;

/// `<base>/<path>?<query>`; a query of the base itself is kept.
///
/// # Errors
/// If the base is no absolute `http` or `https` URL.
pub fn endpoint<'a>(base: &str, path: &str, query: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<String, HttpError> {
    let mut url = parse(base)?;
    url.path_segments_mut()
        .map_err(|()| HttpError::BadUrl {
            problem: "it has no path".to_owned(),
        })?
        .pop_if_empty()
        .extend(path.split('/'));
    let mut query = query.into_iter().peekable();
    if query.peek().is_some() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url.into())
}

pub(crate) fn parse(text: &str) -> Result<Url, HttpError> {
    let url = Url::parse(text).map_err(|error| HttpError::BadUrl {
        problem: error.to_string(),
    })?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        other => Err(HttpError::BadUrl {
            problem: format!("scheme {other} is not http or https"),
        }),
    }
}

/// Scheme, host, port and path: what may be shown. User, password and query may hold keys.
pub(crate) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Neither can fail for a URL with a host, which `parse` has checked.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}

/// Host, with the port if it is not the usual one.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether a URL leads to this machine.
pub fn is_loopback_url(url: &str) -> bool {
    parse(url).is_ok_and(|url| is_loopback(&url))
}

/// Whether the host is this machine; such requests never take a proxy.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, query: &[(&str, &str)]) -> String {
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        endpoint(base, "responses", query.iter().map(|(name, value)| (name, value))).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn path_and_query_are_appended() {
        assert_eq!(joined("http://h/v1", &[]), "http://h/v1/responses");
        assert_eq!(joined("http://h/v1/", &[("v", "2")]), "http://h/v1/responses?v=2");
        assert_eq!(joined("https://h", &[("a b", "ä")]), "https://h/responses?a+b=%C3%A4");
        assert_eq!(joined("https://h/x?k=1", &[("v", "2")]), "https://h/x/responses?k=1&v=2");
        assert_eq!(joined("ftp://h", &[]), "not a usable URL: scheme ftp is not http or https");
        assert_eq!(joined("h/v1", &[]), "not a usable URL: relative URL without a base");
    }

    #[test]
    fn what_is_shown_holds_no_credentials() {
        assert_eq!(
            shown(&parse("https://me:pw@h:8/v1/responses?key=s3cret#f").unwrap()),
            "https://h:8/v1/responses"
        );
    }

    #[test]
    fn loopback_is_told_by_name_or_address() {
        let check = |text: &str, expect: bool| assert_eq!(is_loopback(&parse(text).unwrap()), expect, "{text}");

        check("http://localhost:1/", true);
        check("http://127.9.0.1/", true);
        check("http://[::1]:80/", true);
        check("http://localhost.example/", false);
        check("http://10.0.0.1/", false);
    }
}
