//! How many instructions a request may take: a regression shows here before anybody can time it.

use anyhow::{Result, ensure};

use crate::{instructions, recording};

/// Instructions of a request of a side, as a multiple of the base's: what was counted when it was set, and a twentieth for another compiler.
///
/// Multiples, because the Registry's own count changes with the compiler, too. A change that makes requests cheaper lowers them.
const CEILINGS: [(&str, f64); 5] = [
    ("own-registry", 1.00),
    ("stagelight-on-plain", 2.68),
    ("stagelight", 2.66),
    ("stagelight-plain-1", 2.90),
    ("stagelight-0", 2.78),
];

/// Counts, prints what was counted, and compares.
///
/// # Errors
///
/// If valgrind is not installed or fails, and if a side takes more than it may.
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
    ensure!(over.is_empty(), "more instructions a request than before: {}", over.join(", "));
    Ok(())
}
