//! The program starts and says its version. Being an integration test of this package, it also makes `cargo test` build
//! the program itself, which the tests in `tests/` run.

use std::process::Command;

#[test]
fn the_program_says_its_version() {
    let said = Command::new(env!("CARGO_BIN_EXE_fluoro")).arg("--version").output().unwrap();
    assert!(said.status.success());
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim_end(), concat!("fluoro ", env!("CARGO_PKG_VERSION")));
}
