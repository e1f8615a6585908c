//! A server of a test's own: a port of 127.0.0.1, and a thread with a runtime that ends with it.

use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Stops, open connections included, when dropped.
pub(crate) struct Served {
    pub address: SocketAddr,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    pub fn start<F: Future<Output = ()>>(name: &str, accept: impl FnOnce(TcpListener) -> F + Send + 'static) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port on 127.0.0.1");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Dropping the runtime drops every connection.
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a non-blocking listener");
                stopped.run_until_cancelled(accept(listener)).await
            });
        });
        Self {
            address,
            stop,
            thread: Some(thread.expect("a thread")),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the server thread has been printed; a second one here would hide the test's own.
            let _ = thread.join();
        }
    }
}
