//! Keeps the thread that reads keys from reading while the terminal is somebody else's.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a reader may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Somebody reads, or is about to.
    reading: bool,
}

impl Gate {
    /// Called before each read: waits while the gate is closed.
    pub fn pass(&self) {
        let mut state = self.lock();
        state.reading = false;
        self.changed.notify_all();
        while state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.reading = true;
    }

    /// The reader has ended.
    pub fn end(&self) {
        self.lock().reading = false;
        self.changed.notify_all();
    }

    /// Nobody reads from now on. `wake` brings a reader out of its wait for keys.
    pub fn close(&self, wake: impl FnOnce()) {
        self.lock().closed = true;
        wake();
        let state = self.lock();
        // A reader that cannot hand over what it has read reads nothing more, either.
        drop(self.changed.wait_timeout_while(state, STOP_LIMIT, |state| state.reading));
    }

    pub fn open(&self) {
        self.lock().closed = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;

    #[test]
    fn nothing_is_read_while_the_gate_is_closed() {
        let gate = Arc::new(Gate::default());
        // A key of the keyboard, or none: a wake.
        let (keyboard, keys) = mpsc::channel::<Option<char>>();
        let (program, read) = mpsc::channel();
        let reader = Arc::clone(&gate);
        let thread = std::thread::spawn(move || {
            loop {
                reader.pass();
                match keys.recv() {
                    Ok(Some(key)) => program.send(key).unwrap(),
                    Ok(None) => {}
                    Err(_) => return reader.end(),
                }
            }
        });

        keyboard.send(Some('a')).unwrap();
        assert_eq!(read.recv().unwrap(), 'a');
        gate.close(|| keyboard.send(None).unwrap());
        keyboard.send(Some('b')).unwrap();
        assert!(read.try_recv().is_err());
        gate.open();
        assert_eq!(read.recv().unwrap(), 'b');
        drop(keyboard);
        thread.join().unwrap();
    }
}
