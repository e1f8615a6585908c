//! Samples as a markdown table.

use super::Program;
use super::measures::{Measure, Unit};

/// Middle and near-worst of each program, the aim, and how many times more the second program needs.
pub fn render(programs: &[Program], measures: &[Measure]) -> String {
    let mut text = String::new();
    for program in programs {
        text.push_str(&format!("{} is `{}`. ", program.label, program.path.display()));
    }
    text.push_str("Figures are p50 (p99).\n\n| measure | aim |");
    text.extend(programs.iter().map(|program| format!(" {} |", program.label)));
    text.push_str(if programs.len() == 2 {
        " ratio |\n| --- | --- | --- | --- | --- |\n"
    } else {
        "\n| --- | --- | --- |\n"
    });
    for measure in measures {
        text.push_str(&row(measure));
    }
    text
}

fn row(measure: &Measure) -> String {
    let unit = match measure.unit {
        Unit::Milliseconds => ", ms",
        Unit::Megabytes => ", MB",
        Unit::Kilobytes => ", KB",
        Unit::Percent => ", %",
        Unit::Count => "",
    };
    let mut row = format!("| {}{unit} | {} |", measure.name, measure.aim.unwrap_or(""));
    let mut middles = Vec::new();
    for samples in &measure.samples {
        let mut samples = samples.clone();
        let (middle, worst) = (percentile(&mut samples, 50), percentile(&mut samples, 99));
        middles.push(middle);
        row.push_str(&match samples.len() {
            0 => " not measured |".to_owned(),
            1 => format!(" {middle:.1} |"),
            _ => format!(" {middle:.2} ({worst:.2}) |"),
        });
    }
    if let [own, other] = middles[..]
        && measure.samples.iter().all(|samples| !samples.is_empty())
        && own > 0.0
    {
        row.push_str(&format!(" {:.1} |", other / own));
    } else if middles.len() == 2 {
        row.push_str("  |");
    }
    row.push('\n');
    row
}

/// The smallest sample that at least `percent` of all do not exceed; 0 without samples.
pub fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() * percent).div_ceil(100).max(1);
    samples.get(rank - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_middle_worst_and_ratio() {
        let program = |label| Program {
            label,
            path: format!("/bin/{label}").into(),
        };
        let measures = [
            Measure {
                name: "start".into(),
                unit: Unit::Milliseconds,
                aim: Some("40"),
                samples: vec![vec![3.0, 1.0, 2.0], vec![8.0, 6.0, 4.0]],
            },
            Measure {
                name: "size".into(),
                unit: Unit::Megabytes,
                aim: None,
                samples: vec![vec![10.0], vec![300.0]],
            },
            Measure {
                name: "what only one has".into(),
                unit: Unit::Milliseconds,
                aim: None,
                samples: vec![vec![1.0, 1.0], vec![]],
            },
        ];

        insta::assert_snapshot!(render(&[program("a"), program("b")], &measures), @r"
        a is `/bin/a`. b is `/bin/b`. Figures are p50 (p99).

        | measure | aim | a | b | ratio |
        | --- | --- | --- | --- | --- |
        | start, ms | 40 | 2.00 (3.00) | 6.00 (8.00) | 3.0 |
        | size, MB |  | 10.0 | 300.0 | 30.0 |
        | what only one has, ms |  | 1.00 (1.00) | not measured |  |
        ");
    }
}
