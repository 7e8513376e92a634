//! Who may do what, after which delay: one table from which deployments set the rights in
//! AccessManager, and from which `docs/governance.md` is written.
//!
//! A function that AccessManager restricts and that is not in the table belongs to nobody but the
//! administrator; a test goes through every function of every contract and fails on such a one.

mod page;

use alloy::{
    primitives::{Address, FixedBytes},
    sol,
    sol_types::SolCall,
};
use serde::{Deserialize, Serialize};
use zarathustra_abi::{
    attestation_center::IAttestationCenter::{
        registerKindCall, scheduleEnvironmentCall, setFundCall,
    },
    avs_governance::IAvsGovernance::{
        ejectOperatorCall, pauseCall, setAllowListModeCall, setAllowedCall,
        setAttestationCenterCall, setEvidenceWindowCall, setMaxAppealWindowCall,
        setMaxSnapshotAgeCall, setMaxTaskLifeCall, setMetadataURICall, setMinEpochAgeCall,
        setMissDecayCall, setMissLimitCall, setOperatorCapCall, setPlantsCall, setRewardsPayerCall,
        setSnapshotEvidenceCall, setUpAvsCall, setVetoWindowCall, setWadsToSlashCall, unpauseCall,
        vetoFaultCall,
    },
};

pub use page::page;

use crate::plan::{Change, Effect, Plan};

sol! {
    /// What is called in OpenZeppelin's AccessManager.
    #[derive(Debug)]
    contract AccessManager {
        error AccessManagerNotReady(bytes32 operationId);
        error AccessManagerNotScheduled(bytes32 operationId);
        error AccessManagerUnauthorizedAccount(address caller, uint64 role);
        error AccessManagerUnauthorizedCall(address caller, address target, bytes4 selector);
        error AccessManagerUnauthorizedCancel(
            address caller, address target, address origin, bytes4 selector
        );

        event RoleGranted(
            uint64 indexed roleId, address indexed account, uint32 delay, uint48 since, bool newMember
        );

        function canCall(address caller, address target, bytes4 selector) external view
            returns (bool immediate, uint32 delay);
        function cancel(address caller, address target, bytes data) external returns (uint32 nonce);
        function execute(address target, bytes data) external payable returns (uint32 nonce);
        function getRoleAdmin(uint64 roleId) external view returns (uint64 admin);
        function getRoleGuardian(uint64 roleId) external view returns (uint64 guardian);
        function getTargetFunctionRole(address target, bytes4 selector) external view
            returns (uint64 role);
        function grantRole(uint64 roleId, address account, uint32 executionDelay) external;
        function hasRole(uint64 roleId, address account) external view
            returns (bool isMember, uint32 executionDelay);
        function isTargetClosed(address target) external view returns (bool closed);
        function labelRole(uint64 roleId, string label) external;
        function multicall(bytes[] data) external returns (bytes[] results);
        function renounceRole(uint64 roleId, address callerConfirmation) external;
        function revokeRole(uint64 roleId, address account) external;
        function schedule(address target, bytes data, uint48 when) external
            returns (bytes32 operationId, uint32 nonce);
        function setGrantDelay(uint64 roleId, uint32 newDelay) external;
        function setRoleAdmin(uint64 roleId, uint64 admin) external;
        function setRoleGuardian(uint64 roleId, uint64 guardian) external;
        function setTargetAdminDelay(address target, uint32 newDelay) external;
        function setTargetClosed(address target, bool closed) external;
        function setTargetFunctionRole(address target, bytes4[] selectors, uint64 roleId) external;
        function updateAuthority(address target, address newAuthority) external;
    }
}

sol! {
    /// What AccessManager calls in the contracts under it, and what they refuse with.
    #[derive(Debug)]
    contract AccessManaged {
        error AccessManagedUnauthorized(address caller);

        function setAuthority(address newAuthority) external;
    }
}

/// A role of AccessManager. Its number there is that of its place in [`Role::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Gives and takes roles; AccessManager's own role 0.
    Admin,
    /// Stops new tasks, and cancels what others have scheduled.
    Guardian,
    /// Cancels faults before they are executed.
    Veto,
    /// Changes parameters, registers kinds, schedules environments.
    Governor,
    /// Decides who may be an operator.
    Members,
    /// Ends a pause.
    Resume,
    /// Held by nobody. AccessManager lets the guardian of a function's role cancel scheduled calls
    /// of that function; with this role the administrator's own functions have one.
    Watched,
}

