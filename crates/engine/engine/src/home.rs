//! The installation's id: made on the first run, kept in `$CODEX_HOME/installation_id`.

use codex_base::{AbsPath, os};
use uuid::Uuid;

/// More than an id and blanks around it.
const BYTES_MAX: u64 = 1024;

/// The stored id, read when a thread really starts, so that a refused one leaves nothing behind; a new one where there is none. A home that cannot be written gets a new id every time, which only costs the provider a cache.
///
/// With `store` off a new id is not kept: what leaves no journal leaves nothing else.
pub fn installation_id(home: &AbsPath, store: bool) -> String {
    let path = home.join("installation_id");
    let stored = os::read_regular_text(&path, BYTES_MAX)
        .ok()
        .and_then(|text| Uuid::parse_str(text.trim()).ok());
    if let Some(id) = stored {
        return id.to_string();
    }
    let id = Uuid::new_v4().to_string();
    if !store {
        return id;
    }
    let stored = os::create_private_dir(home).and_then(|()| os::write_atomic(&path, id.as_bytes(), os::Privacy::Owner));
    // A read-only home is no reason not to work; see above.
    drop(stored);
    id
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_the_place_of_the_id_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let home = AbsPath::new(folder.path()).unwrap();
        let pipe = home.join("installation_id");
        assert!(std::process::Command::new("mkfifo").arg(&*pipe).status().unwrap().success());

        let made = installation_id(&home, true);

        assert_eq!(installation_id(&home, true), made);
    }
}
