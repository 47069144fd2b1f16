//! The `hearken` program, built for this package: cargo builds no binary of another one for a test.

fn main() -> std::process::ExitCode {
    hearken::main()
}
