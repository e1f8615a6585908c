use super::*;
use proptest::prelude::*;

/// A key of the tests: a character as it is; `⎋` is Esc, `⏎` Enter, `⌫` Backspace, `®` Ctrl-R.
fn key(c: char) -> Key {
    match c {
        '⎋' => Key::plain(Code::Escape),
        '⏎' => Key::plain(Code::Enter),
        '⌫' => Key::plain(Code::Backspace),
        '®' => Key::ctrl('r'),
        c => Key::plain(Code::Char(c)),
    }
}

/// Does what the owner of the keys does with what Vim leaves to it.
fn press(vim: &mut Vim, editor: &mut Editor, key: Key) {
    match vim.press(editor, key) {
        Reply::Done => {}
        Reply::Edit(edit) => {
            editor.apply(edit);
        }
        Reply::NotMine if vim.mode() == Mode::Insert => match key.code {
            Code::Char(c) => editor.insert(&c.to_string()),
            Code::Enter => editor.insert("\n"),
            Code::Backspace => {
                editor.apply(Edit::DeleteBackward);
            }
            _ => {}
        },
        Reply::NotMine => {}
    }
}

fn start(text: &str) -> (Vim, Editor) {
    let mut editor = Editor::default();
    editor.insert_paste(&text.replace('|', ""));
    editor.set_cursor(text.find('|').unwrap_or(0));
    // From insert mode to normal mode without moving.
    let vim = Vim {
        mode: Mode::Normal,
        ..Vim::default()
    };
    (vim, editor)
}

fn shown(editor: &Editor) -> String {
    let (before, after) = editor.text().split_at(editor.cursor());
    format!("{before}|{after}")
}

/// The text after these keys, with `|` before the cursor.
fn after(text: &str, keys: &str) -> String {
    let (mut vim, mut editor) = start(text);
    keys.chars().for_each(|c| press(&mut vim, &mut editor, key(c)));
    shown(&editor)
}

fn check(text: &str, keys: &str, expect: &str) {
    assert_eq!(after(text, keys), expect, "{keys:?} in {text:?}");
}

#[test]
fn motions_move_as_in_vim() {
    check("|one two", "w", "one |two");
    check("|one.two three", "ww", "one.|two three");
    check("|one.two three", "W", "one.two |three");
    check("|one two", "e", "on|e two");
    check("on|e two", "e", "one tw|o");
    check("one tw|o", "b", "one |two");
    check("one |two", "bb", "|one two");
    check("|a\n\nb", "w", "a\n|\nb");
    check("a\n|\nb", "w", "a\n\n|b");
    check("a\n\n|b", "b", "a\n|\nb");
    check("  one| two", "0", "|  one two");
    check("  one| two", "^", "  |one two");
    check("|one two\nx", "$", "one tw|o\nx");
    check("|one", "lllll", "on|e");
    check("one|", "h", "on|e");
    check("|a\nb\nc", "G", "a\nb\n|c");
    check("a\nb\n|c", "gg", "|a\nb\nc");
    check("|a\nb\nc", "2G", "a\n|b\nc");
    check("|abcabc", "fc", "ab|cabc");
    check("|abcabc", "2fc", "abcab|c");
    check("|abcabc", "tc", "a|bcabc");
    check("abcab|c", "Fa", "abc|abc");
    check("abcab|c", "Tb", "abcab|c");
    check("|abcabc", "fc;", "abcab|c");
    check("|abcabc", "fc;,", "ab|cabc");
    check("|x(a[b]c)y", "%", "x(a[b]c|)y");
    check("x(a[b]c|)y", "%", "x|(a[b]c)y");
    check("|a\nb\n\nc", "}", "a\nb\n|\nc");
    check("a\n\nb|", "{", "a\n|\nb");
    check("|a", "3w", "|a");
    check("|abc\nx\nabc", "lljj", "abc\nx\nab|c");
}

