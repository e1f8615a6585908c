//! Compressed journals.

use crate::sample::{THREAD, at, home, index, message, store};
use codex_base::AbsPath;
use codex_sessions::{Cut, Fork, Journal, Query, archive, delete, find, list, read, unarchive};
use pretty_assertions::assert_eq;
use proptest::prelude::*;

const PLAIN: &[u8] = include_bytes!("../fixtures/0.169.0-killed.jsonl");
const PACKED: &[u8] = include_bytes!("../fixtures/0.169.0-killed.jsonl.zst");

/// The packed file in the place of the plain one.
fn packed(home: &AbsPath, bytes: &[u8]) -> (AbsPath, AbsPath) {
    let plain = store(home, b"");
    std::fs::remove_file(&plain).unwrap();
    let name = plain.file_name().unwrap().to_str().unwrap().to_owned();
    let packed = plain.parent().unwrap().join(name + ".zst");
    std::fs::write(&packed, bytes).unwrap();
    (plain, packed)
}

#[test]
fn a_compressed_session_is_listed_read_forked_and_moved_as_it_is() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let whole = read(&store(&home, PLAIN)).unwrap();
    let (_, packed) = packed(&home, PACKED);

    assert_eq!(find(&home, THREAD).unwrap(), Some(packed.clone()));
    assert_eq!(read(&packed).unwrap(), whole);
    let listed = list(&home, &Query::default());
    assert_eq!((listed.len(), listed[0].preview.as_deref()), (1, Some("first prompt")));
    let fork = Fork::plan(&home, THREAD, &Cut::End).unwrap();
    assert_eq!(fork.source().id, THREAD);
    archive(&home, THREAD, &index(&home)).unwrap();
    assert!(!packed.exists());
    unarchive(&home, THREAD, &index(&home)).unwrap();
    assert!(packed.exists());
    delete(&home, THREAD, &index(&home)).unwrap();
    assert!(!packed.exists());
}

#[test]
fn a_compressed_session_is_unpacked_when_it_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let (plain, packed) = packed(&home, PACKED);

    let (mut journal, loaded) = Journal::resume(&home, THREAD).unwrap();
    journal.append(&[message("user", "more")], at(0)).unwrap();
    drop(journal);

    assert_eq!(loaded.problems, Vec::<String>::new());
    assert!(!packed.exists());
    assert!(std::fs::read(&plain).unwrap().starts_with(PLAIN));
    assert_eq!(read(&plain).unwrap().records.len(), loaded.records.len() + 1);
}

#[test]
fn of_both_the_plain_file_counts_and_both_are_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let (plain, packed) = packed(&home, PACKED);
    std::fs::write(&plain, PLAIN).unwrap();

    assert_eq!(find(&home, THREAD).unwrap(), Some(plain.clone()));
    assert_eq!(list(&home, &Query::default()).len(), 1);
    delete(&home, THREAD, &index(&home)).unwrap();
    assert!(!plain.exists() && !packed.exists());
}

#[test]
fn a_damaged_compressed_session_goes_on_with_what_can_be_read_and_the_rest_is_kept() {
    for cut in [0, 3, PACKED.len() / 2, PACKED.len() - 1] {
        let temp = tempfile::tempdir().unwrap();
        let home = home(&temp);
        let (plain, packed) = packed(&home, &PACKED[..cut]);

        let seen = read(&packed).unwrap();
        assert!(
            seen.problems.iter().any(|problem| problem.contains("damaged")),
            "{cut}: {:?}",
            seen.problems
        );
        let (mut journal, resumed) = Journal::resume(&home, THREAD).unwrap();
        journal.append(&[message("user", "more")], at(0)).unwrap();

        assert!(
            resumed.problems.iter().any(|problem| problem.ends_with(".jsonl.zst.damaged")),
            "{cut}: {:?}",
            resumed.problems
        );
        assert!(plain.exists() && !packed.exists(), "{cut}");
        assert_eq!(std::fs::read(packed.with_extension("zst.damaged")).unwrap(), PACKED[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flipped_byte_of_a_compressed_session_is_too_strange(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = PACKED.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let temp = tempfile::tempdir().unwrap();
        let (_, packed) = packed(&home(&temp), &bytes);

        drop(read(&packed).unwrap());
        drop(list(&home(&temp), &Query::default()));
    }
}
