//! What the provider tells beside its answers: limits, the model that really served, sentences for the user.

use crate::thread::state::ThreadState;
use crate::thread::step::Out;
use codex_model::News;
use codex_protocol::limits::RateLimitSnapshot;
use codex_protocol::notifications::{AccountRateLimitsUpdated, Notification, Warning};

/// What a thread knows of its provider.
#[derive(Debug, Default)]
pub struct ProviderState {
    /// The account's own limit as it was told last; journaled with each usage.
    pub limits: Option<Box<RateLimitSnapshot>>,
    /// Told with the end of the answer that brought them.
    untold: Vec<RateLimitSnapshot>,
}

impl ThreadState {
    pub(crate) fn on_news(&mut self, news: News, out: &mut Out) {
        if let Some(first) = news.limits.first() {
            self.provider.limits = Some(Box::new(first.clone()));
            self.provider.untold = news.limits;
        }
        if let Some(served) = news.served_by {
            self.served_by(&served, out);
        }
        if let Some(notice) = news.notice {
            out.notify(self.warning(notice));
        }
    }

    /// A provider that answers with another model than the one that was asked says so once per pair.
    fn served_by(&mut self, served: &str, out: &mut Out) {
        let asked = self.turn.as_ref().and_then(|turn| Some(turn.phase.settings()?.model.clone()));
        let Some(asked) = asked.filter(|asked| !codex_model::is_same_model(asked, served)) else {
            return;
        };
        let text = format!("model rerouted: {asked} -> {served} (the provider answered with another model than the one that was asked)");
        if self.warned.insert(text.clone()) {
            out.notify(self.warning(text));
        }
    }

    /// After the usage of an answer, or its failure.
    pub(crate) fn tell_limits(&mut self, out: &mut Out) {
        for rate_limits in std::mem::take(&mut self.provider.untold) {
            out.notify(Notification::AccountRateLimitsUpdated(AccountRateLimitsUpdated { rate_limits }));
        }
    }

    pub(crate) fn warning(&self, message: String) -> Notification {
        Notification::Warning(Warning {
            message,
            thread_id: Some(self.info.id.clone()),
        })
    }
}
