//! Model servers on this machine: is one running, is it new enough, does it have the model; if not, the model is fetched. LM Studio is also
//! told to take it into memory.
//!
//! In: the provider's settings and a model's name. Out: nothing, when the first request may be sent; progress on the way. Addresses and
//! limits as the servers document them: Ollama serves the Responses API from 0.13.4 on.

use crate::error::{self, ModelError, never};
use codex_http::{HttpClient, HttpError, HttpSettings, Post};
use codex_protocol::errors::CodexErrorInfo;
use codex_protocol::settings::ProviderSettings;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// Limit of one question about the server.
const QUESTION_MAX: Duration = Duration::from_secs(5);
/// Longest silence of a server that fetches a model.
const FETCH_SILENCE_MAX: Duration = Duration::from_secs(300);
/// Longest time of `lms get`.
const GET_MAX: Duration = Duration::from_secs(6 * 3600);
/// Longest time of taking a model into memory; it may have tens of gigabytes.
const LOAD_MAX: Duration = Duration::from_secs(600);
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 64 * 1024;
const OLLAMA_VERSION_MIN: [u64; 3] = [0, 13, 4];

/// The servers that are looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalServer {
    Ollama,
    LmStudio,
}

impl LocalServer {
    /// By the provider's id.
    pub fn of(provider: &ProviderSettings) -> Option<Self> {
        match provider.id.as_str() {
            "ollama" => Some(Self::Ollama),
            "lmstudio" => Some(Self::LmStudio),
            _ => None,
        }
    }

    /// The model that is used unless one is named.
    pub const fn default_model(self) -> &'static str {
        match self {
            Self::Ollama => "gpt-oss:20b",
            Self::LmStudio => "openai/gpt-oss-20b",
        }
    }
}

/// Makes sure that `model` can be asked. `progress` gets a sentence now and then while the model is fetched.
///
/// # Errors
/// If there is no server, it is too old, or it cannot get the model.
pub async fn ready(
    server: LocalServer,
    provider: &ProviderSettings,
    model: &str,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
    progress: &(dyn Fn(String) + Sync),
) -> Result<(), ModelError> {
    let base = provider.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let asking = Asking {
        http: HttpClient::new(HttpSettings::from_env("codex".to_owned(), env)),
        base,
        root: base.strip_suffix("/v1").unwrap_or(base),
    };
    match server {
        LocalServer::Ollama => asking.ollama(model, progress).await,
        LocalServer::LmStudio => asking.lm_studio(model, env("HOME").as_deref(), progress).await,
    }
}

/// The names of the models that a server has, as `GET {base_url}/models` of the OpenAI API lists them.
///
/// # Errors
/// If nobody answers within five seconds, or the answer is no such list.
pub async fn models(base_url: &str, env: &(dyn Fn(&str) -> Option<String> + Sync)) -> Result<Vec<String>, ModelError> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: String,
    }
    let url = format!("{}/models", base_url.trim_end_matches('/'));
    let wrong = |why: String| failed(error::LOCAL_SERVER, format!("{url}: {why}"));
    let http = HttpClient::new(HttpSettings::from_env("codex".to_owned(), env));
    let answer = async {
        let mut response = http.get(question(url.clone())).await?;
        Ok::<_, HttpError>((response.status(), response.status_text(), response.body(ANSWER_BYTES_MAX).await?))
    };
    let answer = timeout(QUESTION_MAX, answer)
        .await
        .map_err(|_| wrong(format!("nothing came for {QUESTION_MAX:?}")))?;
    let (status, text, body) = answer.map_err(|problem| wrong(problem.with_causes()))?;
    match status {
        200..300 => {}
        401 | 403 => {
            return Err(wrong(format!(
                "{text}: it wants a key; name its variable as `env_key` below [model_providers]"
            )));
        }
        _ => return Err(wrong(text)),
    }
    let list: List =
        serde_json::from_slice(&body).map_err(|_| wrong("this is no list of models; the address usually ends with /v1".to_owned()))?;
    Ok(list.data.into_iter().map(|entry| entry.id).collect())
}

struct Asking<'a> {
    http: HttpClient,
    base: &'a str,
    /// The server's address without the API's path.
    root: &'a str,
}

