//! Models on this machine, as somebody meets them who has no such server, or one that answers.

use crate::support::Lab;
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1/v1";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.home.make_repository(&[("README.md", "A test.\n")]);
    lab
}

fn at(lab: &Lab, address: &str, arguments: &[&str]) -> Command {
    let mut command = lab.command(arguments);
    command.env("CODEX_OSS_BASE_URL", address);
    command
}

#[test]
fn without_a_server_one_error_says_which_and_where() {
    let lab = lab();
    let told = |arguments: &[&str]| {
        let ran = lab.start(at(&lab, NOBODY, arguments)).ended(crate::support::PATIENCE);
        ran.assert_code(1).stderr.clone()
    };
    let ollama = "error: OSS setup failed: no running Ollama server at http://127.0.0.1:1; start it with `ollama serve`.";
    let lm_studio =
        "error: OSS setup failed: no running LM Studio server at http://127.0.0.1:1/v1; start its server with `lms server start`.";

    let cases = [
        (&["exec", "--oss", "--local-provider", "ollama", "hi"][..], ollama),
        (&["exec", "-c", "model_provider=ollama", "hi"], ollama),
        (&["exec", "--oss", "-c", "oss_provider=lmstudio", "hi"], lm_studio),
    ];
    for (arguments, error) in cases {
        let stderr = told(arguments);
        assert!(stderr.contains(error) && stderr.contains("[model.local_server]"), "{stderr}");
    }
}

#[test]
fn the_servers_usual_model_is_asked_even_if_the_configuration_names_another() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut asked = Vec::new();
        let (mut loaded, mut usual_model) = (None, None);
        while loaded.is_none() || usual_model.is_none() {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut buffer = [0; 8192];
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            let text = String::from_utf8(request).unwrap();
            asked.push(text.split(" HTTP").next().unwrap().to_owned());
            let (status, body) = if text.starts_with("GET /v1/models") {
                ("200 OK", r#"{"data":[{"id":"openai/gpt-oss-20b"}]}"#)
            } else {
                ("400 Bad Request", "enough")
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            if text.starts_with("POST") {
                let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
                let model = body.contains(r#""model":"openai/gpt-oss-20b""#);
                let of = if body.contains(r#""input":"""#) {
                    &mut loaded
                } else {
                    &mut usual_model
                };
                *of = Some((model, body));
            }
        }
        (asked, loaded.unwrap().1, usual_model.unwrap().0)
    });
    let lab = lab();

    let arguments = ["exec", "--oss", "--local-provider", "lmstudio", "-c", "model=gpt-5.5", "hi"];
    lab.start(at(&lab, &address, &arguments))
        .ended(crate::support::PATIENCE)
        .assert_code(1);

    let (asked, loaded, usual_model) = server.join().unwrap();
    assert_eq!(asked, ["GET /v1/models", "POST /v1/responses", "POST /v1/responses"]);
    assert_eq!(loaded, r#"{"model":"openai/gpt-oss-20b","input":"","max_output_tokens":1}"#);
    assert!(usual_model);
}

#[test]
fn a_stored_session_that_goes_on_with_a_local_model_needs_its_server_as_well() {
    let mock = MockModel::start([Answer::message("Done.")]);
    let lab = Lab::with_model(&mock);
    lab.run(&["exec", "first"]).assert_code(0);
    let local = |arguments: &[&str]| {
        let arguments = [&["exec", "-c", "model_provider=ollama"], arguments].concat();
        lab.start(at(&lab, NOBODY, &arguments)).ended(crate::support::PATIENCE)
    };

    for arguments in [&["resume", "--last", "second"][..], &["fork", &lab.session_id(), "second"]] {
        let ran = local(arguments);
        assert!(ran.assert_code(1).stderr.contains("[model.local_server]"), "{}", ran.stderr);
    }
    local(&["fork", &lab.session_id()]).assert_code(0);
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}