impl Role {
    /// Every role, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Admin,
        Self::Guardian,
        Self::Veto,
        Self::Governor,
        Self::Members,
        Self::Resume,
        Self::Watched,
    ];

    /// Number in AccessManager.
    pub const fn id(self) -> u64 {
        self as u64
    }

    /// Name in descriptions, documents and AccessManager's labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Guardian => "guardian",
            Self::Veto => "veto",
            Self::Governor => "governor",
            Self::Members => "members",
            Self::Resume => "resume",
            Self::Watched => "watched",
        }
    }

    /// Who may cancel what holders of the role have scheduled, beside the administrator and whoever
    /// scheduled it. A pause must not be held up by the one who made it, so not `resume`.
    pub const fn canceller(self) -> Option<Self> {
        match self {
            Self::Governor | Self::Members | Self::Watched => Some(Self::Guardian),
            Self::Admin | Self::Guardian | Self::Veto | Self::Resume => None,
        }
    }

    /// Whether a delay would make it useless.
    pub const fn acts_at_once(self) -> bool {
        matches!(self, Self::Guardian | Self::Veto)
    }
}

/// A contract whose functions AccessManager restricts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// AccessManager itself. It restricts its own functions by rules of its own.
    AccessManager,
    /// AvsGovernance.
    AvsGovernance,
    /// AttestationCenter.
    AttestationCenter,
}

impl Target {
    /// Every one.
    pub const ALL: [Self; 3] = [
        Self::AccessManager,
        Self::AvsGovernance,
        Self::AttestationCenter,
    ];

    /// Name of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessManager => "AccessManager",
            Self::AvsGovernance => "AvsGovernance",
            Self::AttestationCenter => "AttestationCenter",
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// The contract.
    pub target: Target,
    /// The function, as its selector is made.
    pub signature: &'static str,
    /// Its selector.
    pub selector: [u8; 4],
    /// Who may call it.
    pub role: Role,
    /// What it does, and what bounds it.
    pub meaning: &'static str,
}

const fn right<C: SolCall>(target: Target, role: Role, meaning: &'static str) -> Right {
    Right {
        target,
        signature: C::SIGNATURE,
        selector: C::SELECTOR,
        role,
        meaning,
    }
}

