//! Control groups, where this program may make some: one for each worker, with the memory that the
//! settings allow and a number of threads. The limits hold without them, by the kernel's limits on
//! data and by the host that watches; with them, memory that neither sees is counted as well.
//!
//! Groups are made below this program's own group (version 1, or version 2 as a service manager
//! delegates it), or beside it when the group above belongs to the same user, which is what
//! `DelegateSubgroup=` leaves. Nothing is changed in groups that were not handed over.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Most threads of a worker's group.
const MAX_TASKS: u64 = 512;
const GROUP_PREFIX: &str = "zarathustra-worker";

/// Where groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Parents {
    /// One hierarchy with both controllers.
    V2(PathBuf),
    /// A hierarchy for memory and perhaps one for the number of tasks.
    V1 {
        memory: PathBuf,
        pids: Option<PathBuf>,
    },
}

/// The groups of one worker; removed when dropped.
#[derive(Debug)]
pub struct Group {
    folders: Vec<PathBuf>,
    events: PathBuf,
}

impl Group {
    /// Puts a process into groups of its own. `None` where that cannot be done.
    pub fn admit(pid: Option<u32>, memory_bytes: u64) -> Option<Self> {
        let parents = parents().ok()?;
        let pid = pid?.to_string();
        let group = Self::make(parents, memory_bytes)
            .inspect_err(|error| tracing::debug!(%error, "make a control group"))
            .ok()?;
        for folder in &group.folders {
            // A worker that ended already is noticed elsewhere.
            if let Err(error) = fs::write(folder.join("cgroup.procs"), &pid) {
                tracing::debug!(%error, "put a worker into a control group");
                return None;
            }
        }
        Some(group)
    }

    fn make(parents: &Parents, memory_bytes: u64) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        retry_removals();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{GROUP_PREFIX}-{}-{number}", std::process::id());
        let (folders, limits, events) = match parents {
            Parents::V2(parent) => (
                vec![parent.join(&name)],
                vec![
                    (0, "memory.max", memory_bytes),
                    (0, "memory.swap.max", 0),
                    (0, "pids.max", MAX_TASKS),
                ],
                "memory.events",
            ),
            Parents::V1 { memory, pids } => {
                let mut folders = vec![memory.join(&name)];
                let mut limits = vec![(0, "memory.limit_in_bytes", memory_bytes)];
                if let Some(pids) = pids {
                    folders.push(pids.join(&name));
                    limits.push((1, "pids.max", MAX_TASKS));
                }
                (folders, limits, "memory.oom_control")
            }
        };
        let events = folders[0].join(events);
        let group = Self { folders, events };
        for folder in &group.folders {
            fs::create_dir(folder)?;
        }
        for (index, file, limit) in limits {
            let written = fs::write(group.folders[index].join(file), limit.to_string());
            // A kernel without swap accounting has no such file.
            if file != "memory.swap.max" {
                written?;
            }
        }
        Ok(group)
    }

    /// Whether the kernel ended a process of the group for its memory.
    pub fn ended_a_process(&self) -> bool {
        let text = match fs::read_to_string(&self.events) {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(%error, "read what a control group did; why its worker ended may be told wrongly");
                return false;
            }
        };
        text.lines()
            .filter_map(|line| line.strip_prefix("oom_kill "))
            .any(|count| count.trim() != "0")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in self.folders.drain(..) {
            remove(folder);
        }
    }
}

/// Groups whose worker was killed and not yet gone when they were to be removed.
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn remove(folder: PathBuf) {
    match fs::remove_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            LEFT.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(folder);
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(%error, "remove a control group");
        }
        _ => {}
    }
}

fn retry_removals() {
    let left = std::mem::take(&mut *LEFT.lock().unwrap_or_else(PoisonError::into_inner));
    left.into_iter().for_each(remove);
}

/// Removes the groups that programs left behind which ended without removing them.
fn remove_leftovers(parents: &Parents) {
    let folders = match parents {
        Parents::V2(parent) => vec![parent],
        Parents::V1 { memory, pids } => std::iter::once(memory).chain(pids).collect(),
    };
    let groups = folders
        .into_iter()
        .flat_map(|folder| match fs::read_dir(folder) {
            Ok(groups) => groups.collect(),
            Err(error) => vec![Err(error)],
        });
    for group in groups {
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                tracing::debug!(%error, "look for control groups that were left behind");
                continue;
            }
        };
        let name = group.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(GROUP_PREFIX)?.split('-').nth(1));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(group.path());
        }
    }
}

/// Version of the control groups that workers are put into, or why they are put into none.
pub fn version() -> Result<&'static str, &'static str> {
    parents().map(|parents| match parents {
        Parents::V2(_) => "v2",
        Parents::V1 { .. } => "v1",
    })
}

/// Found once: programs do not change their group while they run.
fn parents() -> Result<&'static Parents, &'static str> {
    static PARENTS: OnceLock<Result<Parents, String>> = OnceLock::new();
    PARENTS
        .get_or_init(|| {
            let read = |file: &str| {
                fs::read_to_string(file).map_err(|error| format!("read {file}: {error}"))
            };
            find(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?)
                .inspect(remove_leftovers)
        })
        .as_ref()
        .map_err(String::as_str)
}

