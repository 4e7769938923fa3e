//! The settings, and every file that speaks of them, held against each other.

use std::collections::BTreeSet;

use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;

const EXAMPLE: &str = include_str!("../../.env.example");
const COMPOSE: &str = include_str!("../../compose.yaml");
const DOCKERFILE: &str = include_str!("../../Dockerfile");

/// What only the database's own container reads.
const OF_POSTGRES: &str = "POSTGRES_PASSWORD";

/// Every environment variable that a program reads.
fn variables(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env());
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(variables)).collect()
}

/// Every variable that the example sets or shows.
fn shown() -> BTreeSet<String> {
    let lines = EXAMPLE.lines().filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='));
    lines
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect()
}

fn compose() -> Value {
    serde_saphyr::from_str(COMPOSE).unwrap()
}

/// Names and values.
type Environment<'a> = Vec<(&'a str, &'a str)>;

/// The services that run one of our programs, with the program and the environment.
fn ours(compose: &Value) -> Vec<(&str, &str, Environment<'_>)> {
    let services = compose["services"].as_object().unwrap().iter();
    services
        .filter_map(|(name, service)| {
            let target = service["build"]["target"].as_str()?;
            let environment = service["environment"].as_object()?;
            Some((
                name.as_str(),
                target,
                environment.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect(),
            ))
        })
        .collect()
}

/// The value that a variable has in compose.yaml when nothing is set outside.
fn by_default(value: &str) -> &str {
    value
        .strip_prefix("${")
        .map_or(value, |rest| rest.split_once(":-").map_or("", |(_, or)| or.trim_end_matches('}')))
}

#[test]
fn every_setting_is_in_the_example_and_nothing_else_is() {
    let mut read = variables(&booking_service::config::Config::command());
    read.extend(variables(&gateway::config::Config::command()));
    read.insert(OF_POSTGRES.to_owned());
    assert_eq!(read, shown());
}

#[test]
fn the_command_lines_are_sound() {
    booking_service::config::Config::command().debug_assert();
    gateway::config::Config::command().debug_assert();
}

