//! Well-known places of keys and tokens. Commands do not read them unless a profile says otherwise.

use codex_base::AbsPath;
use codex_protocol::settings::Rights;

/// Below the user's home; one file or folder each.
const IN_HOME: &[&str] = &[
    ".ssh",
    ".aws",
    ".azure",
    ".boto",
    ".gnupg",
    ".kube",
    ".docker/config.json",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".vault-token",
    ".s3cfg",
    ".gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".terraform.d/credentials.tfrc.json",
    ".fly/config.yml",
    ".password-store",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".config/git/credentials",
    ".config/gcloud",
    ".config/op",
    ".config/rclone",
    ".config/doctl",
    ".config/containers/auth.json",
    ".config/google-chrome",
    ".config/chromium",
    ".config/microsoft-edge",
    ".config/BraveSoftware",
    ".config/vivaldi",
    ".mozilla",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    "Library/Keychains",
    "Library/Cookies",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Firefox",
];

/// Without secrets, and what a program needs to reach a host.
const OPEN_IN_HOME: &[&str] = &[".ssh/config", ".ssh/known_hosts"];

/// Below `CODEX_HOME`.
const IN_CODEX_HOME: &[&str] = &["auth.json", ".credentials.json", ".env"];

/// Each well-known place of credentials, and what is open in them, with what remains of the rights to it.
pub fn places(home: Option<&AbsPath>, codex_home: &AbsPath) -> Vec<(AbsPath, Rights)> {
    let below = |base: &AbsPath, names: &[&str], rights: Rights| names.iter().map(|name| (base.join(name), rights)).collect::<Vec<_>>();
    let mut places = below(codex_home, IN_CODEX_HOME, Rights::None);
    if let Some(home) = home {
        places.extend(below(home, IN_HOME, Rights::None));
        places.extend(below(home, OPEN_IN_HOME, Rights::Read));
    }
    places
}
