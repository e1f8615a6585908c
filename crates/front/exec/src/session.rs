//! Starting a thread, or finding one and resuming or forking it.

use crate::{ExecError, ExecOptions};
use codex_protocol::items::Thread;
use codex_protocol::requests::{
    ThreadFork, ThreadForkParams, ThreadResume, ThreadResumeParams, ThreadSettings, ThreadSetup, ThreadSourceKind, ThreadStart,
    ThreadStartParams,
};
use codex_protocol::settings::ApprovalPolicy;
use codex_rpc::Client;
use codex_rpc::lookup::{self, Place};

/// Which conversation the prompt goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    New,
    /// By id, or by name.
    Resume(String),
    /// A new one that begins with the history of this one, named by id or name.
    Fork(String),
    /// The one worked on last: of this directory, or of all.
    Last {
        everywhere: bool,
    },
}

/// Opens the connection and the thread.
pub async fn open(options: &ExecOptions, client: &Client) -> Result<ThreadSetup, ExecError> {
    client.introduce("codex_exec", "Codex exec").await?;
    match &options.session {
        Session::New => {
            let params = ThreadStartParams {
                settings: settings(options),
                ephemeral: options.ephemeral.then_some(true),
                thread_source: options.thread_source.clone(),
                ..ThreadStartParams::default()
            };
            Ok(client.request::<ThreadStart>(params).await?)
        }
        Session::Resume(session) => resume(options, client, id_of(client, session).await?).await,
        Session::Fork(session) => fork(options, client, id_of(client, session).await?).await,
        Session::Last { everywhere } => {
            let thread = last(options, client, *everywhere).await?;
            resume(options, client, thread.id).await
        }
    }
}

/// Nobody is there to be asked, but for a reviewer that was asked for.
fn settings(options: &ExecOptions) -> ThreadSettings {
    let reviewed = options.settings.approvals_reviewer.is_some();
    ThreadSettings {
        cwd: Some(options.cwd.to_string()),
        approval_policy: Some(if reviewed {
            ApprovalPolicy::OnRequest
        } else {
            ApprovalPolicy::Never
        }),
        ..options.settings.clone()
    }
}

async fn resume(options: &ExecOptions, client: &Client, thread_id: String) -> Result<ThreadSetup, ExecError> {
    let params = ThreadResumeParams {
        thread_id,
        settings: settings(options),
        exclude_turns: true,
    };
    Ok(client.request::<ThreadResume>(params).await?)
}

async fn fork(options: &ExecOptions, client: &Client, thread_id: String) -> Result<ThreadSetup, ExecError> {
    let params = ThreadForkParams {
        thread_id,
        settings: settings(options),
        ephemeral: options.ephemeral,
        thread_source: options.thread_source.clone(),
        exclude_turns: true,
        ..ThreadForkParams::default()
    };
    Ok(client.request::<ThreadFork>(params).await?)
}

async fn id_of(client: &Client, session: &str) -> Result<String, ExecError> {
    Ok(lookup::find(client, session, Place::Active).await?.id)
}

async fn last(options: &ExecOptions, client: &Client, everywhere: bool) -> Result<Thread, ExecError> {
    let cwd = (!everywhere).then(|| options.cwd.to_string());
    let found = lookup::last(client, cwd, &ThreadSourceKind::ROOTS).await?;
    found.ok_or_else(|| {
        let (place, hint) = if everywhere {
            (String::new(), "start one with: codex exec PROMPT")
        } else {
            (format!(" in {}", options.cwd), "--all looks at the sessions of every directory")
        };
        ExecError::new("session.not_found", format!("no session to resume{place}")).with_hint(hint)
    })
}
