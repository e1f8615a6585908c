//! How protocol messages travel: framing, correlation, transports, the typed client.
