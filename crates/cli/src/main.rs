//! The `hearken` program.

fn main() -> std::process::ExitCode {
    hearken::main()
}
