//! The program `nabla`.

fn main() -> std::process::ExitCode {
    nabla::cli::main()
}
