//! An HTTP proxy on 127.0.0.1: `CONNECT` and plain requests, every one of them led to the same server whatever host it names.

use crate::http;
use crate::served::Served;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

/// How the proxy behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyManner {
    Works,
    /// Answers every request with this status.
    Refuses(u16),
    /// Closes the connection instead of answering.
    Closes,
    /// Never answers.
    Stalls,
}

/// The proxy; it stops, open connections included, when dropped.
pub struct MockProxy {
    asked: Arc<Mutex<Vec<String>>>,
    served: Served,
}

impl MockProxy {
    /// In front of the server at `port` of 127.0.0.1.
    pub fn start(port: u16, manner: ProxyManner) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let for_thread = Arc::clone(&asked);
        let served = Served::start("mock-proxy", move |listener| async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, manner, Arc::clone(&for_thread)));
            }
        });
        Self { asked, served }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.served.address)
    }

    /// The first line of every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One connection; any error on the way ends it.
async fn serve(mut client: TcpStream, port: u16, manner: ProxyManner, asked: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head);
    let first = text.lines().next().unwrap_or_default().to_owned();
    let connect = first.starts_with("CONNECT ");
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(first);
    match manner {
        ProxyManner::Works => {}
        ProxyManner::Refuses(status) => {
            let answer = format!("HTTP/1.1 {status} {}\r\ncontent-length: 0\r\n\r\n", http::reason(status));
            client.write_all(answer.as_bytes()).await?;
            return client.shutdown().await;
        }
        ProxyManner::Closes => return Ok(()),
        ProxyManner::Stalls => return client.read_to_end(&mut Vec::new()).await.map(drop),
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    if connect {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        server.write_all(&head).await?;
    }
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
