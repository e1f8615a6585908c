//! Sending one request and reading its answer.

use crate::obstacle::{Obstacle, Way};
use crate::proxy::ProxySettings;
use crate::url;
use bytes::Bytes;
use codex_base::{Secret, os};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How connections are made.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    pub user_agent: String,
    pub proxy: ProxySettings,
    pub extra_roots: Option<ExtraRoots>,
    /// Limit for name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
}

/// Certificates (PEM) that are trusted besides the operating system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraRoots {
    pub path: PathBuf,
    /// The variable that names the file.
    pub variable: &'static str,
}

impl HttpSettings {
    /// Proxies, `CODEX_CA_CERTIFICATE` or else `SSL_CERT_FILE` from `lookup`; 15 s to connect.
    pub fn from_env(user_agent: String, lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            user_agent,
            proxy: ProxySettings::from_env(lookup),
            extra_roots: ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"].into_iter().find_map(|variable| {
                let path = lookup(variable).filter(|path| !path.is_empty()).map(PathBuf::from)?;
                Some(ExtraRoots { path, variable })
            }),
            connect_timeout: Duration::from_secs(15),
        }
    }
}

/// One request. `headers` are plain, later ones replace earlier ones of the same name; `secrets` and `bearer` come last.
#[derive(Default)]
pub struct Post {
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub secrets: Vec<(String, Secret)>,
    /// `authorization: Bearer …`.
    pub bearer: Option<Secret>,
    pub body: Vec<u8>,
}

/// Why there is no (further) answer. Texts never hold headers, queries or passwords.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("not a usable URL: {problem}")]
    BadUrl { problem: String },
    #[error("not a usable header: {name}")]
    BadHeader { name: String },
    #[error("cannot use the certificates in {} ({})", roots.path.display(), roots.variable)]
    Roots {
        roots: ExtraRoots,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("cannot set up a connection: {problem}")]
    Setup { problem: String },
    #[error("{way}")]
    Connect { way: Way, source: reqwest::Error },
    #[error("network error")]
    Broken { source: reqwest::Error },
}

impl HttpError {
    /// The text with its causes behind it; of a connection that did not come about, the first cause alone.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        if let Self::Connect { source, .. } = self {
            return format!("{text}: {}", root_cause(source));
        }
        let mut cause = self.source();
        while let Some(inner) = cause {
            let words = inner.to_string();
            // Libraries repeat themselves: a cause that says nothing new is left out.
            if !text.ends_with(&words) {
                text = format!("{text}: {words}");
            }
            cause = inner.source();
        }
        text
    }
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Sends requests; cheap to make and to clone, connections are shared between clones.
#[derive(Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: HttpSettings,
    /// By [`Route::index`].
    clients: [OnceLock<reqwest::Client>; 4],
}

/// What a client for a URL must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    tls: bool,
    proxied: bool,
}

impl Route {
    fn of(url: &reqwest::Url, proxy: &ProxySettings) -> Self {
        let proxied = !url::is_loopback(url);
        Self {
            tls: url.scheme() == "https" || (proxied && proxy.http_over_tls()),
            proxied,
        }
    }

    const fn index(self) -> usize {
        (self.tls as usize) * 2 + self.proxied as usize
    }
}

