//! Which proxy is used, from variables that the caller looked up.

use reqwest::{ClientBuilder, NoProxy, Proxy};

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

    pub(crate) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        if self.http.is_none() && self.https.is_none() {
            return Ok(builder);
        }
        let direct = self.no_proxy.as_deref().and_then(NoProxy::from_string);
        builder = builder.no_proxy();
        if let Some(url) = &self.http {
            builder = builder.proxy(Proxy::http(url)?.no_proxy(direct.clone()));
        }
        if let Some(url) = &self.https {
            builder = builder.proxy(Proxy::https(url)?.no_proxy(direct));
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
