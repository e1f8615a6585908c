//! One record to one line and back.