#[test]
fn operators_take_what_motions_pass() {
    check("|one two three", "dw", "|two three");
    check("|one two three", "2dw", "|three");
    check("|one two three", "d2w", "|three");
    check("one |two\nthree", "dw", "one| \nthree");
    check("one |two three", "de", "one | three");
    check("one two| three", "db", "one | three");
    check("one |two", "d$", "one| ");
    check("one |two", "D", "one| ");
    check("one |two", "d0", "|two");
    check("|a(b)c", "df(", "|b)c");
    check("|a(b)c", "dt)", "|)c");
    check("a|b\nc\nd", "dd", "|c\nd");
    check("a\nb\n|c", "dd", "a\n|b");
    check("|a\nb\nc", "2dd", "|c");
    check("|a\nb\nc", "dj", "|c");
    check("a\n|b\nc", "dk", "|c");
    check("a\n|b\nc", "dG", "|a");
    check("|one two", "cwx⎋", "|x two");
    check("|a b", "cwx⎋", "|x b");
    check("one |two", "ccx⎋", "|x");
    check("one |two", "Cx⎋", "one |x");
    check("|one", "sx⎋", "|xne");
    check("on|e", "x", "o|n");
    check("|one", "2x", "|e");
    check("on|e", "X", "o|e");
    check("|one\ntwo", "J", "one| two");
    check("|ab", "~~", "A|B");
    check("|abc", "2rx", "x|xc");
    check("|ab", "3rx", "|ab");
    check("|abc def", "d/d⏎", "|def");
    check("|(a (b) c)", "d%", "|");
}

#[test]
fn text_objects_are_taken_whole() {
    check("one t|wo three", "diw", "one | three");
    check("one t|wo three", "daw", "one |three");
    check("one tw|o", "daw", "on|e");
    check("a b|.c d", "diW", "a | d");
    check("f(a, (|b), c)", "di(", "f(a, (|), c)");
    check("f(a, |(b), c)", "da(", "f(a, |, c)");
    check("f(a,| (b), c)", "dib", "f(|)");
    check("x {\n a|\n}", "di{", "x {|}");
    check("a \"b| c\" d", "di\"", "a \"|\" d");
    check("a \"b| c\" d", "da\"", "a |d");
    check("|a 'b' c", "ci'x⎋", "a '|x' c");
    check("a `b|` c", "yi`P", "a `|bb` c");
    check("|a", "di(", "|a");
}

#[test]
fn what_was_taken_can_be_put() {
    check("|one two", "dwp", "tone| wo");
    check("|one two", "ywP", "one| one two");
    check("|a\nb", "ddp", "b\n|a");
    check("|a\nb", "yyp", "a\n|a\nb");
    check("a\n|b", "yyP", "a\n|b\nb");
    check("|a\nb", "yy2p", "a\n|a\na\nb");
    check("|ab", "xp", "b|a");
    check("|ab", "yl3p", "aaa|ab");
}

#[test]
fn insertions_begin_where_they_should() {
    check("a|b", "ix⎋", "a|xb");
    check("a|b", "ax⎋", "ab|x");
    check(" a|b", "Ix⎋", " |xab");
    check("|ab", "Ax⎋", "ab|x");
    check("|a\nb", "ox⎋", "a\n|x\nb");
    check("a\n|b", "Ox⎋", "a\n|x\nb");
    check("|a", "3ix⎋", "xx|xa");
    check("|a", "2oxy⎋", "a\nxy\nx|y");
    check("|abc", "Rxy⎋", "x|yc");
    check("|ab", "Rxyz⎋", "xy|z");
    check("|", "ix⎋", "|x");
}

#[test]
fn the_last_change_is_repeated() {
    check("|one two three", "dw.", "|three");
    check("|one two three", "dw2.", "|");
    check("|aaaa", "x..", "|a");
    check("|one two", "cwxy⎋w.", "xy x|y");
    check("|a\nb", "A;⎋j.", "a;\nb|;");
    check("|ac", "iab⎋", "a|bac");
    check("|ac\nac", "iab⎋j0.", "abac\na|bac");
    check("|abc abc", "Rax⎋w.", "axc a|xc");
    check("|a b c", "rxw.w.", "x x |x");
    check("|(a) (b)", "ci(x⎋f(.", "(x) (|x)");
    check("|a", ".", "|a");
}

#[test]
fn a_command_is_one_step_to_undo() {
    check("|one two", "dwu", "|one two");
    check("|one two", "cwa long text with words⎋u", "|one two");
    check("|one two", "dwdwuu", "|one two");
    check("|one two", "dwu®", "|two");
    check("|a", "Rxyz⎋u", "|a");
    check("|a\nb\nc", "3Ju", "|a\nb\nc");
    check("|a", "3ix⎋u®", "xx|xa");
}

