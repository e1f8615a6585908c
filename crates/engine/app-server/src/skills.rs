//! Requests about skills.

use crate::processor::Processor;
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{Empty, RequestError, RequestId};
use codex_protocol::skills::{SkillNamed, SkillsConfigWriteParams, SkillsListParams, SkillsListResult};

impl Processor {
    pub(crate) async fn skills_list(&self, params: SkillsListParams) -> Result<SkillsListResult, RequestError> {
        let cwds = match params.cwds.is_empty() {
            true => vec![self.server_cwd()],
            false => self.directories(&params.cwds),
        };
        let data = self.engine.skills(cwds).await?;
        Ok(SkillsListResult { data })
    }

    pub(crate) async fn skills_config_write(&self, id: RequestId, params: SkillsConfigWriteParams) {
        let named = match (params.path, params.name) {
            (Some(path), None) => SkillNamed::Path(path),
            (None, Some(name)) if !name.trim().is_empty() => SkillNamed::Name(name),
            _ => {
                let error = RequestError::invalid("skills.unnamed", "a skill is named either by `path` or by `name`");
                return self.reply::<Empty>(id, Err(error));
            }
        };
        let written = self.engine.switch_skill(named, params.enabled, self.server_cwd()).await;
        let changed = written.is_ok();
        self.reply(id, written);
        if changed {
            self.everyone.tell(&Notification::SkillsChanged(Empty {}));
        }
    }
}