impl HttpClient {
    pub fn new(settings: HttpSettings) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                clients: [const { OnceLock::new() }; 4],
            }),
        }
    }

    /// Sends and waits for the head of the answer, whatever its status. The caller limits the wait; dropping the future closes the connection.
    ///
    /// # Errors
    /// If the request cannot be put together, or no answer came.
    pub async fn post(&self, post: Post) -> Result<HttpResponse, HttpError> {
        self.send(Method::POST, post).await
    }

    /// As [`Self::post`], without a body.
    ///
    /// # Errors
    /// If the request cannot be put together, or no answer came.
    pub async fn get(&self, request: Post) -> Result<HttpResponse, HttpError> {
        self.send(Method::GET, request).await
    }

    async fn send(&self, method: Method, post: Post) -> Result<HttpResponse, HttpError> {
        let target = url::parse(&post.url)?;
        let headers = header_map(&post)?;
        let secrets = post.secrets.iter().map(|(_, secret)| secret).chain(&post.bearer).cloned().collect();
        let proxies = &self.inner.settings.proxy;
        let client = self.client(Route::of(&target, proxies)).await?;
        let (shown_url, host, proxy) = (url::shown(&target), url::host(&target), proxies.of(&target));
        let plainly_proxied = proxy.is_some() && target.scheme() == "http";
        let mut request = client.request(method.clone(), target).headers(headers);
        if method == Method::POST {
            request = request.body(post.body);
        }
        tracing::debug!(%method, url = shown_url, proxied = proxy.is_some(), "request");
        let sent = request.send().await.map_err(|error| match error.without_url() {
            source if source.is_connect() => {
                let obstacle = Obstacle::of(&source, plainly_proxied);
                let way = Way { obstacle, host, proxy };
                HttpError::Connect { way, source }
            }
            source => HttpError::Broken { source },
        });
        match &sent {
            Ok(answer) => tracing::debug!(url = shown_url, status = answer.status().as_u16(), "head of the answer"),
            Err(error) => tracing::debug!(url = shown_url, %error, "no answer"),
        }
        let inner = sent?;
        Ok(HttpResponse { inner, shown_url, secrets })
    }

    async fn client(&self, route: Route) -> Result<reqwest::Client, HttpError> {
        if let Some(client) = self.inner.clients[route.index()].get() {
            return Ok(client.clone());
        }
        let made = if route.tls {
            // Loading roots reads many files; other tasks go on meanwhile.
            let inner = Arc::clone(&self.inner);
            let made = tokio::task::spawn_blocking(move || make(&inner.settings, route)).await;
            made.map_err(|error| HttpError::Setup {
                problem: error.to_string(),
            })??
        } else {
            make(&self.inner.settings, route)?
        };
        Ok(self.inner.clients[route.index()].get_or_init(|| made).clone())
    }
}

fn broken(error: reqwest::Error) -> HttpError {
    HttpError::Broken {
        source: error.without_url(),
    }
}

fn make(settings: &HttpSettings, route: Route) -> Result<reqwest::Client, HttpError> {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .http1_only();
    builder = if route.proxied {
        settings.proxy.apply(builder)?
    } else {
        builder.no_proxy()
    };
    builder = match (route.tls, &settings.extra_roots) {
        (false, _) => builder.tls_certs_only([]),
        (true, Some(roots)) => builder.tls_certs_merge(read_roots(roots)?),
        (true, None) => builder,
    };
    builder.build().map_err(|error| HttpError::Setup {
        problem: broken(error).with_causes(),
    })
}

/// Bytes of certificates; those of a whole system are half a million.
const ROOTS_BYTES_MAX: u64 = 16 << 20;

fn read_roots(extra: &ExtraRoots) -> Result<Vec<reqwest::Certificate>, HttpError> {
    let bundle = os::read_regular(&extra.path, ROOTS_BYTES_MAX).map_err(Box::<dyn Error + Send + Sync>::from);
    let read = bundle.and_then(|bundle| Ok(reqwest::Certificate::from_pem_bundle(&bundle)?));
    let unusable = |source| HttpError::Roots {
        roots: extra.clone(),
        source,
    };
    match read {
        Ok(roots) if roots.is_empty() => Err(unusable(io::Error::other("no certificate in the file").into())),
        Ok(roots) => Ok(roots),
        Err(source) => Err(unusable(source)),
    }
}

