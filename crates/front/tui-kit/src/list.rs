//! A list to choose from: filter, selection and rows.
//!
//! The state is changed by [`Move`]s and by the query; [`List::rows`] draws as many items around the selected one as there is room for.

use crate::cells::{self, Piece};
use crate::fuzzy;
use crate::sanitize;
use crate::theme::{Role, Theme};
use crate::wrap::Wrap;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    pub name: String,
    /// Stands in a second column.
    pub detail: String,
    /// Found by, beside its name.
    pub keywords: String,
    /// The key that chooses it at once.
    pub key: Option<String>,
    /// What is in force now.
    pub current: bool,
    /// Why it cannot be chosen.
    pub disabled: Option<String>,
}

impl Item {
    pub fn new(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            detail: detail.into(),
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

/// How a list is drawn.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub width: usize,
    /// Rows in all.
    pub rows: usize,
    /// Numbers before the first nine items, which choose them.
    pub numbered: bool,
    /// Whether long names take several rows instead of being cut.
    pub wrapped: bool,
}

#[derive(Debug, Clone, Default)]
pub struct List {
    items: Vec<Item>,
    query: String,
    /// Items that match, the best first, with the characters of the name that do.
    shown: Vec<(usize, Vec<usize>)>,
    /// Of `shown`.
    selected: usize,
}

impl List {
    /// With the current item selected, or the first one.
    pub fn new(items: Vec<Item>) -> Self {
        let mut list = Self { items, ..Self::default() };
        list.filter();
        list.selected = list.shown.iter().position(|(at, _)| list.items[*at].current).unwrap_or(0);
        list
    }

    /// Other items for the same query. The selection stays on the item of the same name, if there is one.
    pub fn set_items(&mut self, items: Vec<Item>) {
        let name = self.selected().map(|at| self.items[at].name.clone());
        self.items = items;
        self.filter();
        let same = self.shown.iter().position(|(at, _)| Some(&self.items[*at].name) == name.as_ref());
        self.selected = same.unwrap_or(self.selected.min(self.shown.len().saturating_sub(1)));
    }

    /// Shows what matches; the best match is selected.
    pub fn set_query(&mut self, query: &str) {
        if self.query != query {
            query.clone_into(&mut self.query);
            self.filter();
            self.selected = 0;
        }
    }

