//! Headless run: human and JSONL output.
