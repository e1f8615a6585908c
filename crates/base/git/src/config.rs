//! The remotes in the text of a git configuration file.
//!
//! Only `[remote "name"] url = …` is looked at; files that it includes and rewrites (`insteadOf`) are not.

use std::collections::BTreeMap;

/// First URL of each remote, without credentials.
pub fn remotes(text: &str) -> BTreeMap<String, String> {
    let mut remotes = BTreeMap::new();
    let mut remote: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            remote = remote_name(header);
        } else if let (Some(name), Some((key, value))) = (&remote, line.split_once('='))
            && key.trim().eq_ignore_ascii_case("url")
        {
            let url = without_credentials(&unquoted(value.trim()));
            remotes.entry(name.clone()).or_insert(url);
        }
    }
    remotes
}

/// The name in `remote "name"]`, with its escapes undone.
fn remote_name(header: &str) -> Option<String> {
    let (section, rest) = header.split_once(|c: char| c.is_whitespace() || c == '"')?;
    if !section.eq_ignore_ascii_case("remote") {
        return None;
    }
    let mut name = String::new();
    let mut letters = rest.trim_start().trim_start_matches('"').chars();
    loop {
        match letters.next()? {
            '"' => return Some(name),
            '\\' => name.push(letters.next()?),
            letter => name.push(letter),
        }
    }
}

/// Quotes and escapes undone, a comment at the end cut off.
fn unquoted(value: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '\\' => out.extend(letters.next()),
            '#' | ';' if !quoted => break,
            letter => out.push(letter),
        }
    }
    out.trim_end().to_owned()
}

/// A web address without user and password (either may be a token); other addresses keep the user, which they need.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((credentials, host)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
    if scheme.to_ascii_lowercase().starts_with("http") || user.is_empty() {
        return format!("{scheme}://{host}{path}");
    }
    format!("{scheme}://{user}@{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_are_read_as_git_writes_them() {
        let text = r#"
[core]
	url = not-a-remote
[remote "origin"]
	url = https://github.com/a/b.git
	fetch = +refs/heads/*:refs/remotes/origin/*
	url = second
[Remote "with \"quote"]  # comment
	URL = "ssh://git:secret@host/a;b" ; comment
[remote]
	url = nameless
[branch "main"]
	url = no"#;

        let expect = [("origin", "https://github.com/a/b.git"), ("with \"quote", "ssh://git@host/a;b")];
        assert_eq!(remotes(text), expect.map(|(name, url)| (name.to_owned(), url.to_owned())).into());
    }

    #[test]
    fn credentials_are_left_out() {
        let check = |url: &str, expect: &str| assert_eq!(without_credentials(url), expect);

        check("https://user:token@host/a@b", "https://host/a@b");
        check("https://token@host", "https://host");
        check("ssh://git@host:22/a", "ssh://git@host:22/a");
        check("ssh://git:pw@host/a", "ssh://git@host/a");
        check("git@host:a/b.git", "git@host:a/b.git");
        check("/srv/git/a", "/srv/git/a");
    }

    #[test]
    fn broken_text_is_no_trouble() {
        for text in [
            "[",
            "[remote",
            "[remote \"",
            "[remote \"a\\",
            "[remote \"a\"]\nurl",
            "[remote \"a\"]\nurl = \"x\\",
        ] {
            remotes(text);
        }
    }
}
