//! The barriers around a worker, and which of them a run requires.

use crate::job::WorkerInfo;

/// What keeps a worker from doing more than its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// No descriptor of the parent's starter is left open.
    ClosedDescriptors,
    /// The system ends a worker before other programs when memory runs out.
    OomScore,
    /// The worker dies with its parent.
    ParentDeathSignal,
    /// A crash writes no memory to a file.
    NoCoreDump,
    /// Few descriptors.
    RlimitNofile,
    /// No message queues.
    RlimitMsgqueue,
    /// A worker started by root is another user.
    UnprivilegedUser,
    /// No privilege of root is left.
    NoCapabilities,
    /// Programs give no privileges.
    NoNewPrivileges,
    /// The kernel's access rules for files, TCP, signals and sockets.
    Landlock,
    /// The filter of system calls.
    Seccomp,
}

impl Barrier {
    /// The barriers without which a worker that runs foreign code could reach files, processes or the network.
    pub const REQUIRED: [Barrier; 4] =
        [Barrier::Seccomp, Barrier::Landlock, Barrier::NoNewPrivileges, Barrier::NoCapabilities];

    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Barrier::ClosedDescriptors => "closed-descriptors",
            Barrier::OomScore => "oom-score",
            Barrier::ParentDeathSignal => "parent-death-signal",
            Barrier::NoCoreDump => "no-core-dump",
            Barrier::RlimitNofile => "rlimit-nofile",
            Barrier::RlimitMsgqueue => "rlimit-msgqueue",
            Barrier::UnprivilegedUser => "unprivileged-user",
            Barrier::NoCapabilities => "no-capabilities",
            Barrier::NoNewPrivileges => "no-new-privileges",
            Barrier::Landlock => "landlock",
            Barrier::Seccomp => "seccomp",
        }
    }
}

/// How much isolation a run demands of its workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Isolation {
    /// End the run if a required barrier is missing.
    #[default]
    Required,
    /// Use what the system offers, and say what is missing.
    BestEffort,
    /// Use separate processes with limits only.
    Off,
}

impl Isolation {
    /// Returns why a worker must not be used: what it lacks, and which option consents to it.
    pub(super) fn refuse(self, info: &WorkerInfo) -> Option<String> {
        let missing: Vec<String> = info.missing_barriers();
        if self != Isolation::Required || missing.is_empty() {
            return None;
        }
        Some(format!(
            "media workers cannot be isolated on this system: {}. A hostile file could then do what this user \
             may do. No worker reads a file; `--isolation best-effort` consents to what this system offers{}",
            missing.join("; "),
            if cfg!(target_os = "linux") { "" } else { ", `--isolation off` to none" }
        ))
    }
}

impl WorkerInfo {
    /// Returns the required barriers that are not in force, each with the reason where it is known.
    pub fn missing_barriers(&self) -> Vec<String> {
        let is_missing = |barrier: &Barrier| !self.in_force.iter().any(|name| name == barrier.name());
        let missing = Barrier::REQUIRED.into_iter().filter(is_missing).map(Barrier::name);
        let reason = |name: &str| {
            let prefix = format!("{name}: ");
            let refused = self.refused.iter().find(|refused| refused.starts_with(&prefix));
            refused.cloned().unwrap_or_else(|| format!("{name} is not in force"))
        };
        missing.map(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(in_force: &[&str], refused: &[&str]) -> WorkerInfo {
        let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        WorkerInfo { in_force: strings(in_force), refused: strings(refused), ..WorkerInfo::default() }
    }

    #[test]
    fn every_required_barrier_is_demanded() {
        let all = Barrier::REQUIRED.map(Barrier::name);
        assert_eq!(Isolation::Required.refuse(&with(&all, &["oom-score: denied"])), None);
        for missing in all {
            let rest: Vec<&str> = all.into_iter().filter(|name| *name != missing).collect();
            let info = with(&rest, &[]);
            let text = Isolation::Required.refuse(&info).unwrap_or_default();
            assert!(text.contains(missing) && text.contains("--isolation best-effort"), "{text}");
            assert_eq!(Isolation::BestEffort.refuse(&info), None);
            assert_eq!(Isolation::Off.refuse(&info), None);
        }
    }

    #[test]
    fn a_refusal_states_the_reason_of_the_system() {
        let info = with(
            &["seccomp", "no-new-privileges", "no-capabilities"],
            &["landlock: not supported by this kernel"],
        );
        let text = Isolation::Required.refuse(&info).unwrap_or_default();
        assert!(text.contains("landlock: not supported by this kernel"), "{text}");
    }
}