    pub fn query(&self) -> &str {
        &self.query
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many items match.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The number of the selected item in [`Self::items`].
    pub fn selected(&self) -> Option<usize> {
        self.shown.get(self.selected).map(|(at, _)| *at)
    }

    /// The selected item, if it can be chosen.
    pub fn chosen(&self) -> Option<usize> {
        self.selected().filter(|at| self.items[*at].disabled.is_none())
    }

    /// Selects by the number that is shown before an item, from 1; what that item is.
    pub fn select_number(&mut self, number: usize) -> Option<usize> {
        let at = number.checked_sub(1).filter(|at| *at < self.shown.len())?;
        self.selected = at;
        self.chosen()
    }

    /// Selects by the key of an item.
    pub fn select_key(&mut self, key: &str) -> Option<usize> {
        let at = self.shown.iter().position(|(at, _)| self.items[*at].key.as_deref() == Some(key))?;
        self.selected = at;
        self.chosen()
    }

    /// Up and down go round. A page has as many items as `page` says.
    pub fn apply(&mut self, motion: Move, page: usize) {
        let Some(last) = self.shown.len().checked_sub(1) else { return };
        self.selected = match motion {
            Move::Up => self.selected.checked_sub(1).unwrap_or(last),
            Move::Down if self.selected == last => 0,
            Move::Down => self.selected + 1,
            Move::PageUp => self.selected.saturating_sub(page.max(1)),
            Move::PageDown => self.selected.saturating_add(page.max(1)).min(last),
            Move::Top => 0,
            Move::Bottom => last,
        };
    }

    fn filter(&mut self) {
        let matches = self.items.iter().enumerate().filter_map(|(at, item)| {
            let name = fuzzy::find(&self.query, &item.name);
            let found = name.map(|found| (found.score, found.positions));
            // A match in what is not shown counts less than any in the name.
            let found = found.or_else(|| {
                fuzzy::find(&self.query, &format!("{} {}", item.name, item.keywords)).map(|found| (found.score - 1000, Vec::new()))
            });
            found.map(|(score, positions)| (score, at, positions))
        });
        let mut matches: Vec<_> = matches.collect();
        matches.sort_by_key(|(score, at, _)| (-score, *at));
        self.shown = matches.into_iter().map(|(_, at, positions)| (at, positions)).collect();
    }

    /// As many items as fit, among them the selected one.
    pub fn rows(&self, view: View, theme: &Theme) -> Vec<Line<'static>> {
        if self.shown.is_empty() {
            return Vec::new();
        }
        // Around the selected one, a third of the room above it.
        let first = self
            .selected
            .saturating_sub(view.rows / 3)
            .min(self.shown.len().saturating_sub(view.rows));
        let around = &self.shown[first..self.shown.len().min(first + view.rows.max(1))];
        let names = around.iter().map(|(at, _)| cells::width(&label(&self.items[*at])));
        let names = names.max().unwrap_or(0).min(view.width / 2);
        let draw = |at: usize| self.item(at, names, view, theme);
        let mut blocks: Vec<Vec<Line<'static>>> = (first..=self.selected).map(draw).collect();
        let height = |blocks: &[Vec<Line<'static>>]| blocks.iter().map(Vec::len).sum::<usize>();
        while blocks.len() > 1 && height(&blocks) > view.rows {
            blocks.remove(0);
        }
        for at in self.selected + 1..self.shown.len() {
            let block = draw(at);
            if height(&blocks) + block.len() > view.rows {
                break;
            }
            blocks.push(block);
        }
        blocks.into_iter().flatten().take(view.rows).collect()
    }

    fn item(&self, at: usize, names: usize, view: View, theme: &Theme) -> Vec<Line<'static>> {
        let (index, positions) = &self.shown[at];
        let item = &self.items[*index];
        let selected = at == self.selected;
        let chosen = theme.glyphs.chosen;
        let mark = if selected {
            format!("{chosen} ")
        } else {
            " ".repeat(cells::width(chosen) + 1)
        };
        let number = if view.numbered && at < 9 {
            format!("{}. ", at + 1)
        } else if view.numbered {
            "   ".to_owned()
        } else {
            String::new()
        };
        let style = match (selected, &item.disabled) {
            (true, _) => theme.style(Role::Selection),
            (false, Some(_)) => theme.style(Role::Dim),
            (false, None) => theme.style(Role::Text),
        };
        let dim = theme.style(Role::Dim);
        let hit = style.patch(theme.style(Role::Match));
        let mut name = name_pieces(&label(item), positions, style, hit);
        let indent = cells::width(&mark) + number.len();
        let detail = sanitize::label(item.disabled.as_ref().unwrap_or(&item.detail));
        let key = item
            .key
            .as_ref()
            .map(|key| format!(" ({})", sanitize::label(key)))
            .unwrap_or_default();
        let first = Line::from(vec![Span::styled(mark, theme.style(Role::Accent)), Span::styled(number, style)]);
        if view.wrapped {
            name.push(Piece::new(key, dim));
            if !detail.is_empty() {
                name.push(Piece::new(format!("  {detail}"), dim));
            }
            let wrap = Wrap::to(view.width).indent(first, " ".repeat(indent));
            return wrap.pieces(name).into_iter().map(|row| row.line).collect();
        }
        let mut spans = first.spans;
        spans.extend(name.into_iter().map(|piece| Span::styled(piece.text.into_owned(), piece.style)));
        spans.push(Span::styled(key, dim));
        let taken = cells::line_width(&Line::from(spans.clone()));
        if !detail.is_empty() {
            let gap = (indent + names + 2).saturating_sub(taken).max(2);
            spans.push(Span::raw(" ".repeat(gap)));
            spans.push(Span::styled(detail, dim));
        }
        vec![cells::truncate_line(&Line::from(spans), view.width)]
    }
}

fn label(item: &Item) -> String {
    sanitize::label(&item.name)
}

/// The name with the matching characters in another style. The positions are those of the raw name, which is the same unless it held
/// something that cannot be shown.
fn name_pieces(name: &str, positions: &[usize], style: Style, hit: Style) -> Vec<Piece<'static>> {
    let mut pieces: Vec<Piece<'static>> = Vec::new();
    let mut characters = 0;
    for grapheme in name.graphemes(true) {
        let count = grapheme.chars().count();
        let matches = (characters..characters + count).any(|at| positions.binary_search(&at).is_ok());
        characters += count;
        let style = if matches { hit } else { style };
        match pieces.last_mut().filter(|last| last.style == style) {
            Some(last) => last.text.to_mut().push_str(grapheme),
            None => pieces.push(Piece::new(grapheme.to_owned(), style)),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Background, ColorDepth};
    use proptest::prelude::*;

    fn theme() -> Theme {
        Theme::default_for(Background::Dark, ColorDepth::TrueColor)
    }

    const VIEW: View = View {
        width: 40,
        rows: 4,
        numbered: false,
        wrapped: false,
    };

    fn commands() -> List {
        let items = [
            ("/model", "choose the model"),
            ("/compact", "summarise"),
            ("/status", "what is going on, and what was used so far"),
            ("/stop", "end terminals"),
            ("/resume", ""),
            ("/quit", "leave"),
        ];
        List::new(items.map(|(name, detail)| Item::new(name, detail)).to_vec())
    }

    fn shown(list: &List, view: View) -> String {
        let plain = |line: &Line<'_>| line.spans.iter().map(|span| span.content.as_ref()).collect::<String>();
        list.rows(view, &theme()).iter().map(plain).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn details_stand_in_a_column_and_the_selected_row_is_seen() {
        let mut list = commands();
        let first = shown(&list, VIEW);
        list.apply(Move::Up, 4);
        let last = shown(&list, VIEW);
        list.apply(Move::PageUp, 2);
        let middle = shown(&list, View { numbered: true, ..VIEW });

        insta::assert_snapshot!([first, last, middle].join("\n--\n"), @"
        › /model    choose the model
          /compact  summarise
          /status   what is going on, and what …
          /stop     end terminals
        --
          /status  what is going on, and what w…
          /stop    end terminals
          /resume
        › /quit    leave
        --
          3. /status  what is going on, and wha…
        › 4. /stop    end terminals
          5. /resume
          6. /quit    leave
        ");
    }

    #[test]
    fn a_query_filters_and_selects_the_best() {
        let mut list = commands();
        list.set_query("st");

        assert_eq!(shown(&list, VIEW).lines().next(), Some("› /status  what is going on, and what w…"));
        assert_eq!(list.len(), 2);
        list.set_query("zzz");
        assert!(list.is_empty() && list.rows(VIEW, &theme()).is_empty() && list.chosen().is_none());
        list.apply(Move::Down, 1);
        list.set_query("");
        assert_eq!(list.len(), 6);
    }

    #[test]
    fn what_is_not_shown_is_found_last() {
        let item = |name: &str, keywords: &str| Item {
            keywords: keywords.to_owned(),
            ..Item::new(name, "")
        };
        let mut list = List::new(vec![item("exit", "quit leave"), item("quiet", "")]);
        list.set_query("qui");

        let order: Vec<&str> = list.shown.iter().map(|(at, _)| list.items[*at].name.as_str()).collect();
        assert_eq!(order, ["quiet", "exit"]);
    }

    #[test]
    fn keys_and_numbers_choose_unless_it_cannot_be_chosen() {
        let mut items = vec![Item::new("Yes", ""), Item::new("Always", ""), Item::new("No", "")];
        items[0].key = Some("y".to_owned());
        items[1].disabled = Some("closed by your administrator".to_owned());
        items[2].key = Some("esc".to_owned());
        items[2].current = true;
        let mut list = List::new(items);

        assert_eq!(list.selected(), Some(2));
        assert_eq!(list.select_key("y"), Some(0));
        assert_eq!(list.select_key("x"), None);
        assert_eq!(list.select_number(2), None);
        assert_eq!((list.selected(), list.chosen()), (Some(1), None));
        assert_eq!(list.select_number(0), None);
        insta::assert_snapshot!(shown(&list, View { numbered: true, ..VIEW }), @"
          1. Yes (y)
        › 2. Always  closed by your administrat…
          3. No (esc)
        ");
    }

    #[test]
    fn long_names_take_several_rows_where_they_may() {
        let list = List::new(vec![
            Item::new("Yes, and do not ask again for commands that start with this", ""),
            Item::new("No", ""),
        ]);

        insta::assert_snapshot!(shown(&list, View { wrapped: true, numbered: true, width: 30, ..VIEW }), @"
        › 1. Yes, and do not ask again
             for commands that start
             with this
          2. No
        ");
    }

    #[test]
    fn the_selection_stays_on_its_item() {
        let mut list = commands();
        list.apply(Move::Bottom, 1);
        list.set_items(vec![Item::new("/quit", ""), Item::new("/new", "")]);

        assert_eq!(list.selected(), Some(0));
    }

    proptest! {
        #[test]
        fn the_selected_item_is_always_among_the_rows(count in 1_usize..30, moves in proptest::collection::vec(0_usize..6, 0..20), rows in 1_usize..10, width in 6_usize..40, wrapped: bool) {
            let mut list = List::new((0..count).map(|at| Item::new(format!("<{at}>"), "x ".repeat(at))).collect());
            for motion in moves {
                let motion = [Move::Up, Move::Down, Move::PageUp, Move::PageDown, Move::Top, Move::Bottom][motion];
                list.apply(motion, rows);
            }
            let view = View { rows, width, wrapped, numbered: false };
            let shown = shown(&list, view);

            prop_assert!(shown.lines().count() <= rows);
            let row = format!("› <{}>", list.selected().unwrap());
            prop_assert!(shown.lines().any(|line| line.starts_with(&row) || row.starts_with(line.trim_end_matches('…'))), "{row:?} in {shown:?}");
            prop_assert!(shown.lines().all(|line| cells::width(line) <= width));
        }
    }
}
