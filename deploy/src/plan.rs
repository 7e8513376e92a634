//! A deployment as a list of steps: one transaction each, and how to see on the chain that it was
//! sent. Addresses are known before anything is sent, and so are the calls.

use alloy::{
    primitives::{Address, B256, Bytes},
    sol_types::{SolCall, SolError, SolType, SolValue, abi::TokenSeq},
};
use eyre::Result;

use crate::{
    Artifacts,
    create2::{self, PROXY},
    governance::AccessManager::multicallCall,
};

/// How names of steps begin that create a contract.
const CREATE: &str = "create ";

/// The steps of a deployment, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    artifacts: Artifacts,
    deployment: String,
    steps: Vec<Step>,
}

/// One transaction.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does, in words.
    pub name: String,
    /// What it sends.
    pub work: Work,
}

impl Step {
    /// The contract that it creates, where it does.
    pub fn contract(&self) -> &str {
        self.name.strip_prefix(CREATE).unwrap_or(&self.name)
    }
}

/// What a step sends.
#[derive(Clone, Debug)]
pub enum Work {
    /// Creates a contract through the deployment proxy.
    Create {
        /// Where it will lie.
        address: Address,
        /// What distinguishes it from another of the same code.
        salt: B256,
        /// Creation code with constructor arguments.
        creation: Bytes,
    },
    /// Changes a contract.
    Change {
        /// The contract.
        to: Address,
        /// The change.
        change: Change,
    },
    /// Makes changes in one AccessManager together, leaving out those that were made.
    Changes {
        /// The AccessManager.
        to: Address,
        /// The changes, in order.
        changes: Vec<Change>,
    },
}

/// Calls that belong together, and what shows that they were made.
#[derive(Clone, Debug)]
pub struct Change {
    /// Encoded calls; exactly one unless it is part of [`Work::Changes`].
    pub calls: Vec<Bytes>,
    /// What shows them.
    pub effect: Effect,
}

/// A question whose answer tells whether a change was made.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Who is asked.
    pub of: Address,
    /// What is asked.
    pub question: Question,
    /// What is answered before.
    pub before: Before,
    /// What is answered after.
    pub after: Bytes,
}

/// How an effect is looked for.
#[derive(Clone, Debug)]
pub enum Question {
    /// An encoded call.
    Call(Bytes),
    /// A slot of storage.
    Slot(B256),
}

/// What is answered before a change was made. Any other answer means that something else was done.
#[derive(Clone, Debug)]
pub enum Before {
    /// Whatever it is, the change replaces it.
    Anything,
    /// This.
    Answer(Bytes),
    /// A refusal that begins with this selector.
    Refusal([u8; 4]),
}

impl Effect {
    /// Asking `of` must answer `after`.
    pub fn new<C: SolCall>(of: Address, question: &C, after: &C::Return) -> Self {
        Self {
            of,
            question: Question::Call(question.abi_encode().into()),
            before: Before::Anything,
            after: C::abi_encode_returns(after).into(),
        }
    }

    /// A slot of `of` that holds one address before and another after.
    pub fn slot(of: Address, slot: B256, before: Address, after: Address) -> Self {
        Self {
            of,
            question: Question::Slot(slot),
            before: Before::Answer(before.abi_encode().into()),
            after: after.abi_encode().into(),
        }
    }

    /// Where nothing was done yet, it answers `before`.
    #[must_use]
    pub fn before<C: SolCall>(mut self, before: &C::Return) -> Self {
        self.before = Before::Answer(C::abi_encode_returns(before).into());
        self
    }

    /// Where nothing was done yet, it refuses with this error.
    #[must_use]
    pub fn refused_with<E: SolError>(mut self) -> Self {
        self.before = Before::Refusal(E::SELECTOR);
        self
    }
}

impl Change {
    /// Nothing to be done: this must be found.
    pub const fn found(effect: Effect) -> Self {
        Self {
            calls: Vec::new(),
            effect,
        }
    }

    /// One call.
    pub fn new<C: SolCall>(call: &C, effect: Effect) -> Self {
        Self {
            calls: vec![call.abi_encode().into()],
            effect,
        }
    }
}

impl Work {
    /// Where the transaction goes and what it carries, with these of its changes.
    pub fn transaction(&self, changes: &[&Change]) -> (Address, Bytes) {
        match self {
            Self::Create { salt, creation, .. } => (PROXY, create2::input(*salt, creation)),
            Self::Change { to, change } => (*to, change.calls.concat().into()),
            Self::Changes { to, .. } => {
                let calls = changes.iter().flat_map(|change| change.calls.iter());
                let data = calls.cloned().collect();
                (*to, multicallCall { data }.abi_encode().into())
            }
        }
    }

    /// The contract that is created or changed.
    pub const fn target(&self) -> Address {
        match self {
            Self::Create { address, .. } => *address,
            Self::Change { to, .. } | Self::Changes { to, .. } => *to,
        }
    }

    /// The changes in it.
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::Create { .. } => &[],
            Self::Change { change, .. } => std::slice::from_ref(change),
            Self::Changes { changes, .. } => changes,
        }
    }
}

impl Plan {
    /// A plan without steps. Equal contracts of deployments with different names lie apart.
    pub fn new(artifacts: &Artifacts, deployment: &str) -> Self {
        Self {
            artifacts: artifacts.clone(),
            deployment: deployment.to_owned(),
            steps: Vec::new(),
        }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Everything that will be sent and asked, for a snapshot's key.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for step in &self.steps {
            let changes: Vec<&Change> = step.work.changes().iter().collect();
            let (to, data) = step.work.transaction(&changes);
            bytes.extend((step.name.as_str(), to, data).abi_encode());
        }
        bytes
    }

    /// Creates one of our contracts. `arguments` is a tuple, also of one.
    ///
    /// # Errors
    /// As for [`Artifacts::code`].
    pub fn create<T>(&mut self, contract: &str, arguments: &T) -> Result<Address>
    where
        T: SolValue,
        for<'a> <T::SolType as SolType>::Token<'a>: TokenSeq<'a>,
    {
        let creation = self.artifacts.creation(contract, arguments)?;
        Ok(self.create_code(contract, creation))
    }

    /// Creates one of our contracts whose constructor takes nothing.
    ///
    /// # Errors
    /// As for [`Artifacts::code`].
    pub fn create_plain(&mut self, contract: &str) -> Result<Address> {
        let creation = self.artifacts.code(contract)?;
        Ok(self.create_code(contract, creation))
    }

    /// Creates a contract. `label` is unique in the plan.
    pub fn create_code(&mut self, label: &str, creation: Bytes) -> Address {
        let salt = create2::salt(&self.deployment, label);
        let address = PROXY.create2_from_code(salt, &creation);
        let name = format!("{CREATE}{label}");
        let work = Work::Create {
            address,
            salt,
            creation,
        };
        self.steps.push(Step { name, work });
        address
    }

    /// Calls a contract.
    pub fn call<C: SolCall>(&mut self, name: &str, to: Address, call: &C, effect: Effect) {
        let change = Change::new(call, effect);
        self.steps.push(Step {
            name: name.to_owned(),
            work: Work::Change { to, change },
        });
    }

    /// Makes changes in an AccessManager together.
    pub fn change(&mut self, name: &str, to: Address, changes: Vec<Change>) {
        self.steps.push(Step {
            name: name.to_owned(),
            work: Work::Changes { to, changes },
        });
    }
}