fn header_map(post: &Post) -> Result<HeaderMap, HttpError> {
    let mut map = HeaderMap::new();
    let bad = |name: &str| HttpError::BadHeader { name: name.to_owned() };
    let parsed = |name: &str| HeaderName::try_from(name).map_err(|_| bad(name));
    for (name, value) in &post.headers {
        map.insert(parsed(name)?, HeaderValue::try_from(value).map_err(|_| bad(name))?);
    }
    for (name, secret) in &post.secrets {
        map.insert(parsed(name)?, sensitive(secret.expose()).ok_or_else(|| bad(name))?);
    }
    if let Some(token) = &post.bearer {
        let value = sensitive(&format!("Bearer {}", token.expose())).ok_or_else(|| bad("authorization"))?;
        map.insert(AUTHORIZATION, value);
    }
    Ok(map)
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(crate) fn without(secrets: &[Secret], text: &str) -> String {
    let long = secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= SECRET_BYTES_MIN);
    long.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
}

/// The number with its usual reason, e.g. `404 Not Found`.
pub fn status_text(status: u16) -> String {
    reqwest::StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}

/// An answer whose head is here; dropping it closes the connection unless the body was read to its end.
pub struct HttpResponse {
    inner: reqwest::Response,
    shown_url: String,
    /// What the request carried, to be struck out of texts.
    secrets: Vec<Secret>,
}

/// Shorter ones are no keys, and striking them out would spoil ordinary words.
const SECRET_BYTES_MIN: usize = 8;

impl HttpResponse {
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// E.g. `404 Not Found`.
    pub fn status_text(&self) -> String {
        self.inner.status().to_string()
    }

    /// A header's value, if it is there and plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// Every header whose value is plain text, in no order that counts.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.inner.headers().iter();
        headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// Where the request went, without user, password and query.
    pub fn url(&self) -> &str {
        &self.shown_url
    }

    /// The text with `[secret]` for every key that the request carried: some servers say which key they refused.
    pub fn without_secrets(&self, text: &str) -> String {
        without(&self.secrets, text)
    }

    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The connection itself, once the server has agreed to speak something else on it.
    pub(crate) async fn switched(self) -> Result<reqwest::Upgraded, HttpError> {
        self.inner.upgrade().await.map_err(broken)
    }

