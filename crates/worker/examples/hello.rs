//! A service that says hello until it is told to stop.
fn main() -> std::process::ExitCode {
    hearken_worker::run(|worker| {
        worker.drain_on_sigterm()?;
        worker.ready()?;
        while !worker.wait_for_drain(std::time::Duration::from_secs(1)) {
            worker.status("hello")?;
        }
        Ok(())
    })
}
