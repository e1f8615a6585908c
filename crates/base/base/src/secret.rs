//! A value that is never printed.

/// A token or key. It has no `Debug`, `Display` or `Serialize`, so it cannot reach a log or a file by accident.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself. Only `http` and credential storage may call this; the repository check looks for others.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