impl Asking<'_> {
    async fn ollama(&self, model: &str, progress: &(dyn Fn(String) + Sync)) -> Result<(), ModelError> {
        let has_v1 = self.base != self.root;
        let probe = if has_v1 {
            format!("{}/models", self.base)
        } else {
            format!("{}/api/tags", self.root)
        };
        let absent = || not_running("Ollama", self.root, "start it with `ollama serve`");
        self.json(probe).await.ok_or_else(absent)?;
        let version = self.json(format!("{}/api/version", self.root)).await.unwrap_or_default();
        let version = version["version"].as_str().unwrap_or_default();
        if is_too_old(version) {
            let text = format!(
                "OSS setup failed: this Ollama is {version}, and codex needs {} or newer. Update Ollama and start it again.",
                OLLAMA_VERSION_MIN.map(|part| part.to_string()).join(".")
            );
            return Err(failed(error::LOCAL_SERVER, text));
        }
        let tags = self.json(format!("{}/api/tags", self.root)).await.ok_or_else(absent)?;
        if has_model(&tags["models"], "name", model) {
            return Ok(());
        }
        progress(format!("The model `{model}` is not on this Ollama; it is being fetched."));
        self.pull(model, progress).await
    }

    /// Reads the lines of `POST /api/pull` to `success`.
    async fn pull(&self, model: &str, progress: &(dyn Fn(String) + Sync)) -> Result<(), ModelError> {
        let fetch = |why: String| fetch_failed(model, &why);
        let request = order(format!("{}/api/pull", self.root), &json!({"model": model, "stream": true}));
        let silent = || fetch(format!("nothing came for {FETCH_SILENCE_MAX:?}"));
        let sent = timeout(FETCH_SILENCE_MAX, self.http.post(request)).await.map_err(|_| silent())?;
        let mut response = sent.map_err(|problem| fetch(problem.with_causes()))?;
        let mut pull = Pull::default();
        loop {
            let chunk = timeout(FETCH_SILENCE_MAX, response.chunk()).await.map_err(|_| silent())?;
            match chunk.map_err(|problem| fetch(problem.with_causes()))? {
                None => {
                    pull.feed(b"\n").map_err(fetch)?; // The last line may have no end.
                    let unfinished = || fetch(format!("the server ended without success (status {})", response.status_text()));
                    return pull.done.then_some(()).ok_or_else(unfinished);
                }
                Some(bytes) => pull.feed(&bytes).map_err(fetch)?.into_iter().for_each(progress),
            }
            if pull.done {
                return Ok(());
            }
        }
    }

    async fn lm_studio(&self, model: &str, home: Option<&str>, progress: &(dyn Fn(String) + Sync)) -> Result<(), ModelError> {
        let absent = || not_running("LM Studio", self.base, "start its server with `lms server start`");
        let models = self.json(format!("{}/models", self.base)).await.ok_or_else(absent)?;
        if has_model(&models["data"], "id", model) {
            self.load(model);
            return Ok(());
        }
        progress(format!("The model `{model}` is not in this LM Studio; `lms get` fetches it."));
        let own = home.map(|home| Path::new(home).join(".lmstudio/bin/lms"));
        let program = own
            .filter(|path| path.is_file())
            .map_or_else(|| "lms".into(), std::path::PathBuf::into_os_string);
        let mut command = Command::new(program);
        command.args(["get", "--yes", model]).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match timeout(GET_MAX, command.status()).await {
            Ok(Ok(status)) if status.success() => {
                self.load(model);
                Ok(())
            }
            Ok(Ok(status)) => Err(fetch_failed(model, &format!("`lms get` ended with {status}"))),
            Ok(Err(problem)) if problem.kind() == io::ErrorKind::NotFound => Err(fetch_failed(
                model,
                "there is no `lms` on PATH or in ~/.lmstudio/bin; install LM Studio's command line, or get the model by hand",
            )),
            Ok(Err(problem)) => Err(fetch_failed(model, &format!("`lms` cannot be started: {problem}"))),
            Err(_) => Err(fetch_failed(model, &format!("`lms get` did not end within {GET_MAX:?}"))),
        }
    }

    /// Has LM Studio take the model into memory while the run starts: the first request that names it does that. What comes of it does not
    /// matter, for the real request says the same.
    fn load(&self, model: &str) {
        let body = json!({"model": model, "input": "", "max_output_tokens": 1});
        let request = order(format!("{}/responses", self.base), &body);
        let http = self.http.clone();
        tokio::spawn(async move { drop(timeout(LOAD_MAX, http.post(request)).await) });
    }

    /// A good answer as JSON; anything else is none.
    async fn json(&self, url: String) -> Option<Value> {
        let answer = async {
            let mut response = self.http.get(question(url)).await?;
            if !(200..300).contains(&response.status()) {
                return Ok(None);
            }
            Ok::<_, HttpError>(Some(response.body(ANSWER_BYTES_MAX).await?))
        };
        let body = timeout(QUESTION_MAX, answer).await.ok()?.ok()??;
        // Running is what counts; what an old server says may be no JSON.
        Some(serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn question(url: String) -> Post {
    Post { url, ..Post::default() }
}

fn order(url: String, body: &Value) -> Post {
    Post {
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
        ..question(url)
    }
}

fn has_model(list: &Value, key: &str, model: &str) -> bool {
    let names = list.as_array().into_iter().flatten().filter_map(|entry| entry[key].as_str());
    names
        .into_iter()
        .any(|name| name == model || name.strip_suffix(":latest") == Some(model))
}

/// A version that cannot be read, and the 0.0.0 of a development build, count as new.
fn is_too_old(version: &str) -> bool {
    let parts: Vec<u64> = version
        .trim_start_matches('v')
        .splitn(3, '.')
        .filter_map(|part| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect();
    parts.len() == 3 && parts != [0, 0, 0] && parts[..] < OLLAMA_VERSION_MIN[..]
}

/// The lines of a fetch.
#[derive(Default)]
struct Pull {
    line: Vec<u8>,
    /// Tenths of the layer that is being fetched which were told.
    told: Option<(String, u64)>,
    done: bool,
}

impl Pull {
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut sentences = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                sentences.extend(self.line(&line)?);
            } else if self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte);
            }
        }
        Ok(sentences)
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<String>, String> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(default)]
            status: String,
            #[serde(default)]
            digest: String,
            total: Option<u64>,
            completed: Option<u64>,
            error: Option<String>,
        }
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return Ok(None);
        };
        if let Some(error) = line.error {
            return Err(error);
        }
        self.done |= line.status == "success";
        let (Some(total), Some(completed)) = (line.total.filter(|total| *total > 0), line.completed) else {
            return Ok(None);
        };
        let tenths = completed.saturating_mul(10) / total;
        if self
            .told
            .as_ref()
            .is_some_and(|(digest, told)| *digest == line.digest && *told >= tenths)
            || tenths == 0
        {
            return Ok(None);
        }
        self.told = Some((line.digest, tenths));
        Ok(Some(format!("{} % of {} MB are here.", tenths * 10, total / 1_000_000)))
    }
}

