//! The tables of `docs/tui.md` are those of the code.

use crate::commands::{Argument, COMMANDS, When};
use crate::keymap::ROWS;

fn commands() -> String {
    let mut table = "| command | effect | when |\n| --- | --- | --- |\n".to_owned();
    for command in COMMANDS {
        let argument = match command.argument {
            Argument::None => String::new(),
            Argument::Optional(name) => format!(" [{name}]"),
        };
        let aliases: String = command.aliases.iter().map(|alias| format!(", `/{alias}`")).collect();
        let when = match command.when {
            When::Always => "always",
            When::Idle => "idle",
        };
        table += &format!("| `/{}{argument}`{aliases} | {} | {when} |\n", command.name, command.help);
    }
    table
}

fn keys() -> String {
    let mut table = "| where | action | keys |\n| --- | --- | --- |\n".to_owned();
    for row in ROWS {
        let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
        let place = row.context.name();
        table += &format!("| {place} | `{}` | {} |\n", row.name, keys.join(" "));
    }
    table
}

#[test]
fn the_guide_has_every_command_and_key() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/tui.md");
    let guide = std::fs::read_to_string(file).unwrap();
    for (name, table) in [("commands", commands()), ("keys", keys())] {
        let begin = format!("<!-- {name} -->\n");
        let from = guide.find(&begin).unwrap() + begin.len();
        let until = from + guide[from..].find("<!-- end -->").unwrap();
        assert!(guide[from..until] == table, "docs/tui.md: the table of {name} shall be\n{table}");
    }
}
