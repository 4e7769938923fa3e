//! The settings, and what is written about them.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

/// Every environment variable that a program reads.
fn variables(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env());
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(variables)).collect()
}

#[test]
fn every_setting_is_in_the_example_and_nothing_else_is() {
    let mut read = variables(&booking_service::config::Config::command());
    read.extend(variables(&gateway::config::Config::command()));
    let example = include_str!("../../.env.example").lines();
    let shown: BTreeSet<String> = example
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    assert_eq!(read, shown);
}

#[test]
fn the_command_lines_are_sound() {
    booking_service::config::Config::command().debug_assert();
    gateway::config::Config::command().debug_assert();
}
