//! The fault bed: the controllers of production against a model of the API server, in a time of
//! their own, with more bad luck than a cluster has in years. One seed decides everything.
//!
//! A binary of its own: each run takes over the clock of its thread.

pub mod bed;
pub mod meaning;
pub mod oracle;
pub mod replica;
pub mod seed;
pub mod server;
pub mod tenants;
pub mod time;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn one_seed() {
    let seed = number("CURFEW_SEED").unwrap_or(1);
    let began = std::time::Instant::now();
    match bed::run(seed) {
        Ok(summary) => {
            if std::env::var("CURFEW_HISTORY").is_ok() {
                println!("{}", summary.history.join("\n"));
            }
            println!(
                "{} {:?} {:?} {:?}",
                summary.hash,
                summary.counts,
                summary.struck,
                began.elapsed()
            );
        }
        Err(why) => panic!("{why}"),
    }
}