/// Every function that AccessManager restricts.
#[rustfmt::skip]
pub const RIGHTS: &[Right] = {
    use AccessManaged::setAuthorityCall;
    use AccessManager as M;
    use Role::{Admin, Governor, Guardian, Members, Resume, Veto};
    use Target::{AccessManager as Manager, AttestationCenter as Center, AvsGovernance as Governance};
    &[
        right::<pauseCall>(Governance, Guardian, "Stops new requests, commitments and tasks. The market's clock stands still; every way out stays open, running tasks go on."),
        right::<unpauseCall>(Governance, Resume, "Ends a pause."),
        right::<vetoFaultCall>(Governance, Veto, "Cancels a fault that was recorded and not executed. Within `vetoWindow`, so without delay."),
        right::<setMaxSnapshotAgeCall>(Governance, Governor, "Oldest epoch on which a task may open."),
        right::<setMinEpochAgeCall>(Governance, Governor, "Youngest epoch that may be replaced without need."),
        right::<setMaxTaskLifeCall>(Governance, Governor, "Longest life of a task of any kind."),
        right::<setMaxAppealWindowCall>(Governance, Governor, "Longest appeal window of any kind."),
        right::<setEvidenceWindowCall>(Governance, Governor, "Time for evidence after the appeal window."),
        right::<setVetoWindowCall>(Governance, Governor, "Time between a fault's record and its execution."),
        right::<setOperatorCapCall>(Governance, Governor, "Most operators."),
        right::<setMissLimitCall>(Governance, Governor, "Missed votes above which anyone may take an operator out."),
        right::<setMissDecayCall>(Governance, Governor, "Blocks in which one missed vote is forgotten."),
        right::<setWadsToSlashCall>(Governance, Governor, "Part of an allocation that a fault costs."),
        right::<setMetadataURICall>(Governance, Governor, "Announces another document about the AVS to EigenLayer."),
        right::<setRewardsPayerCall>(Governance, Governor, "Names the contract that may submit rewards to EigenLayer in the AVS's name, with tokens that it brings."),
        right::<registerKindCall>(Center, Governor, "A new kind of task. A kind that is registered never changes."),
        right::<scheduleEnvironmentCall>(Center, Governor, "What operators compute with from a future epoch on. Running tasks keep theirs."),
        right::<setFundCall>(Center, Governor, "How much the fund for evidence may hold, and what it pays for a fault. Nothing is taken out."),
        right::<setAllowListModeCall>(Governance, Members, "Whether only allowed operators may join. Members stay members."),
        right::<setAllowedCall>(Governance, Members, "Allows an operator to join, or no longer."),
        right::<ejectOperatorCall>(Governance, Members, "Takes a member out of the operator set. Its stake stays its own, and slashable for as long as EigenLayer says."),
        right::<setAttestationCenterCall>(Governance, Admin, "Once, by the deployment; refused ever after."),
        right::<setSnapshotEvidenceCall>(Governance, Admin, "Once: names the contract that records faults of signed snapshots (specification 7.4)."),
        right::<setPlantsCall>(Governance, Admin, "Once: names the contract that keeps planted claims, records faults of who approves them and cancels those of their performers (specification 4.11)."),
        right::<setUpAvsCall>(Governance, Admin, "Once, by the deployment; refused ever after."),
        right::<setAuthorityCall>(Governance, Admin, "By AccessManager alone, in `updateAuthority`."),
        right::<setAuthorityCall>(Center, Admin, "By AccessManager alone, in `updateAuthority`."),
        right::<M::grantRoleCall>(Manager, Admin, "Gives a role with a delay."),
        right::<M::revokeRoleCall>(Manager, Admin, "Takes a role. Nobody but an administrator can cancel it: who holds a role cannot defend it."),
        right::<M::labelRoleCall>(Manager, Admin, "Names a role, for people."),
        right::<M::setRoleAdminCall>(Manager, Admin, "Who gives and takes a role; the administrator unless changed."),
        right::<M::setRoleGuardianCall>(Manager, Admin, "Who may cancel what a role's holders have scheduled."),
        right::<M::setGrantDelayCall>(Manager, Admin, "Time until a role that is given counts."),
        right::<M::setTargetFunctionRoleCall>(Manager, Admin, "Moves a function to another role."),
        right::<M::setTargetClosedCall>(Manager, Admin, "Closes every restricted function of a contract. Functions that everybody may call stay open."),
        right::<M::setTargetAdminDelayCall>(Manager, Admin, "A longer delay for administration of one contract."),
        right::<M::updateAuthorityCall>(Manager, Admin, "Puts a contract under another AccessManager."),
    ]
};

/// An account and its delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The account: best a contract of several signers.
    pub account: Address,
    /// Seconds between the announcement of a call and the call.
    pub delay: u32,
}

/// Who holds which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// [`Role::Admin`].
    pub admin: Holder,
    /// [`Role::Guardian`].
    pub guardian: Holder,
    /// [`Role::Veto`].
    pub veto: Holder,
    /// [`Role::Governor`].
    pub governor: Holder,
    /// [`Role::Members`].
    pub members: Holder,
    /// [`Role::Resume`].
    pub resume: Holder,
}

impl Roles {
    /// One account for all of them, without delays: for local chains.
    pub const fn all(account: Address) -> Self {
        let holder = Holder { account, delay: 0 };
        Self {
            admin: holder,
            guardian: holder,
            veto: holder,
            governor: holder,
            members: holder,
            resume: holder,
        }
    }

    /// Whether an account is to hold a role.
    pub fn gives(&self, role_id: u64, account: Address) -> bool {
        let role = Role::ALL.into_iter().find(|role| role.id() == role_id);
        let holder = role.and_then(|role| self.holder(role));
        holder.is_some_and(|holder| holder.account == account)
    }

    /// Who holds a role; nobody holds [`Role::Watched`].
    pub const fn holder(&self, role: Role) -> Option<Holder> {
        match role {
            Role::Admin => Some(self.admin),
            Role::Guardian => Some(self.guardian),
            Role::Veto => Some(self.veto),
            Role::Governor => Some(self.governor),
            Role::Members => Some(self.members),
            Role::Resume => Some(self.resume),
            Role::Watched => None,
        }
    }
}

