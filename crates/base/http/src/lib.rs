//! The one place that opens a connection on our own behalf: client builder, TLS, proxies.
