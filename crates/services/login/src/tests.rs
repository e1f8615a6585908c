use super::*;
use base64::Engine as _;
use pretty_assertions::assert_eq;
use std::fs;

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> AbsPath {
        AbsPath::new(self.folder.path()).unwrap()
    }

    fn with(text: &str) -> Self {
        let home = Self::new();
        fs::write(path(&home.path()), text).unwrap();
        home
    }

    fn text(&self) -> String {
        fs::read_to_string(path(&self.path())).unwrap()
    }

    /// What is stored, in words.
    fn login(&self, settings: Settings) -> Result<Option<String>, String> {
        let found = load(&self.path(), settings);
        let folder = self.path().to_string();
        found
            .map(|stored| stored.map(|stored| stored.login.description()))
            .map_err(|error| error.to_string().replace(&folder, "HOME"))
    }
}

fn settings(store: &str, forced: &str) -> Settings {
    Settings::new(Some(store), Some(forced))
}

#[test]
fn a_key_is_stored_in_the_form_that_others_read() {
    let home = Home::new();

    let file = save_key(&home.path(), Settings::default(), b" \n sk-proj-1234567890abcdef\r\n").unwrap();

    assert_eq!(file, Place::File(path(&home.path())));
    insta::assert_snapshot!(home.text(), @r#"
    {
      "auth_mode": "apikey",
      "OPENAI_API_KEY": "sk-proj-1234567890abcdef"
    }
    "#);
    assert_eq!(home.login(Settings::default()), Ok(Some("API key sk-proj-***bcdef".to_owned())));
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone_even_if_it_was_not_before() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::with("{}");
    let file = path(&home.path());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();

    save_key(&home.path(), Settings::default(), b"key").unwrap();

    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_told_and_not_waited_for() {
    let home = Home::new();
    let pipe = path(&home.path());
    assert!(std::process::Command::new("mkfifo").arg(&*pipe).status().unwrap().success());

    let error = load(&home.path(), Settings::default()).err().unwrap();

    assert_eq!(
        (error.code(), std::error::Error::source(&error).unwrap().to_string().as_str()),
        ("login.unreadable", "not a regular file")
    );
    assert_eq!(forget(&home.path(), Settings::default()).unwrap(), [Place::File(pipe)]);
}

#[test]
fn what_is_no_key_changes_nothing() {
    let check = |key: &[u8], settings: Settings, code: &str| {
        let home = Home::with("{}");
        let error = save_key(&home.path(), settings, key).unwrap_err();
        assert_eq!((error.code(), home.text().as_str()), (code, "{}"));
    };
    let plain = Settings::default();

    check(b" \n", plain, "login.no_key");
    check(b"two words", plain, "login.invalid_key");
    check(b"line\r\nX-Header: 1", plain, "login.invalid_key");
    check(b"\xff\xfe", plain, "login.invalid_key");
    check(&vec![b'a'; KEY_BYTES_MAX + 1], plain, "login.invalid_key");
    check(b"key", settings("file", "chatgpt"), "login.forbidden");
    check(b"key", plain.within(Some(&["chatgpt".to_owned()])), "login.forbidden");
    check(b"key", settings("ephemeral", ""), "login.ephemeral");
}

#[test]
fn logins_of_every_kind_are_recognised() {
    let check = |text: &str, expect: Option<&str>| {
        let found = Home::with(text).login(Settings::default());
        assert_eq!(found, Ok(expect.map(str::to_owned)), "{text}");
    };
    let payload = r#"{"email":"ada@example.com","https://api.openai.com/auth":{"chatgpt_plan_type":"plus","chatgpt_account_id":"a"}}"#;
    let token = format!("x.{}.y", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload));
    let tokens = format!(r#"{{"id_token":"{token}","access_token":"a","refresh_token":"r","account_id":"a"}}"#);

    check(
        r#"{"OPENAI_API_KEY":"sk-old-0123456789","tokens":null,"last_refresh":null}"#,
        Some("API key sk-old-0***56789"),
    );
    check(r#"{"auth_mode":"apikey","OPENAI_API_KEY":"short"}"#, Some("API key ***"));
    check(
        &format!(r#"{{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{tokens},"last_refresh":"2026-01-01T00:00:00Z"}}"#),
        Some("ChatGPT account ada@example.com (plan: plus)"),
    );
    check(
        &format!(r#"{{"OPENAI_API_KEY":null,"tokens":{tokens}}}"#),
        Some("ChatGPT account ada@example.com (plan: plus)"),
    );
    check(
        r#"{"auth_mode":"chatgpt","tokens":{"id_token":"no token"}}"#,
        Some("ChatGPT account"),
    );
    check(
        r#"{"auth_mode":"agentIdentity","agent_identity":{}}"#,
        Some("login of the kind `agentIdentity`"),
    );
    check(r#"{"OPENAI_API_KEY":null,"tokens":null}"#, None);
    check("{}", None);
}

#[test]
fn a_damaged_file_is_named_and_not_quoted() {
    let check = |text: &str, expect: &str| assert_eq!(Home::with(text).login(Settings::default()), Err(expect.to_owned()));

    check(
        "{\"OPENAI_API_KEY\": \"sk",
        "HOME/auth.json is damaged: it is not the JSON of a login (line 1, column 22)",
    );
    check("[\"sk-secret\"]", "HOME/auth.json is damaged: it does not begin with {");
    check(
        "{\"OPENAI_API_KEY\": 3}",
        "HOME/auth.json is damaged: it is not the JSON of a login (line 1, column 20)",
    );
    check("", "HOME/auth.json is damaged: it does not begin with {");
    check(r#"{"auth_mode":"apikey"}"#, "HOME/auth.json is damaged: it holds no key");
    check(r#"{"auth_mode":"chatgpt"}"#, "HOME/auth.json is damaged: it holds no tokens");
}

#[test]
fn settings_decide_what_counts() {
    let home = Home::with(r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-0123456789abcdef"}"#);
    let check = |store: &str, forced: &str, expect: Result<Option<&str>, &str>| {
        let expect = expect.map(|found| found.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(home.login(settings(store, forced)), expect, "{store} {forced}");
    };
    let key = Ok(Some("API key sk-01234***bcdef"));

    check("file", "", key);
    check("file", "chatgpt", Ok(None));
    check("ephemeral", "", Ok(None));
}

#[cfg(unix)]
#[test]
fn forgetting_leaves_no_key_behind_a_link() {
    let home = Home::new();
    let file = path(&home.path());
    let elsewhere = home.path().join("elsewhere.json");
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    save_key(&home.path(), Settings::default(), b"key").unwrap();
    assert!(elsewhere.exists());

    assert_eq!(forget(&home.path(), Settings::default()).unwrap(), [Place::File(file.clone())]);

    assert!(!elsewhere.exists() && !file.is_symlink());
}

#[test]
fn forgetting_says_whether_there_was_something() {
    let home = Home::with("damaged");

    let file = Place::File(path(&home.path()));
    assert_eq!(forget(&home.path(), Settings::default()).unwrap(), [file]);
    assert_eq!(forget(&home.path(), Settings::default()).unwrap(), []);
    assert_eq!(home.login(Settings::default()), Ok(None));
}

#[test]
fn a_stored_login_that_requirements_do_not_leave_is_none() {
    let home = Home::new();
    save_key(&home.path(), Settings::default(), b"sk-proj-1234567890abcdef").unwrap();
    let found = |allowed: Option<&[&str]>| {
        let allowed: Option<Vec<String>> = allowed.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        home.login(Settings::default().within(allowed.as_deref())).unwrap().is_some()
    };

    assert_eq!(
        [
            found(None),
            found(Some(&["api"])),
            found(Some(&["api", "chatgpt"])),
            found(Some(&["chatgpt"]))
        ],
        [true, true, true, false]
    );
}
