//! Time zones by name, without a look at all the others.
//!
//! The library's own search reads every folder of the system's database before it answers, which is a part of a short start that shows. One
//! file is enough for one zone.

use crate::os;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// Where systems keep their zones, one file each (tzfile(5)).
const DATABASE: &str = "/usr/share/zoneinfo";
/// The largest file of a zone has a few kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The name of the zone that the process is in (`Europe/Berlin`), `UTC` where none can be told.
///
/// `tz` is the variable `TZ`, which counts more than what the system is set to.
pub fn system_name(tz: Option<&str>) -> String {
    let zone = match tz.map(|tz| tz.trim_start_matches(':')) {
        Some(tz) => {
            let name = name_in(Path::new(tz)).unwrap_or(tz);
            if file_of(name).is_some_and(|file| file.is_file()) {
                return name.to_owned();
            }
            // The library would read whatever file the variable names, also one without an end.
            TimeZone::get(name).ok()
        }
        None => match std::fs::read_link("/etc/localtime").ok().as_deref().and_then(name_in) {
            Some(name) => return name.to_owned(),
            None => Some(TimeZone::system()),
        },
    };
    zone.as_ref().and_then(TimeZone::iana_name).unwrap_or("UTC").to_owned()
}

/// The zone of that name; an unknown one counts as UTC.
pub fn named(name: &str) -> TimeZone {
    let data = file_of(name).and_then(|file| os::read_regular(&file, FILE_BYTES_MAX).ok());
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
        assert_eq!(system_name(Some("asia/tokyo")), "Asia/Tokyo");
        assert_eq!(system_name(Some(":/usr/share/zoneinfo/Asia/Tokyo")), "Asia/Tokyo");
    }

    #[cfg(unix)]
    #[test]
    fn no_file_that_the_variable_leads_to_is_read() {
        let pipe = std::env::temp_dir().join(format!("codex-zone-{}", uuid::Uuid::new_v4()));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        for tz in [
            pipe.to_str().unwrap(),
            "/dev/null",
            "../../../../../dev/null",
            "/zoneinfo/../../../dev/null",
            "",
            "X1",
        ] {
            assert_eq!(system_name(Some(tz)), "UTC", "{tz:?}");
        }
        std::fs::remove_file(&pipe).unwrap();
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
