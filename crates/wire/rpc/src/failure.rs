//! What went wrong, as clients tell it.

use crate::CallError;
use codex_protocol::requests::RequestError;

/// What went wrong, for people. The code is stable; the hint names a way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What stderr shows: the message, the code in brackets, the hint on a line of its own.
    pub fn report(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("error: {} [{}]{hint}", self.message, self.code)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let hint = error.data.as_ref().and_then(|data| data.hint.clone());
        Self {
            code: error.stable_code().to_owned(),
            message: error.message,
            hint,
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Rejected(error) => Self::from(error),
            CallError::PeerGone(gone) => Self::new("server.gone", gone.to_string()),
        }
    }
}