fn not_running(name: &str, url: &str, way_out: &str) -> ModelError {
    failed(
        error::LOCAL_SERVER,
        format!("OSS setup failed: no running {name} server at {url}; {way_out}. `CODEX_OSS_BASE_URL` names another address."),
    )
}

fn fetch_failed(model: &str, why: &str) -> ModelError {
    failed(
        error::LOCAL_MODEL,
        format!("OSS setup failed: the model `{model}` cannot be fetched: {why}."),
    )
}

fn failed(code: &'static str, text: String) -> ModelError {
    never(code, text, CodexErrorInfo::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Mutex;

    /// Answers each path with its body; what is not named is not found.
    fn serve(answers: &'static [(&'static str, &'static str)]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let mut asked = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).unwrap();
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let line = text.split(" HTTP").next().unwrap().to_owned();
                if line == "GET /stop" {
                    return asked;
                }
                let found = answers.iter().find(|(path, _)| *path == line);
                let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                asked.push(line);
            }
        });
        (root, served)
    }

    async fn outcome(server: LocalServer, base: String, model: &str) -> (String, Vec<String>) {
        let provider = ProviderSettings {
            base_url: Some(base),
            ..ProviderSettings::default()
        };
        let told = Mutex::new(Vec::new());
        let ended = ready(server, &provider, model, &|_| None, &|text| told.lock().unwrap().push(text)).await;
        let ended = ended.map_or_else(|error| format!("{}: {}", error.code, error.message), |()| "ready".to_owned());
        (ended, told.into_inner().unwrap())
    }

    fn stop(root: &str, served: std::thread::JoinHandle<Vec<String>>) -> Vec<String> {
        let mut stream = std::net::TcpStream::connect(root.trim_start_matches("http://")).unwrap();
        stream.write_all(b"GET /stop HTTP/1.1\r\n\r\n").unwrap();
        served.join().unwrap()
    }

    #[tokio::test]
    async fn a_model_that_is_missing_is_fetched_with_progress() {
        let (root, served) = serve(&[
            ("GET /v1/models", "{}"),
            ("GET /api/version", r#"{"version":"0.13.4"}"#),
            ("GET /api/tags", r#"{"models":[{"name":"other:latest"}]}"#),
            (
                "POST /api/pull",
                "{\"status\":\"pulling\"}\nnot json\n{\"status\":\"x\",\"digest\":\"a\",\"total\":2000000,\"completed\":1000000}\n{\"status\":\"x\",\"digest\":\"a\",\"total\":2000000,\"completed\":1000001}\n{\"status\":\"success\"}\n",
            ),
        ]);

        let fetched = outcome(LocalServer::Ollama, format!("{root}/v1"), "gpt-oss:20b").await;
        let there = outcome(LocalServer::Ollama, format!("{root}/v1"), "other").await;

        let begun = "The model `gpt-oss:20b` is not on this Ollama; it is being fetched.";
        assert_eq!(fetched, ("ready".into(), vec![begun.into(), "50 % of 2 MB are here.".into()]));
        assert_eq!(there, ("ready".into(), vec![]));
        assert_eq!(
            stop(&root, served)[..4],
            ["GET /v1/models", "GET /api/version", "GET /api/tags", "POST /api/pull"]
        );
    }

    #[tokio::test]
    async fn what_stands_in_the_way_is_named() {
        let (root, served) = serve(&[
            ("GET /v1/models", r#"{"data":[{"id":"openai/gpt-oss-20b"}]}"#),
            ("GET /api/version", r#"{"version":"0.12.9"}"#),
        ]);
        let (pull_root, pull_served) = serve(&[
            ("GET /api/tags", r#"{"models":[]}"#),
            ("POST /api/pull", "{\"error\":\"no such model\"}"),
        ]);

        let old = outcome(LocalServer::Ollama, format!("{root}/v1"), "m").await.0;
        let lm_studio = outcome(LocalServer::LmStudio, format!("{root}/v1"), "openai/gpt-oss-20b").await.0;
        let refused = outcome(LocalServer::Ollama, pull_root.clone(), "m").await.0;
        let absent = outcome(LocalServer::LmStudio, "http://127.0.0.1:1/v1".into(), "m").await.0;

        assert!(
            old.starts_with("model.local_server: OSS setup failed: this Ollama is 0.12.9, and codex needs 0.13.4"),
            "{old}"
        );
        assert_eq!(lm_studio, "ready");
        assert_eq!(
            refused,
            "model.local_model: OSS setup failed: the model `m` cannot be fetched: no such model."
        );
        assert!(
            absent.starts_with("model.local_server: OSS setup failed: no running LM Studio server at http://127.0.0.1:1/v1"),
            "{absent}"
        );
        stop(&root, served);
        stop(&pull_root, pull_served);
    }

    #[tokio::test]
    async fn a_server_lists_its_models_or_says_why_not() {
        let (root, served) = serve(&[
            (
                "GET /v1/models",
                r#"{"object":"list","data":[{"id":"small"},{"id":"large","owned_by":"me"}]}"#,
            ),
            ("GET /models", "<html>"),
        ]);
        let asked = |base: String| async move { models(&base, &|_| None).await.map_err(|error| error.message) };

        let listed = asked(format!("{root}/v1/")).await;
        let page = asked(root.clone()).await.unwrap_err();
        let none = asked(format!("{root}/v2")).await.unwrap_err();
        let nobody = asked("http://127.0.0.1:1/v1".to_owned()).await.unwrap_err();
        let nonsense = asked("what?".to_owned()).await.unwrap_err();

        assert_eq!(listed, Ok(vec!["small".to_owned(), "large".to_owned()]));
        assert!(
            page.ends_with("/models: this is no list of models; the address usually ends with /v1"),
            "{page}"
        );
        assert!(none.contains("404"), "{none}");
        assert!(nobody.contains("http://127.0.0.1:1/v1/models"), "{nobody}");
        assert!(nonsense.contains("what?/models"), "{nonsense}");
        stop(&root, served);
    }

    #[test]
    fn versions_that_cannot_be_read_count_as_new() {
        let check = |version: &str, old: bool| assert_eq!(is_too_old(version), old, "{version}");

        check("0.13.3", true);
        check("0.13.4", false);
        check("0.13.4-rc1", false);
        check("0.2.99", true);
        check("1.0.0", false);
        check("0.0.0", false);
        check("", false);
        check("main", false);
    }
}
