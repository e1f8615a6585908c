//! The program itself, as somebody starts it: killed, interrupted, started for the first time, and its demo.
//!
//! Everything below the command line is tested closer to where it is made; here stands what only the whole process can show.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

#[cfg(target_os = "linux")]
mod compaction;
#[cfg(target_os = "linux")]
mod config;
mod debug;
#[cfg(target_os = "linux")]
mod demo;
#[cfg(target_os = "linux")]
mod doctor;
#[cfg(target_os = "linux")]
mod examples;
mod faults;
mod first_run;
mod fork;
#[cfg(target_os = "linux")]
mod hardening;
mod input;
mod items;
#[cfg(target_os = "linux")]
mod keyring;
mod kill_moments;
#[cfg(target_os = "linux")]
mod learned;
mod local;
#[cfg(target_os = "linux")]
mod logging;
mod login;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod permissions;
#[cfg(target_os = "linux")]
mod prefix;
#[cfg(target_os = "linux")]
mod recipes;
#[cfg(target_os = "linux")]
mod recorded;
#[cfg(target_os = "linux")]
mod review;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
mod sdk;
#[cfg(target_os = "linux")]
mod signal_matrix;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod stored;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "most of what uses it is shown on Linux alone")
)]
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod trust;
#[cfg(target_os = "linux")]
mod tui;
