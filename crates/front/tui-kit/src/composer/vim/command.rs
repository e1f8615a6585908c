//! Keys of the normal mode as commands. Pure: the keys so far in, a command or the wish for more keys out.

use super::text::{CharSearch, Motion, Object, Word};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Delete,
    Change,
    Yank,
}

/// What an operator works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    Motion(Motion),
    Object {
        object: Object,
        around: bool,
    },
    /// The operator's letter twice.
    Lines,
    /// A search that is still to be typed.
    Search {
        forward: bool,
    },
}

/// Where an insertion begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    Before,
    After,
    LineStart,
    LineEnd,
    LineBelow,
    LineAbove,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Move(Motion),
    Operate(Operator, Over),
    Insert(Insertion),
    Overwrite,
    ReplaceChar(char),
    ToggleCase,
    Join,
    Put {
        before: bool,
    },
    Undo,
    Redo,
    Repeat,
    Search {
        forward: bool,
    },
    /// The last search once more, or the other way round.
    SearchAgain {
        reversed: bool,
    },
    CharAgain {
        reversed: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub count: Option<usize>,
    pub verb: Verb,
}

/// More than this is a slip of the fingers.
const COUNT_MAX: usize = 10_000;

pub fn parse(keys: &[char]) -> Step<Command> {
    let (first, keys) = count(keys);
    let Some((key, rest)) = keys.split_first() else {
        return Step::More;
    };
    let operator = match key {
        'd' => Some(Operator::Delete),
        'c' => Some(Operator::Change),
        'y' => Some(Operator::Yank),
        _ => None,
    };
    let Some(operator) = operator else {
        return verb(*key, rest, first).map(|verb| Command { count: first, verb });
    };
    let (second, rest) = count(rest);
    let total = match (first, second) {
        (None, None) => None,
        (one, other) => Some((one.unwrap_or(1) * other.unwrap_or(1)).min(COUNT_MAX)),
    };
    let Some((object, rest)) = rest.split_first() else {
        return Step::More;
    };
    let over = match object {
        same if same == key => Step::Done(Over::Lines),
        'i' | 'a' => text_object(rest).map(|found| Over::Object {
            object: found,
            around: *object == 'a',
        }),
        '/' | '?' => Step::Done(Over::Search { forward: *object == '/' }),
        _ => motion(*object, rest, total).map(Over::Motion),
    };
    over.map(|over| Command {
        count: total,
        verb: Verb::Operate(operator, over),
    })
}

/// What the next key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    Command,
    /// What an operator works on.
    Motion,
    Object,
    /// Any character stands for itself.
    Character,
}

pub fn awaits(keys: &[char]) -> Awaits {
    let (_, keys) = count(keys);
    let operator = keys.first().filter(|key| matches!(key, 'd' | 'c' | 'y'));
    let rest = if operator.is_some() { count(&keys[1..]).1 } else { keys };
    match (operator, rest.first()) {
        (None, None) => Awaits::Command,
        (Some(_), None) => Awaits::Motion,
        (Some(_), Some('i' | 'a')) => Awaits::Object,
        (_, Some(_)) => Awaits::Character,
    }
}

/// What keys come to so far.
pub enum Step<T> {
    /// More of them are needed.
    More,
    Nothing,
    Done(T),
}

impl<T> Step<T> {
    fn map<U>(self, with: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::More => Step::More,
            Self::Nothing => Step::Nothing,
            Self::Done(value) => Step::Done(with(value)),
        }
    }
}

/// A count and the keys behind it. A zero in front is a motion.
fn count(keys: &[char]) -> (Option<usize>, &[char]) {
    let digits = if keys.first() == Some(&'0') {
        0
    } else {
        keys.iter().take_while(|key| key.is_ascii_digit()).count()
    };
    let number = keys[..digits].iter().filter_map(|key| key.to_digit(10));
    let value = number.fold(0_usize, |value, digit| (value * 10 + digit as usize).min(COUNT_MAX));
    ((digits > 0).then_some(value), &keys[digits..])
}

