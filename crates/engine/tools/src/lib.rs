//! The tools a model may call: specs, argument parsing, handlers.
