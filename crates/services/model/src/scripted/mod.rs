//! The scripted provider: answers from a JSONL file, played through the same events as a real model's.

pub mod demo;
