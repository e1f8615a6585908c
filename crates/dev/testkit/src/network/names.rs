//! A name server on 127.0.0.1:53 that keeps what it was asked.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Stops when dropped.
pub struct NameServer {
    asked: Arc<Mutex<Vec<String>>>,
    socket: UdpSocket,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl NameServer {
    /// It hears every question and never answers.
    pub fn silent() -> Self {
        Self::start(|_| None)
    }

    /// It answers every name with 127.0.0.1.
    pub fn helpful() -> Self {
        Self::start(answer)
    }

    fn start(answer: fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").expect("port 53 of a network of its own");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, ear) = (Arc::clone(&asked), socket.try_clone().expect("a second handle"));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((count, from)) = ear.recv_from(&mut buffer) {
                let Some((name, _)) = question(&buffer[..count]) else {
                    return;
                };
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                if let Some(answer) = answer(&buffer[..count]) {
                    // Whoever asked may have gone.
                    let _ = ear.send_to(&answer, from);
                }
            }
        });
        Self {
            asked,
            socket,
            thread: Some(thread),
        }
    }

    /// The names so far, each as often as it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // What is no question ends the thread.
        let _ = self.socket.set_write_timeout(Some(Duration::from_secs(1)));
        let _ = self.socket.send_to(b"end", "127.0.0.1:53");
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

/// The first name asked for, and where its question ends.
fn question(packet: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        let label = packet.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            return Some((labels.join("."), at + 4)).filter(|(_, end)| *end <= packet.len());
        }
        labels.push(String::from_utf8_lossy(label).into_owned());
    }
}

/// 127.0.0.1 for a question of type A, nothing for any other.
fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    let (_, end) = question(packet)?;
    let asks_for_a = packet[end - 4..end - 2] == [0, 1];
    let mut answer = packet[..2].to_vec();
    // A response, recursion available, no error; one question, perhaps one answer.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(asks_for_a), 0, 0, 0, 0]);
    answer.extend(&packet[12..end]);
    if asks_for_a {
        // The name of the question, type A, class IN, one minute, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
