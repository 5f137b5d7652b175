//! Fluoro: learned features of chest X-rays as sliders. [`cli`] reads the command line and runs one command; [`window`]
//! is the desktop viewer. Both ask the same engine, `fluoro-core`.

use std::process::ExitCode;

mod cli;
mod window;

fn main() -> ExitCode {
    cli::main()
}
