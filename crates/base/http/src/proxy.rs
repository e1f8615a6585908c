//! Which proxy is used, from variables that the caller looked up.

use crate::{HttpError, url};
use reqwest::{ClientBuilder, NoProxy, Proxy, Url};

/// Proxy variables as values. All empty: what the operating system is set to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    pub http: Option<String>,
    pub https: Option<String>,
    /// Hosts that are reached directly, comma-separated.
    pub no_proxy: Option<String>,
}

impl ProxySettings {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` or their lower-case spellings, which win, through `lookup`.
    pub fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let named = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
            named(&name.to_lowercase()).or_else(|| named(name))
        };
        let all = value("ALL_PROXY");
        Self {
            http: value("HTTP_PROXY").or_else(|| all.clone()),
            https: value("HTTPS_PROXY").or(all),
            no_proxy: value("NO_PROXY"),
        }
    }

    /// Whether plain `http` requests need certificates too, because their proxy is spoken to over TLS.
    pub(crate) fn http_over_tls(&self) -> bool {
        self.http.as_ref().is_some_and(|proxy| proxy.starts_with("https://"))
    }

    /// The proxy that a request for `target` goes through, for texts.
    pub(crate) fn of(&self, target: &Url) -> Option<String> {
        let proxy = if target.scheme() == "https" { &self.https } else { &self.http };
        let host = target.host_str().unwrap_or_default();
        let direct = url::is_loopback(target) || self.no_proxy.as_deref().is_some_and(|list| is_listed(host, list));
        let shown =
            |proxy: &String| url::parse(proxy).map_or_else(|_| "the proxy".to_owned(), |url| format!("the proxy {}", url::host(&url)));
        proxy.as_ref().filter(|_| !direct).map(shown)
    }

    /// # Errors
    /// What cannot be used, by the names of its variables: its value may hold a password.
    pub(crate) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, HttpError> {
        let no_url = |scheme: &str| HttpError::Setup {
            problem: format!("the proxy of {scheme}_PROXY or ALL_PROXY is no URL"),
        };
        if self.http.is_none() && self.https.is_none() {
            return Ok(builder);
        }
        let direct = self.no_proxy.as_deref().and_then(NoProxy::from_string);
        builder = builder.no_proxy();
        if let Some(url) = &self.http {
            builder = builder.proxy(Proxy::http(url).map_err(|_| no_url("HTTP"))?.no_proxy(direct.clone()));
        }
        if let Some(url) = &self.https {
            builder = builder.proxy(Proxy::https(url).map_err(|_| no_url("HTTPS"))?.no_proxy(direct));
        }
        Ok(builder)
    }
}

/// A host itself, everything below a domain, or everything. Networks in the list are not looked at: this is for texts only.
fn is_listed(host: &str, list: &str) -> bool {
    let below = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    let mut entries = list.split(',').map(|entry| entry.trim().trim_start_matches('.'));
    entries.any(|entry| entry == "*" || (!entry.is_empty() && below(entry)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_of_a_request_is_named_without_its_password() {
        let settings = ProxySettings {
            http: Some("http://me:pw@p1:3128".into()),
            https: Some("https://p2".into()),
            no_proxy: Some("a.test, .b.test".into()),
        };
        let check = |url: &str, expect: Option<&str>| assert_eq!(settings.of(&Url::parse(url).unwrap()).as_deref(), expect, "{url}");

        check("http://x.test/", Some("the proxy p1:3128"));
        check("https://x.test/", Some("the proxy p2"));
        check("https://aa.test/", Some("the proxy p2"));
        check("https://a.test/", None);
        check("https://c.b.test/", None);
        check("https://localhost/", None);
        assert!(is_listed("anything", "*") && !is_listed("anything", ""));
    }

    fn check(variables: &[(&str, &str)], http: Option<&str>, https: Option<&str>) {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };

        let settings = ProxySettings::from_env(&lookup);

        assert_eq!(
            (settings.http.as_deref(), settings.https.as_deref()),
            (http, https),
            "{variables:?}"
        );
    }

    #[test]
    fn the_lower_case_name_wins_and_blank_counts_as_unset() {
        check(&[], None, None);
        check(&[("HTTP_PROXY", "http://a"), ("http_proxy", "http://b")], Some("http://b"), None);
        check(&[("https_proxy", " "), ("HTTPS_PROXY", "http://c")], None, Some("http://c"));
        check(
            &[("ALL_PROXY", "http://d"), ("http_proxy", "http://b")],
            Some("http://b"),
            Some("http://d"),
        );
    }
}
