//! The integration tests: what only shows when the parts are connected.

mod alertmanager_api;
mod bad_input;
mod command_line;
mod delivery;
mod demo;
mod harness;
mod hostile;
mod layers;
mod models;
mod restart;
mod shipped;
mod upstream;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let groups = [
        layers::trials(),
        shipped::trials(),
        upstream::trials(),
        alertmanager_api::trials(),
        bad_input::trials(),
        command_line::trials(),
        delivery::trials(),
        demo::trials(),
        hostile::trials(),
        models::trials(),
        restart::trials(),
    ];
    let trials: Vec<Trial> = groups.into_iter().flatten().collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
