//! How a daemon is: alive, ready, and which of its services are up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

/// State of one service, in the words of the AVS node specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ServiceStatus {
    /// Works.
    Up,
    /// Does not work.
    Down,
    /// Has not worked yet.
    Initializing,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Stable name.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// How it is.
    pub status: ServiceStatus,
    /// Why it is not up; a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The services of a daemon. Clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct Health {
    services: Arc<Mutex<BTreeMap<&'static str, Service>>>,
}

impl Health {
    /// Declares a service, which is initialising until told otherwise.
    pub fn declare(&self, id: &'static str, name: &str, description: &str) {
        self.lock().insert(
            id,
            Service {
                id: id.to_owned(),
                name: name.to_owned(),
                description: description.to_owned(),
                status: ServiceStatus::Initializing,
                reason: None,
            },
        );
    }

    /// A declared service works.
    pub fn up(&self, id: &'static str) {
        self.set(id, ServiceStatus::Up, None);
    }

    /// A declared service does not work, for the reason with that code.
    pub fn down(&self, id: &'static str, reason: &str) {
        self.set(id, ServiceStatus::Down, Some(reason.to_owned()));
    }

    /// All services, by name.
    pub fn services(&self) -> Vec<Service> {
        self.lock().values().cloned().collect()
    }

    /// One service.
    pub fn service(&self, id: &str) -> Option<Service> {
        self.lock().get(id).cloned()
    }

    /// Down when a service is down, initialising when one has not worked yet, up otherwise.
    pub fn overall(&self) -> ServiceStatus {
        let services = self.lock();
        let any = |s: ServiceStatus| services.values().any(|x| x.status == s);
        if any(ServiceStatus::Down) {
            ServiceStatus::Down
        } else if any(ServiceStatus::Initializing) {
            ServiceStatus::Initializing
        } else {
            ServiceStatus::Up
        }
    }

    fn set(&self, id: &'static str, status: ServiceStatus, reason: Option<String>) {
        if let Some(service) = self.lock().get_mut(id) {
            service.status = status;
            service.reason = reason;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Service>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