#[test]
fn what_compose_sets_is_what_the_programs_read_and_can_use() {
    let compose = compose();
    let services = ours(&compose);
    let names: Vec<&str> = services.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["booking-service", "bootstrap", "gateway", "migrate", "operator"]);
    for (name, program, environment) in services {
        let command = match program {
            "gateway" => gateway::config::Config::command(),
            _ => booking_service::config::Config::command(),
        };
        let read = variables(&command);
        let unread: Vec<_> = environment.iter().filter(|(variable, _)| !read.contains(*variable)).collect();
        assert!(unread.is_empty(), "{name}: {unread:?}");
        let service = &compose["services"][name];
        let words = |list: &Value| -> Vec<String> {
            list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let run = words(&service["command"]);
        // Without "CMD" and the program.
        let probe: Vec<String> = words(&service["healthcheck"]["test"]).into_iter().skip(2).collect();
        for words in [Some(run), Some(probe).filter(|probe| !probe.is_empty())].into_iter().flatten() {
            // As options, because the test's own environment is nobody's business.
            let subcommand =
                words.iter().fold(&command, |command, word| command.find_subcommand(word).unwrap_or(command));
            let options = subcommand.get_arguments().filter_map(|argument| {
                let variable = argument.get_env()?.to_str()?;
                let value = by_default(environment.iter().find(|(name, _)| *name == variable)?.1);
                let option = format!("--{}", argument.get_long()?);
                let is_flag = matches!(argument.get_action(), clap::ArgAction::SetTrue);
                if is_flag { (value == "true").then_some(option) } else { Some(format!("{option}={value}")) }
            });
            let line: Vec<String> = [program.to_owned()].into_iter().chain(words).chain(options).collect();
            let parsed = match program {
                "gateway" => gateway::config::Config::try_parse_from(&line).map(drop),
                _ => booking_service::config::Config::try_parse_from(&line).map(drop),
            };
            assert!(parsed.is_ok(), "{name}: {line:?}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn compose_has_no_secret_of_its_own_and_nothing_that_only_development_needs() {
    assert!(!COMPOSE.contains("BOOKING_DEV_"));
    let compose = compose();
    let asked: BTreeSet<&str> = COMPOSE
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split("${").skip(1))
        .map(|rest| rest.split([':', '}']).next().unwrap())
        .collect();
    for variable in &asked {
        assert!(shown().contains(*variable), "{variable} is not in .env.example");
    }
    for (name, _, environment) in ours(&compose) {
        for (variable, value) in environment {
            let is_secret = [
                "DATABASE_URL",
                "MIGRATOR_URL",
                "ADMIN_URL",
                "AUTH_URL",
                "OPERATOR_URL",
                "WORKER_URL",
                "ROUTER_URL",
                "SECRET",
                "PASSWORD",
                "KEY",
                "KEYS",
                "ISSUERS",
            ]
            .iter()
            .any(|s| variable.ends_with(s));
            assert!(!is_secret || value.contains("${"), "{name}: {variable} is a secret in the file");
        }
    }
    let service = &compose["services"]["booking-service"];
    assert_eq!(service["environment"]["BOOKING_REQUIRE_PATCHED_POSTGRES"], "true");
    assert!(compose["services"]["postgres"]["environment"][OF_POSTGRES].as_str().unwrap().contains(":?"));
    for name in ["booking-service", "gateway"] {
        let service = &compose["services"][name];
        assert!(service["healthcheck"]["test"].is_array() && service["restart"].is_string(), "{name}");
    }
}

#[test]
fn each_image_that_compose_builds_is_there_small_and_not_roots() {
    let stages: Vec<(&str, &str)> = DOCKERFILE
        .split("\nFROM ")
        .skip(1)
        .map(|stage| (stage.lines().next().unwrap().rsplit(' ').next().unwrap(), stage))
        .collect();
    let compose = compose();
    for (name, target, environment) in ours(&compose) {
        let (_, stage) = stages
            .iter()
            .find(|(stage, _)| *stage == target)
            .unwrap_or_else(|| panic!("{name}: no {target}"));
        assert!(stage.contains("distroless") && stage.contains("\nUSER nonroot\n"), "{target}");
        assert!(stage.contains(&format!("ENTRYPOINT [\"/usr/local/bin/{target}\"]")), "{target}");
        let exposed = stage.lines().find_map(|line| line.strip_prefix("EXPOSE ")).unwrap();
        for (variable, value) in environment.iter().filter(|(variable, _)| variable.ends_with("_ADDRESS")) {
            let port = value.rsplit(':').next().unwrap();
            assert!(exposed.split(' ').any(|other| other == port), "{variable}: {port} is not exposed");
        }
        let probe = compose["services"][name]["healthcheck"]["test"][1].as_str();
        assert!(probe.is_none_or(|program| program == format!("/usr/local/bin/{target}")), "{name}");
    }
    // What the build needs goes to the builder, and the secrets of whoever builds do not.
    let ignored = include_str!("../../.dockerignore");
    assert!(
        ignored.lines().any(|line| line == "*")
            && !ignored.contains("!.env")
            && !ignored.contains("!.frontdesk")
    );
}

#[tokio::test]
async fn a_probe_tells_a_service_that_is_ready_from_one_that_is_not() {
    let app = crate::harness::TestApp::start().await;
    let address = |url: &str| url.trim_start_matches("http://").parse().unwrap();
    for server in [&app.gateway, &app.service_http] {
        let server = address(server);
        tokio::task::spawn_blocking(move || proto::readyz::ask(server)).await.unwrap().unwrap();
    }
    // A gateway whose service is not there.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lonely = address(&app.second_gateway(&format!("http://{nowhere}")).await);
    let refused = tokio::task::spawn_blocking(move || proto::readyz::ask(lonely)).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("\"ready\":false"));
    assert!(proto::readyz::ask(nowhere).is_err());
}
