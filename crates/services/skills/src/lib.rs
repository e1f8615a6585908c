//! What users and projects tell the model in files: project documents (AGENTS.md) and skills.
//!
//! | module | gives |
//! | --- | --- |
//! | [`docs`] | the AGENTS.md files of a folder, as one text |
//! | [`set`] | the skills that a folder sees |
//! | [`told`] | what the model is told of them |
//! | `front_matter` | the head of a skill's file |
//!
//! Files are read and nothing is written.

pub mod docs;
mod files;
mod front_matter;
pub mod set;
pub mod told;

pub use docs::{DocsRequest, ProjectDocs, project_docs};
pub use set::{Skill, SkillSet, SkillsRequest, skills};

#[cfg(test)]
mod set_tests;