fn verb(key: char, rest: &[char], count: Option<usize>) -> Step<Verb> {
    let operate = |operator, motion| Verb::Operate(operator, Over::Motion(motion));
    Step::Done(match key {
        'i' => Verb::Insert(Insertion::Before),
        'a' => Verb::Insert(Insertion::After),
        'I' => Verb::Insert(Insertion::LineStart),
        'A' => Verb::Insert(Insertion::LineEnd),
        'o' => Verb::Insert(Insertion::LineBelow),
        'O' => Verb::Insert(Insertion::LineAbove),
        'R' => Verb::Overwrite,
        'r' => match rest.first() {
            None => return Step::More,
            Some(with) => Verb::ReplaceChar(*with),
        },
        'x' => operate(Operator::Delete, Motion::Right),
        'X' => operate(Operator::Delete, Motion::Left),
        's' => operate(Operator::Change, Motion::Right),
        'D' => operate(Operator::Delete, Motion::LineEnd),
        'C' => operate(Operator::Change, Motion::LineEnd),
        'S' => Verb::Operate(Operator::Change, Over::Lines),
        'Y' => Verb::Operate(Operator::Yank, Over::Lines),
        '~' => Verb::ToggleCase,
        'J' => Verb::Join,
        'p' => Verb::Put { before: false },
        'P' => Verb::Put { before: true },
        'u' => Verb::Undo,
        '.' => Verb::Repeat,
        '/' => Verb::Search { forward: true },
        '?' => Verb::Search { forward: false },
        'n' => Verb::SearchAgain { reversed: false },
        'N' => Verb::SearchAgain { reversed: true },
        ';' => Verb::CharAgain { reversed: false },
        ',' => Verb::CharAgain { reversed: true },
        _ => return motion(key, rest, count).map(Verb::Move),
    })
}

fn motion(key: char, rest: &[char], count: Option<usize>) -> Step<Motion> {
    Step::Done(match key {
        'h' | '\x08' => Motion::Left,
        'l' | ' ' => Motion::Right,
        'j' => Motion::Down,
        'k' => Motion::Up,
        'w' => Motion::WordStart(Word::Small),
        'W' => Motion::WordStart(Word::Big),
        'b' => Motion::WordBack(Word::Small),
        'B' => Motion::WordBack(Word::Big),
        'e' => Motion::WordEnd(Word::Small),
        'E' => Motion::WordEnd(Word::Big),
        '0' => Motion::LineStart,
        '^' | '_' => Motion::FirstOfLine,
        '$' => Motion::LineEnd,
        'G' => Motion::Line { number: count, last: true },
        'g' => match rest.first() {
            None => return Step::More,
            Some('g') => Motion::Line {
                number: count,
                last: false,
            },
            Some(_) => return Step::Nothing,
        },
        'f' | 'F' | 't' | 'T' => match rest.first() {
            None => return Step::More,
            Some(wanted) => Motion::Char(CharSearch {
                wanted: *wanted,
                forward: key.is_lowercase(),
                till: key.eq_ignore_ascii_case(&'t'),
            }),
        },
        '%' => Motion::Pair,
        '{' => Motion::ParagraphBack,
        '}' => Motion::ParagraphForward,
        _ => return Step::Nothing,
    })
}

fn text_object(rest: &[char]) -> Step<Object> {
    Step::Done(match rest.first() {
        None => return Step::More,
        Some('w') => Object::Word(Word::Small),
        Some('W') => Object::Word(Word::Big),
        Some(quote @ ('"' | '\'' | '`')) => Object::Quotes(*quote),
        Some('(' | ')' | 'b') => Object::Brackets('('),
        Some('[' | ']') => Object::Brackets('['),
        Some('{' | '}' | 'B') => Object::Brackets('{'),
        Some('<' | '>') => Object::Brackets('<'),
        Some(_) => return Step::Nothing,
    })
}
