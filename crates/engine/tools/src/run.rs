//! Carries out a prepared call under the policy of its verdict. Exactly one outcome, however it ends.

use crate::image_view;
use crate::outcome::{ToolOutcome, ToolOutput, ToolReport};
use crate::prepare::{Action, Prepared};
use crate::result::aborted_text;
use crate::truncation::fit_text;
use crate::turn::ToolWorld;
use crate::widening::granted_text;
use crate::{exec, stdin};
use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::items::ThreadItem;
use codex_protocol::questions::PermissionGrantScope;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Runs a call to its end, to its yield time, or until `cancel`.
///
/// While it runs it tells `reports` (bounded; a full channel slows deltas down and loses nothing else). Cancelling kills the command that
/// the call waits for; sessions that were handed to the model before live on, and a patch that has begun is finished.
pub async fn run(
    prepared: Prepared,
    policy: ResolvedPolicy,
    world: &ToolWorld,
    reports: mpsc::Sender<ToolReport>,
    cancel: CancellationToken,
) -> ToolOutcome {
    let limit_tokens = prepared.limit_tokens;
    let outcome = match prepared.action {
        // Its text is cut together with its header already.
        Action::Exec(action) => return Box::pin(exec::run(*action, policy, world, &reports, &cancel)).await,
        Action::Stdin(action) => return Box::pin(stdin::run(action, world, &reports, &cancel)).await,
        Action::Patch(action) => action.run(policy, world, &cancel).await,
        Action::Plan { explanation, plan } => ToolOutcome {
            plan: Some((explanation, plan)),
            ..ToolOutcome::text("Plan updated", true)
        },
        // Its answer is its output; nothing is run.
        Action::UserInput => ToolOutcome::text("nobody was asked", false),
        Action::Permissions(asked) => ToolOutcome::text(granted_text(&asked, PermissionGrantScope::Turn), true),
        Action::Image { path, detail } => view_image(prepared.call_id, path, detail, policy, world, &cancel).await,
    };
    fitted(outcome, limit_tokens)
}

fn fitted(outcome: ToolOutcome, limit_tokens: usize) -> ToolOutcome {
    let output = match outcome.output {
        ToolOutput::Text(text) => ToolOutput::Text(fit_text(&text, limit_tokens)),
        parts @ ToolOutput::Parts(_) => parts,
    };
    ToolOutcome { output, ..outcome }
}

async fn view_image(
    call_id: String,
    path: AbsPath,
    detail: &'static str,
    policy: ResolvedPolicy,
    world: &ToolWorld,
    cancel: &CancellationToken,
) -> ToolOutcome {
    let begun = world.clock.monotonic();
    let read = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || image_view::content_part(&path, detail, &policy))
    };
    tokio::select! {
        read = read => match read {
            Ok(Ok(part)) => {
                let item = ThreadItem::ImageView { id: call_id, path };
                ToolOutcome { output: ToolOutput::Parts(vec![part]), ..ToolOutcome::text("", true).with_item(item) }
            }
            Ok(Err(error)) => ToolOutcome::text(error.to_string(), false),
            Err(crashed) => ToolOutcome::text(format!("unable to process image: {crashed}"), false),
        },
        // What is being decoded ends by itself; its size is limited.
        () = cancel.cancelled() => ToolOutcome::text(aborted_text(world.clock.monotonic().saturating_sub(begun)), false),
    }
}
