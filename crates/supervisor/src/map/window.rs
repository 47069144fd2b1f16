//! How much of a run is under way at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many bytes of inputs and results are held at once. One input more may be on its way.
const BYTES: usize = 64 * 1024 * 1024;
/// How many inputs are read ahead for each worker: enough for one that takes many at once.
const INPUTS_A_WORKER: usize = 64;
const INPUTS_LEAST: usize = 256;
const INPUTS_MOST: usize = 8192;

#[derive(Debug, Default)]
struct Held {
    inputs: usize,
    bytes: usize,
    closed: bool,
}

/// What is under way: inputs that were read, and are not written with their results yet.
///
/// It is what makes memory flat, however long the list is and however slow who reads the results:
/// the thread that reads inputs waits here, and nobody else ever does.
#[derive(Debug)]
pub(super) struct Window {
    most: usize,
    held: Mutex<Held>,
    freed: Condvar,
}

impl Window {
    /// For so many workers.
    pub(super) fn new(workers: u32) -> Self {
        let workers = usize::try_from(workers).unwrap_or(usize::MAX);
        let most = workers.saturating_mul(INPUTS_A_WORKER).clamp(INPUTS_LEAST, INPUTS_MOST);
        Self { most, held: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits for room for one more input. Answers whether it is wanted.
    #[must_use]
    pub(super) fn open(&self, bytes: usize) -> bool {
        let full =
            |held: &mut Held| !held.closed && (held.inputs >= self.most || held.bytes >= BYTES);
        let mut held =
            self.freed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        held.inputs += 1;
        held.bytes = held.bytes.saturating_add(bytes);
        !held.closed
    }

    /// An input that is under way takes so much more.
    pub(super) fn grow(&self, bytes: usize) {
        let mut held = self.lock();
        held.bytes = held.bytes.saturating_add(bytes);
    }

    /// So many inputs are over, that took so much.
    pub(super) fn free(&self, inputs: usize, bytes: usize) {
        let mut held = self.lock();
        held.inputs = held.inputs.saturating_sub(inputs);
        held.bytes = held.bytes.saturating_sub(bytes);
        drop(held);
        self.freed.notify_all();
    }

    /// No more inputs are wanted.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.freed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A panic aborts the process; a poisoned lock cannot be met.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    /// How many inputs of `bytes` are let in before one has to wait.
    fn let_in(window: &Window, bytes: usize) -> usize {
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            scope.spawn(move || while window.open(bytes) && tell.send(()).is_ok() {});
            let mut many = 0;
            // Nothing tells that somebody waits but that nothing comes.
            while told.recv_timeout(Duration::from_millis(200)).is_ok() {
                many += 1;
            }
            window.close();
            many
        })
    }

    #[test]
    fn a_window_has_room_for_so_many_inputs() {
        assert_eq!(let_in(&Window::new(1), 1), INPUTS_LEAST);
        assert_eq!(let_in(&Window::new(8), 1), 512);
        assert_eq!(let_in(&Window::new(10_000), 1), INPUTS_MOST);
    }

    #[test]
    fn a_window_has_room_for_so_many_bytes_and_for_one_input_of_any_size() {
        assert_eq!(let_in(&Window::new(1), BYTES / 4), 4);
        assert_eq!(let_in(&Window::new(1), usize::MAX), 1);
    }

    #[test]
    fn results_take_room_until_they_are_written() {
        let window = Window::new(1);
        assert!(window.open(1));
        window.grow(BYTES);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| window.open(1));
            window.free(1, BYTES + 1);
            assert!(waiting.join().unwrap());
        });
    }
}
