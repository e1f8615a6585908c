//! Configuration layers, trust, the origin of every value, and their resolution for one working directory.