#[test]
fn a_search_goes_round() {
    check("|ab cab ab", "/ab⏎", "ab c|ab ab");
    check("|ab cab ab", "/ab⏎nn", "|ab cab ab");
    check("|ab cab ab", "/ab⏎N", "|ab cab ab");
    check("|ab cab ab", "?ab⏎", "ab cab |ab");
    check("|ab AB", "/AB⏎", "ab |AB");
    check("|ab x", "/xy⌫⏎", "ab |x");
    check("|ab x", "/x⎋", "|ab x");
    check("|ab x", "/nothing⏎", "|ab x");
    check("|a b b", "/b⏎0/⏎", "a |b b");
}

#[test]
fn escape_is_left_to_others_only_when_nothing_is_open() {
    let (mut vim, mut editor) = start("|one");
    let escape = key('⎋');

    assert_eq!(vim.press(&mut editor, escape), Reply::NotMine);
    press(&mut vim, &mut editor, key('d'));
    assert_eq!(vim.pending(), "d");
    assert_eq!(vim.press(&mut editor, escape), Reply::Done);
    assert_eq!(vim.pending(), "");
    press(&mut vim, &mut editor, key('i'));
    assert_eq!((vim.mode(), vim.press(&mut editor, escape)), (Mode::Insert, Reply::Done));
    press(&mut vim, &mut editor, key('/'));
    press(&mut vim, &mut editor, key('o'));
    assert_eq!((vim.mode(), vim.search_prompt()), (Mode::Search, Some(('/', "o"))));
    assert_eq!((vim.press(&mut editor, escape), vim.mode()), (Reply::Done, Mode::Normal));
    assert_eq!(vim.press(&mut editor, key('⏎')), Reply::NotMine);
    assert_eq!(vim.press(&mut editor, key('j')), Reply::Edit(Edit::Move(composer::Motion::Down)));
}

#[test]
fn in_an_empty_field_slash_begins_a_command() {
    let (mut vim, mut editor) = start("");

    assert_eq!((vim.press(&mut editor, key('?')), vim.mode()), (Reply::NotMine, Mode::Normal));
    assert_eq!((vim.press(&mut editor, key('/')), vim.mode()), (Reply::NotMine, Mode::Insert));
}

#[test]
fn a_piece_is_one_character() {
    let (mut vim, mut editor) = start("a ");
    editor.set_cursor(2);
    editor.insert_piece("[Pasted Content]", "long".to_owned());
    editor.insert_paste(" b");
    editor.set_cursor(0);

    press(&mut vim, &mut editor, key('w'));
    assert_eq!(shown(&editor), "a |[Pasted Content] b");
    press(&mut vim, &mut editor, key('l'));
    assert_eq!(shown(&editor), "a [Pasted Content]| b");
    "hx".chars().for_each(|c| press(&mut vim, &mut editor, key(c)));
    assert_eq!(shown(&editor), "a | b");
    press(&mut vim, &mut editor, key('u'));
    assert_eq!(editor.expanded(), "a long b");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_keys_leave_a_text_with_a_cursor_in_it(
        text in "[ab(){}\"' .,\n漢é]{0,30}",
        keys in "[iaIAoORhjklwbeWBE0$^fFtTgGxXrsSDCYpPdcyu./?nNJ~%{}(\"12⎋⏎⌫® ]{0,40}",
    ) {
        let (mut vim, mut editor) = start(&text);
        editor.insert_piece("[P]", "piece".to_owned());
        for c in keys.chars() {
            press(&mut vim, &mut editor, key(c));

            prop_assert!(editor.text().is_char_boundary(editor.cursor()));
            prop_assert!(editor.pieces().iter().all(|piece| editor.text().get(piece.range.clone()) == Some("[P]")));
            prop_assert!(editor.pieces().iter().all(|piece| !(piece.range.start < editor.cursor() && editor.cursor() < piece.range.end)));
        }
    }

    #[test]
    fn everything_can_be_undone(text in "[ab(){}\"' .,\n]{0,30}", keys in "[iaIAoORhjklwbe0$xXrsSDCYpPdcyJ~.(⎋]{0,30}") {
        let (mut vim, mut editor) = start(&text);
        keys.chars().for_each(|c| press(&mut vim, &mut editor, key(c)));
        press(&mut vim, &mut editor, key('⎋'));
        press(&mut vim, &mut editor, key('⎋'));
        (0..keys.len() + 2).for_each(|_| press(&mut vim, &mut editor, key('u')));

        // The first step of all was the text itself.
        prop_assert!(editor.text().is_empty() || editor.text() == text, "{:?}", editor.text());
    }
}