/// The first place where a group can be made, or what kept each from being one.
fn find(groups: &str, mounts: &str) -> Result<Parents, String> {
    let usable = |parents: &Parents| Group::make(parents, 1 << 30).map(drop);
    let mut refused = Vec::new();
    let own = own_group(groups, mounts, None);
    let above = own.as_deref().and_then(handed_over_parent);
    for folder in own.into_iter().chain(above) {
        let parents = Parents::V2(folder.clone());
        match delegate(&folder).and_then(|()| usable(&parents)) {
            Ok(()) => return Ok(parents),
            Err(error) => refused.push(format!("v2, {}: {error}", folder.display())),
        }
    }
    if let Some(memory) = own_group(groups, mounts, Some("memory")) {
        let folder = memory.display().to_string();
        let pids = own_group(groups, mounts, Some("pids"));
        let parents = Parents::V1 { memory, pids };
        match usable(&parents) {
            Ok(()) => return Ok(parents),
            Err(error) => refused.push(format!("v1, {folder}: {error}")),
        }
    }
    if refused.is_empty() {
        return Err("no hierarchy of them shows this program's group".to_owned());
    }
    Err(refused.join("; "))
}

/// The folder of this program's group: of version 2, or of a controller of version 1.
fn own_group(groups: &str, mounts: &str, controller: Option<&str>) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let wanted = match controller {
            None => controllers.is_empty(),
            Some(name) => controllers.split(',').any(|one| one == name),
        };
        wanted.then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        // Root and mount point are the fourth and fifth field; type and options follow the dash.
        let (mount, kind) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let mut kind = kind.split(' ');
        let wanted = match (controller, kind.next()?) {
            (None, "cgroup2") => true,
            (Some(name), "cgroup") => kind.next_back()?.split(',').any(|option| option == name),
            _ => false,
        };
        // A mount that shows another part of the tree does not show our group.
        let below = Path::new(path).strip_prefix(root).ok()?;
        wanted.then(|| Path::new(point).join(below))
    })
}

/// The group above, if it belongs to the user that this program runs as and that is not root, who
/// owns them all.
fn handed_over_parent(own: &Path) -> Option<PathBuf> {
    let parent = own.parent()?;
    let user = fs::metadata("/proc/self").ok()?.uid();
    let owner = fs::metadata(parent).ok()?.uid();
    (user != 0 && owner == user).then(|| parent.to_owned())
}

/// Lets groups below this one have limits on memory and tasks.
fn delegate(folder: &Path) -> io::Result<()> {
    let enabled = fs::read_to_string(folder.join("cgroup.subtree_control"))?;
    for controller in ["memory", "pids"] {
        if !enabled.split_whitespace().any(|one| one == controller) {
            // Refused where processes are in the group itself.
            let enable = format!("+{controller}");
            fs::write(folder.join("cgroup.subtree_control"), enable)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID_GROUPS: &str = "8:pids:/\n4:memory:/service/one\n1:name=systemd:/\n0::/unit\n";
    const HYBRID_MOUNTS: &str = "\
30 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
";

    #[test]
    fn a_group_is_found_through_the_mounts() {
        let own = |controller| own_group(HYBRID_GROUPS, HYBRID_MOUNTS, controller);
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(own(None), path("/sys/fs/cgroup/unified/unit"));
        assert_eq!(
            own(Some("memory")),
            path("/sys/fs/cgroup/memory/service/one")
        );
        assert_eq!(own(Some("pids")), path("/sys/fs/cgroup/pids/"));
        assert_eq!(own(Some("cpu")), None);
        let elsewhere = HYBRID_MOUNTS.replace("0:28 / ", "0:28 /other ");
        assert_eq!(own_group(HYBRID_GROUPS, &elsewhere, Some("memory")), None);
    }

    #[test]
    fn every_place_that_is_refused_says_why() {
        let hybrid = find(
            HYBRID_GROUPS,
            &HYBRID_MOUNTS.replace("/sys/fs/", "/nowhere/"),
        );
        let nothing_there = "No such file or directory (os error 2)";
        let expected = format!(
            "v2, /nowhere/cgroup/unified/unit: {nothing_there}; \
             v1, /nowhere/cgroup/memory/service/one: {nothing_there}"
        );
        assert_eq!(hybrid, Err(expected));
        let none = "no hierarchy of them shows this program's group";
        assert_eq!(find("", HYBRID_MOUNTS), Err(none.to_owned()));
        assert_eq!(find(HYBRID_GROUPS, ""), Err(none.to_owned()));
    }

    #[test]
    fn a_group_whose_events_count_a_kill_ended_a_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let group = Group {
            folders: Vec::new(),
            events: folder.path().join("memory.events"),
        };
        assert!(!group.ended_a_process(), "nothing can be read");
        for (events, ended) in [
            ("oom 1\noom_kill 0\n", false),
            ("oom 1\noom_kill 2\n", true),
        ] {
            fs::write(&group.events, events).expect("written");
            assert_eq!(group.ended_a_process(), ended, "{events}");
        }
    }
}
