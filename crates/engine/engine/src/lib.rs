//! Threads and turns: one task per thread, a pure step, effects.
