//! `docs/governance.md`, written from the table.

use super::{RIGHTS, Role, Roles, Target};

/// The page. `chains` are names of descriptions and the roles in them, for the table of delays.
pub fn page(mark: &str, chains: &[(&str, Roles)]) -> String {
    let mut page = format!("# Who can do what, after which delay\n\n{mark}\n\n{INTRODUCTION}");
    page.push_str("\n## Roles\n\n");
    let heads: Vec<String> = chains
        .iter()
        .map(|(name, _)| format!("Delay, `{name}`"))
        .collect();
    page.push_str(&row(["Role", "Number", "What it is for", "Who cancels"]
        .into_iter()
        .map(str::to_owned)
        .chain(heads)));
    page.push_str(&format!("|{}\n", "---|".repeat(4 + chains.len())));
    for role in Role::ALL {
        let canceller = role.canceller().map_or("admin", Role::name);
        let delays = chains.iter().map(|(_, roles)| {
            let holder = roles.holder(role);
            holder.map_or_else(|| "held by nobody".to_owned(), |h| duration(h.delay))
        });
        let cells = [
            role.name().to_owned(),
            role.id().to_string(),
            purpose(role).to_owned(),
            canceller.to_owned(),
        ];
        page.push_str(&row(cells.into_iter().chain(delays)));
    }
    page.push_str("\nA delay is the time between `schedule` and `execute` in AccessManager; 0 needs neither. What was scheduled and is not executed within a week of its time lapses.\nWhoever scheduled a call can cancel it, and an administrator can cancel every one.\n");
    for target in Target::ALL {
        page.push_str(&format!("\n## {}\n\n", target.name()));
        page.push_str("| Function | Role | What it does |\n|---|---|---|\n");
        for right in RIGHTS.iter().filter(|right| right.target == target) {
            page.push_str(&row([
                format!("`{}`", right.signature),
                right.role.name().to_owned(),
                right.meaning.to_owned(),
            ]));
        }
    }
    page.push_str(REST);
    page
}

fn purpose(role: Role) -> &'static str {
    match role {
        Role::Admin => "Gives and takes roles, moves functions between them.",
        Role::Guardian => "Stops new tasks at once; cancels what others have scheduled.",
        Role::Veto => "Cancels faults before they are executed.",
        Role::Governor => "Parameters, kinds of task, environments.",
        Role::Members => "Who may be an operator.",
        Role::Resume => "Ends a pause.",
        Role::Watched => {
            "A mark on the administrator's own functions, so that the guardian can cancel them."
        }
    }
}

fn duration(seconds: u32) -> String {
    const DAY: u32 = 86_400;
    const HOUR: u32 = 3_600;
    match seconds {
        0 => "none".to_owned(),
        s if s % DAY == 0 => format!("{} d", s / DAY),
        s if s % HOUR == 0 => format!("{} h", s / HOUR),
        s => format!("{s} s"),
    }
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|c| c.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

const INTRODUCTION: &str = "\
Rights are kept by one contract, OpenZeppelin's AccessManager.
Deployment sets them from the table below, which is `RIGHTS` in `deploy/src/governance.rs`; this page is written from the same table, and a test on a chain calls every function of every contract and fails when one is restricted and not listed, or listed and not restricted.
The deployer is administrator until its last transaction, which gives that role away; after it the deployer holds none, and `zarathustra deploy` checks that.
A description of a chain names the holders and delays ([deploy/chains](../deploy/chains)).
[Record 15](adr/0015-governance.md) has the reasons.
";

const REST: &str = "
## What nobody can do

- Withdraw, move or freeze escrow, deposits, bonds, rewards or fees: no restricted function moves money, and every function that lets somebody out is open to all, also in a pause and also when a contract is closed in AccessManager.
- Change a running task: its definition is fixed when its kind is registered, its epoch and seed source when it opens. Windows of AvsGovernance that shrink do not shorten it.
- Change a request: its terms are frozen at creation.
- Undo a certificate, a settlement or an executed slash.
- Replace the code of a contract: there are no proxies. A new version is a new kind with a new logic; tasks of the old kind go on under it. `updateAuthority` changes who has the rights of this page, not what they are.
- Keep an operator from leaving, or shorten the time in which its stake can be slashed.

## What a role that turns against the market can do

| Role | Worst case | What limits it |
|---|---|---|
| guardian | Pauses for good, and cancels every change. | Ways out stay open. `resume` ends a pause at its delay; an administrator takes the role, and that cannot be cancelled. |
| veto | Cancels every fault: nobody is slashed. | False claims are still rejected by the quorum and cost their turn. An administrator takes the role. |
| governor | Registers a kind of its own. Sets every window to its bound, `wadsToSlash` to all. Schedules an environment that no operator has: tasks expire, and everything returns. Announces rewards with tokens of its own. | The delay, in which operators leave and the guardian cancels. A kind is its own source and logic: it has no road to the requests of another. |
| members | Ejects operators until its own have the quorum; then certificates say what it likes. | The delay for each ejection, the guardian. Running tasks keep their epoch. |
| resume | Ends a pause that was needed. | The guardian pauses again, at once. |
| admin | All of the above, with itself in every role. | The delay, and the guardian, whom it must first remove: twice the delay. |
";
