//! Time zones by name, without a look at all the others.
//!
//! The library's own search reads every folder of the system's database before it answers, which is a part of a short start that shows. One
//! file is enough for one zone.

use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// Where systems keep their zones, one file each (tzfile(5)).
const DATABASE: &str = "/usr/share/zoneinfo";

/// The name of the zone that the process is in (`Europe/Berlin`), `UTC` where none can be told.
///
/// `tz` is the variable `TZ`, which counts more than what the system is set to.
pub fn system_name(tz: Option<&str>) -> String {
    let chosen = match tz {
        Some(tz) => Some(tz.trim_start_matches(':'))
            .filter(|name| file_of(name).is_some_and(|file| file.is_file()))
            .map(str::to_owned),
        None => std::fs::read_link("/etc/localtime")
            .ok()
            .and_then(|link| name_in(&link).map(str::to_owned)),
    };
    chosen.unwrap_or_else(|| TimeZone::system().iana_name().unwrap_or("UTC").to_owned())
}

/// The zone of that name; an unknown one counts as UTC.
pub fn named(name: &str) -> TimeZone {
    let data = file_of(name).and_then(|file| std::fs::read(file).ok());
    data.and_then(|data| TimeZone::tzif(name, &data).ok())
        .or_else(|| TimeZone::get(name).ok())
        .unwrap_or(TimeZone::UTC)
}

/// `None` for what is no name of a zone.
fn file_of(name: &str) -> Option<PathBuf> {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c));
    name.split('/').all(plain).then(|| Path::new(DATABASE).join(name))
}

/// What the link to the system's zone names: `/usr/share/zoneinfo/Europe/Berlin` is `Europe/Berlin`.
fn name_in(link: &Path) -> Option<&str> {
    let (_, name) = link.to_str()?.split_once("zoneinfo/")?;
    let name = name.strip_prefix("posix/").unwrap_or(name);
    (!name.is_empty() && !name.starts_with("right/") && !name.contains("..")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small systems come without one.
    fn has_database(test: &str) -> bool {
        let has = Path::new(DATABASE).join("Asia/Tokyo").is_file();
        if !has {
            eprintln!("cannot run here: {test} (there is no {DATABASE})");
        }
        has
    }

    #[test]
    fn a_zone_is_the_same_as_the_library_finds() {
        if !has_database("a zone is the same as the library finds") {
            return;
        }
        let summer: jiff::Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        for name in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"] {
            let theirs = TimeZone::get(name).unwrap();
            let (ours, theirs) = (summer.to_zoned(named(name)), summer.to_zoned(theirs));
            assert_eq!((ours.datetime(), ours.time_zone().iana_name()), (theirs.datetime(), Some(name)));
        }
    }

    #[test]
    fn a_name_that_is_none_is_utc_and_no_other_file() {
        for name in [
            "",
            "Mars/Olympus",
            "../../../etc/passwd",
            "/etc/localtime",
            "Europe//Berlin",
            "tzdata.zi",
        ] {
            assert_eq!(named(name), TimeZone::UTC, "{name:?}");
        }
    }

    #[test]
    fn the_variable_counts_more_than_the_system_s_setting() {
        if !has_database("the variable counts more than the system's setting") {
            return;
        }
        assert_eq!(system_name(Some("Asia/Tokyo")), "Asia/Tokyo");
        assert_eq!(system_name(Some(":Asia/Tokyo")), "Asia/Tokyo");
    }

    #[test]
    fn the_system_s_zone_is_what_its_link_names() {
        let links = [
            ("/usr/share/zoneinfo/Europe/Berlin", Some("Europe/Berlin")),
            ("../usr/share/zoneinfo/Etc/UTC", Some("Etc/UTC")),
            ("/var/db/timezone/zoneinfo/Asia/Tokyo", Some("Asia/Tokyo")),
            ("/usr/share/zoneinfo/posix/Asia/Tokyo", Some("Asia/Tokyo")),
            ("/usr/share/zoneinfo/right/Asia/Tokyo", None),
            ("/usr/share/zoneinfo/", None),
            ("/etc/my-zone", None),
        ];
        for (link, name) in links {
            assert_eq!(name_in(Path::new(link)), name, "{link}");
        }
    }
}