    /// The next bytes of the body, `None` at its end. The caller limits the wait.
    ///
    /// # Errors
    /// If the connection broke before the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.inner.chunk().await.map_err(broken)
    }

    /// The body to its end, or to where it is longer than `bytes_max`. The caller limits the wait.
    ///
    /// # Errors
    /// If the connection broke before the end.
    pub async fn body(&mut self, bytes_max: usize) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > bytes_max {
                break;
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// Answers one connection with `answer` and gives back what was asked.
    fn serve_once(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/responses?key=s3cret", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 4096];
            while !asked.ends_with(b"BODY") {
                let read = stream.read(&mut buffer).unwrap();
                assert!(read > 0, "the request ended early");
                asked.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap().to_lowercase()
        });
        (url, served)
    }

    fn client(lookup: &dyn Fn(&str) -> Option<String>) -> HttpClient {
        HttpClient::new(HttpSettings::from_env("codex-test/1".to_owned(), lookup))
    }

    fn post(url: String) -> Post {
        Post {
            url,
            headers: Vec::new(),
            secrets: Vec::new(),
            bearer: None,
            body: b"BODY".to_vec(),
        }
    }

    async fn text(mut response: HttpResponse) -> String {
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.unwrap() {
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_request_carries_headers_and_key_and_the_answer_is_read() {
        let (url, served) = serve_once("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nslow");
        let headers = vec![("x-a".to_owned(), "1".to_owned()), ("X-A".to_owned(), "2".to_owned())];
        let secrets = vec![("x-key".to_owned(), Secret::new("k3y".to_owned()))];

        let response = client(&|_| None)
            .post(Post {
                headers,
                secrets,
                bearer: Some(Secret::new("t0ken".into())),
                ..post(url)
            })
            .await
            .unwrap();

        assert_eq!((response.status(), response.status_text().as_str()), (429, "429 Too Many Requests"));
        assert_eq!(response.header("retry-after"), Some("3"));
        assert!(response.url().ends_with("/v1/responses"), "{}", response.url());
        assert_eq!(text(response).await, "slow");
        let asked = served.join().unwrap();
        for line in [
            "post /v1/responses?key=s3cret http/1.1",
            "user-agent: codex-test/1",
            "x-a: 2",
            "x-key: k3y",
            "authorization: bearer t0ken",
        ] {
            assert!(asked.contains(&format!("{line}\r\n")), "{line} in {asked}");
        }
        for unwanted in ["cookie", "accept-encoding", "x-a: 1"] {
            assert!(!asked.contains(unwanted), "{unwanted} in {asked}");
        }
    }

    #[tokio::test]
    async fn keys_are_struck_out_of_what_a_server_says() {
        let (url, served) = serve_once("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let secrets = vec![
            ("x-key".to_owned(), Secret::new("header-key-1".into())),
            ("x-short".to_owned(), Secret::new("bad".into())),
        ];
        let bearer = Some(Secret::new("sk-12345678".into()));

        let response = client(&|_| None)
            .post(Post {
                secrets,
                bearer,
                ..post(url)
            })
            .await
            .unwrap();

        let told = response.without_secrets("bad key sk-12345678 (sk-12345678), header-key-1");
        assert_eq!(told, "bad key [secret] ([secret]), [secret]");
        served.join().unwrap();
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (url, served) = serve_once("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");

        let response = client(&|_| None).post(post(url)).await.unwrap();

        assert_eq!(response.status(), 307);
        served.join().unwrap();
    }

    #[tokio::test]
    async fn a_proxy_is_not_used_for_this_machine() {
        let (url, served) = serve_once("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

        let response = client(&|name| (name == "HTTP_PROXY").then(|| "http://127.0.0.1:1".to_owned()))
            .post(post(url))
            .await
            .unwrap();

        assert_eq!(response.status(), 200);
        served.join().unwrap();
    }

    #[tokio::test]
    async fn another_host_is_asked_through_the_proxy_that_was_passed_in() {
        let (proxy, served) = serve_once("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let proxy = proxy.split("/v1").next().unwrap().to_owned();

        let response = client(&|name| (name == "http_proxy").then(|| proxy.clone()))
            .post(post("http://model.invalid/v1/x".into()))
            .await
            .unwrap();

        assert_eq!(response.status(), 200);
        assert!(served.join().unwrap().starts_with("post http://model.invalid/v1/x http/1.1\r\n"));
    }

    #[tokio::test]
    async fn no_listener_is_a_connect_error_that_names_no_query() {
        let url = "http://127.0.0.1:1/v1?key=s3cret".to_owned();

        let error = client(&|_| None).post(post(url)).await.err().unwrap();

        assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
        assert!(
            error.with_causes().contains("refused") && !error.with_causes().contains("s3cret"),
            "{}",
            error.with_causes()
        );
    }

    #[tokio::test]
    async fn a_server_without_tls_is_a_connect_error_over_https() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; 64];
            let read = stream.read(&mut hello).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            hello[..read].to_vec()
        });

        let error = client(&|_| None).post(post(url)).await.err().unwrap();

        assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
        assert_eq!(served.join().unwrap()[0], 22, "a TLS handshake record");
    }

    #[tokio::test]
    async fn a_bundle_that_cannot_be_used_is_named() {
        // The second has no end, where it is there.
        for file in ["/nowhere/roots.pem", "/dev/zero"] {
            let lookup = |name: &str| (name == "SSL_CERT_FILE").then(|| file.to_owned());

            let error = client(&lookup).post(post("https://127.0.0.1:1/".into())).await.err().unwrap();

            let said = error.with_causes();
            assert!(
                said.starts_with(&format!("cannot use the certificates in {file} (SSL_CERT_FILE): ")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_without_its_value() {
        let bad = Post {
            secrets: vec![("x-key".into(), Secret::new("a\nb".into()))],
            ..post(String::new())
        };

        assert_eq!(header_map(&bad).unwrap_err().to_string(), "not a usable header: x-key");
    }
}
