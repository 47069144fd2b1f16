//! What happens to the ledger.

use super::daemon::plural;
use super::events;

events! {
    /// The ledger cannot be written. Said at once, and then once a minute while it lasts.
    ERROR "ledger_unwritten" LedgerUnwritten<'a> {
        /// The file.
        path: &'a str,
        /// What the kernel said.
        error: &'a str,
        /// How many records were lost so far.
        lost: u64,
    } => |e| format!(
        "the ledger {} cannot be written: {} ({} lost so far); everything runs on, and it is tried again every second: free some space there, or mend the disk",
        e.path, e.error, plural(e.lost, "record")
    );

    /// The ledger can be written again.
    INFO "ledger_recovered" LedgerRecovered<'a> {
        /// The file.
        path: &'a str,
        /// How many records were lost meanwhile.
        lost: u64,
    } => |e| format!("the ledger {} is written again; {} lost meanwhile", e.path, plural(e.lost, "record"));

    /// The last line of the ledger was never finished, and is cut off.
    WARN "ledger_cut" LedgerCut<'a> {
        /// The file.
        path: &'a str,
        /// How many bytes were cut off.
        bytes: u64,
    } => |e| format!(
        "the ledger {} ended in the middle of a line, for hearken was killed while it wrote: the last {} bytes are cut off",
        e.path, e.bytes
    );
}