/// Where the contracts of the table lie.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// AccessManager.
    pub manager: Address,
    /// AvsGovernance.
    pub governance: Address,
    /// AttestationCenter.
    pub center: Address,
}

impl Targets {
    /// Where a contract lies.
    pub const fn address(&self, target: Target) -> Address {
        match target {
            Target::AccessManager => self.manager,
            Target::AvsGovernance => self.governance,
            Target::AttestationCenter => self.center,
        }
    }
}

impl Right {
    /// The role that AccessManager has for the function. For its own functions this decides only
    /// who may cancel them.
    pub fn recorded(&self) -> Role {
        let revokes = self.selector == AccessManager::revokeRoleCall::SELECTOR;
        match self.target {
            Target::AccessManager if !revokes => Role::Watched,
            _ => self.role,
        }
    }
}

/// Adds the steps that give every role to its holder, and the last one, with which the deployer,
/// until then the only administrator, gives that role away.
pub fn plan(plan: &mut Plan, targets: &Targets, roles: &Roles, deployer: Address) {
    let manager = targets.manager;
    let mut changes = Vec::new();
    for right in RIGHTS {
        let role = right.recorded().id();
        let target = targets.address(right.target);
        let selector = FixedBytes(right.selector);
        let question = AccessManager::getTargetFunctionRoleCall { target, selector };
        let effect = Effect::new(manager, &question, &role);
        if right.recorded() == Role::Admin {
            // It is his as long as nobody gives it away.
            let effect = effect.before::<AccessManager::getTargetFunctionRoleCall>(&role);
            changes.push(Change::found(effect));
            continue;
        }
        let call = AccessManager::setTargetFunctionRoleCall {
            target,
            selectors: vec![selector],
            roleId: role,
        };
        changes.push(Change::new(&call, effect));
    }
    for target in Target::ALL {
        let target = targets.address(target);
        let question = AccessManager::isTargetClosedCall { target };
        let effect = Effect::new(manager, &question, &false);
        changes.push(Change::found(
            effect.before::<AccessManager::isTargetClosedCall>(&false),
        ));
    }
    for role in Role::ALL {
        let role_id = role.id();
        let admin = Role::Admin.id();
        let question = AccessManager::getRoleAdminCall { roleId: role_id };
        let effect = Effect::new(manager, &question, &admin);
        changes.push(Change::found(
            effect.before::<AccessManager::getRoleAdminCall>(&admin),
        ));
        let question = AccessManager::getRoleGuardianCall { roleId: role_id };
        let guardian = role.canceller().unwrap_or(Role::Admin).id();
        let effect = Effect::new(manager, &question, &guardian);
        changes.push(match role.canceller() {
            Some(_) => {
                let call = AccessManager::setRoleGuardianCall {
                    roleId: role_id,
                    guardian,
                };
                Change::new(&call, effect)
            }
            None => Change::found(effect.before::<AccessManager::getRoleGuardianCall>(&guardian)),
        });
        if let Some(holder) = roles.holder(role).filter(|_| role != Role::Admin) {
            changes.push(grant(manager, role, holder));
        }
    }
    plan.change("give roles", manager, changes);

    let member = AccessManager::hasRoleCall {
        roleId: Role::Admin.id(),
        account: deployer,
    };
    let nothing = AccessManager::hasRoleReturn {
        isMember: false,
        executionDelay: 0,
    };
    let renounce = AccessManager::renounceRoleCall {
        roleId: Role::Admin.id(),
        callerConfirmation: deployer,
    };
    let last = Change::new(&renounce, Effect::new(manager, &member, &nothing));
    let changes = vec![grant(manager, Role::Admin, roles.admin), last];
    plan.change("hand over", manager, changes);
}

fn grant(manager: Address, role: Role, holder: Holder) -> Change {
    let question = AccessManager::hasRoleCall {
        roleId: role.id(),
        account: holder.account,
    };
    let after = AccessManager::hasRoleReturn {
        isMember: true,
        executionDelay: holder.delay,
    };
    let call = AccessManager::grantRoleCall {
        roleId: role.id(),
        account: holder.account,
        executionDelay: holder.delay,
    };
    let mut change = Change::new(&call, Effect::new(manager, &question, &after));
    if role != Role::Admin {
        let label = AccessManager::labelRoleCall {
            roleId: role.id(),
            label: role.name().to_owned(),
        };
        change.calls.insert(0, label.abi_encode().into());
    }
    change
}
