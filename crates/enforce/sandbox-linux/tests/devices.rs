//! Devices that a policy names are there, others are not, with namespaces and without, as root and as an ordinary user.

#![cfg(target_os = "linux")]

mod lab;

use codex_permissions::{ResolvedPolicy, Rights};
use lab::{Lab, USERS};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// One at the top of `/dev` and one in a folder there. Of those only whose opening does nothing: that of a watchdog does.
fn two_devices() -> (String, String) {
    let first = |names: &[&str]| {
        let mut paths = names.iter().map(|name| format!("/dev/{name}"));
        paths.find(|path| fs::metadata(path).is_ok_and(|facts| facts.file_type().is_char_device()))
    };
    (
        first(&["autofs", "fuse", "kvm", "vsock"]).expect("this host has no autofs, fuse, kvm or vsock in /dev to try with"),
        first(&["net/tun", "dri/renderD128", "mapper/control"])
            .expect("this host has no net/tun, dri/renderD128 or mapper/control in /dev to try with"),
    )
}

fn policy(lab: &Lab, lines: &[(&str, Rights)]) -> ResolvedPolicy {
    lab.profile(&[&[("/", Rights::Read), ("w", Rights::Write)], lines].concat())
}

#[tokio::test]
async fn a_device_that_is_named_is_there_and_no_other_is() {
    let (top, below) = two_devices();
    let folder = Path::new(&below).parent().unwrap().to_str().unwrap().to_owned();
    for user in USERS {
        for lab in [Lab::new(user), Lab::without_namespaces(user)] {
            // `cat` of nothing says whether it can be opened, without asking the driver for anything.
            let script = format!("for it in {top} {below} /dev/no-such-device; do head -c 0 $it && [ -c $it ] && echo $it; done 2>&1");
            let can = |path: &str| user == lab::User::Own || fs::metadata(path).unwrap().mode() & 0o004 != 0;

            let closed = lab.run(&policy(&lab, &[]), &script).await;
            let named = [
                (top.as_str(), Rights::Write),
                ("/dev/no-such-device", Rights::Write),
                (&below, Rights::Write),
            ];
            let opened = lab.run(&policy(&lab, &named), &script).await;
            let in_folder = lab.run(&policy(&lab, &[(&folder, Rights::Write)]), &script).await;
            let only_read = lab
                .run(&policy(&lab, &[(&top, Rights::Read), ("/dev", Rights::Write)]), &script)
                .await;

            let context = format!("{user:?}: closed {closed:?}\nopened {opened:?}\nin a folder {in_folder:?}\nread {only_read:?}");
            for said in [&closed, &only_read] {
                assert!(!said.output.lines().any(|line| line == top || line == below), "{context}");
            }
            for (ran, device) in [(&opened, &top), (&opened, &below), (&in_folder, &below)] {
                let is_said = |line: &str| {
                    line == device || (!can(device) && line.contains(&format!("'{device}'")) && line.ends_with("Permission denied"))
                };
                assert!(ran.output.lines().any(is_said), "{device} {context}");
            }
            assert!(
                opened
                    .output
                    .contains("'/dev/no-such-device' for reading: No such file or directory"),
                "{context}"
            );
            assert!(!in_folder.output.lines().any(|line| line == top), "{context}");
        }
    }
}

#[tokio::test]
async fn devices_are_used_and_never_made_changed_or_removed() {
    let (top, below) = two_devices();
    let folder = Path::new(&below).parent().unwrap().to_str().unwrap().to_owned();
    let before = [&top, &below, &folder].map(|path| fs::metadata(path).unwrap());
    for user in USERS {
        for lab in [Lab::new(user), Lab::without_namespaces(user)] {
            let script = format!(
                "for it in {top} {below} {folder} /dev/null; do chmod 777 $it && echo changed $it; touch -d 2000-01-01 $it && echo touched $it; done
                  touch {folder}/made && echo made; mknod {folder}/node c 1 3 && echo node; mkdir {folder}/.git && echo folder; true"
            );

            let ran = lab
                .run(&policy(&lab, &[(&top, Rights::Write), (&folder, Rights::Write)]), &script)
                .await;

            let done = ran.output.lines().filter(|line| !line.contains(": ")).collect::<Vec<_>>();
            assert!(done.is_empty(), "{user:?}: {done:?}\n{}", ran.output);
            let after = [&top, &below, &folder].map(|path| fs::metadata(path).unwrap());
            for (before, after) in before.iter().zip(&after) {
                assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()), "{user:?}");
            }
        }
    }
}
