//! `pointsman`: the command line over the crates.

fn main() -> std::process::ExitCode {
    pointsman::main()
}
