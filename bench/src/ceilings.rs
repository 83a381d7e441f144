//! Upper limits of instructions per request, which show regressions that timing does not.

use anyhow::{Result, ensure};

use crate::{instructions, recording};

/// Upper limits of a side's instructions per request, as multiples of the base: the count when the
/// limit was set, plus 5 % for other compilers.
///
/// Multiples, because the Registry's own count changes with the compiler as well. Changes that make
/// requests cheaper lower them.
const CEILINGS: [(&str, f64); 5] = [
    ("own-registry", 1.00),
    ("stagelight-on-plain", 2.68),
    ("stagelight", 2.66),
    ("stagelight-plain-1", 2.90),
    ("stagelight-0", 2.78),
];

/// Counts, prints and checks the instructions.
///
/// # Errors
///
/// If valgrind is not installed or fails, or a side exceeds its limit.
pub fn check() -> Result<()> {
    let base = instructions::count(recording::BASE)?;
    println!("{base:8.0}        {}", recording::BASE);
    let mut over = Vec::new();
    for (side, ceiling) in CEILINGS {
        let count = instructions::count(side)?;
        let ratio = count / base;
        println!("{count:8.0}  {ratio:.2}  {side}, at most {ceiling:.2}");
        if ceiling < ratio {
            over.push(side);
        }
    }
    ensure!(over.is_empty(), "more instructions per request than allowed: {}", over.join(", "));
    Ok(())
}
