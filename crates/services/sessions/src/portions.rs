//! The same work for thousands of things, shared between several threads.

use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many things a thread takes at a time: a thread costs as much to start as some dozens of files to ask or lines to read.
const PORTION: usize = 256;

/// More than a start of the program should take of a machine.
const THREADS_MAX: usize = 4;

/// What `work` makes of the items, in their order. It gets some of them at a time, and answers with as many results.
pub fn map<T: Sync, R: Send + Sync>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let portions: Vec<&[T]> = items.chunks(PORTION).collect();
    let results: Vec<OnceLock<Vec<R>>> = portions.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take_portions = || {
        while let Some((portion, result)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            portions.get(at).zip(results.get(at))
        } {
            // Each portion is taken once.
            let _ = result.set(work(portion));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads(portions.len()) {
            // What a thread that cannot be started does not take is left to the others.
            let _ = std::thread::Builder::new().spawn_scoped(scope, take_portions);
        }
        take_portions();
    });
    results
        .into_iter()
        .flat_map(|result| result.into_inner().unwrap_or_default())
        .collect()
}

fn threads(portions: usize) -> usize {
    match portions {
        0 | 1 => 1,
        _ => std::thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(portions)
            .min(THREADS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for count in [0, 1, PORTION, PORTION + 1, 5 * PORTION + 7] {
            let items: Vec<usize> = (0..count).collect();
            let doubled = map(&items, |portion| portion.iter().map(|item| item * 2).collect());
            assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
