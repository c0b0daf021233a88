//! The classes of replies: how the caller must react.

use super::MutationOutcome;

/// How the caller must react to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The call succeeded.
    Ok,
    /// Not ready yet: ask again later.
    Wait,
    /// Too many calls: pause all calls.
    Throttle,
    /// Nothing was changed: the same call may be sent again.
    Retry,
    /// It is unknown whether the change happened: ask before sending again.
    Unknown,
    /// Nothing was changed, because something has the name: ask what it is.
    NameTaken,
    /// The caller's information is out of date: read again.
    ReRead,
    /// The platform rejects the file: re-encode it.
    ReEncode,
    /// The token is invalid: the whole run stops.
    ReAuthenticate,
    /// The configuration is wrong: the whole run stops.
    Configuration,
    /// Sending the same again does not help.
    Permanent,
}

/// The error for an unknown class name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown class `{0}`: use ok, wait, throttle, retry, unknown, name-taken, re-read, re-encode, \
     re-authenticate, configuration or permanent"
)]
pub struct UnknownClass(String);

impl Class {
    /// Every class with its name in the configuration.
    const ALL: [(&'static str, Class); 11] = [
        ("ok", Class::Ok),
        ("wait", Class::Wait),
        ("throttle", Class::Throttle),
        ("retry", Class::Retry),
        ("unknown", Class::Unknown),
        ("name-taken", Class::NameTaken),
        ("re-read", Class::ReRead),
        ("re-encode", Class::ReEncode),
        ("re-authenticate", Class::ReAuthenticate),
        ("configuration", Class::Configuration),
        ("permanent", Class::Permanent),
    ];

    /// Returns the names of all classes in the configuration.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Class::ALL.iter().map(|(name, _)| *name)
    }

    /// Returns what an error of this class says about the effect of a mutation.
    pub fn mutation_outcome(self) -> MutationOutcome {
        match self {
            // A class that says nothing about effects leaves the outcome unknown.
            Class::Ok | Class::Unknown => MutationOutcome::Unknown,
            Class::NameTaken => MutationOutcome::NameTaken,
            Class::Wait => MutationOutcome::NotReady,
            Class::Throttle | Class::Retry => MutationOutcome::NotDone,
            Class::ReRead => MutationOutcome::Stale,
            Class::ReEncode => MutationOutcome::BadMedia,
            Class::ReAuthenticate | Class::Configuration => MutationOutcome::Stop,
            Class::Permanent => MutationOutcome::Refused,
        }
    }

    /// Returns what the class means for the user.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Class::Ok => "the call succeeded",
            Class::Wait => "not ready yet; greenlit asks again later",
            Class::Throttle => "too many calls; greenlit pauses all calls",
            Class::Retry => "temporary failure; nothing was changed, so the call may be sent again",
            Class::Unknown => {
                "the change may have happened; greenlit asks the platform before it sends anything again"
            }
            Class::NameTaken => {
                "something has this name already; greenlit asks the platform whether an earlier call created it"
            }
            Class::ReRead => "greenlit's information is out of date; it asks the platform again",
            Class::ReEncode => "the platform rejects the file; greenlit re-encodes it",
            Class::ReAuthenticate => "the authorisation is invalid; the run stops until you renew it",
            Class::Configuration => "the configuration is wrong; correct it and run again",
            Class::Permanent => "final; sending the same request again does not help",
        }
    }
}

impl std::str::FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Class, UnknownClass> {
        let found = Class::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, class)| *class).ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_class_is_refused_with_the_known_names() {
        assert_eq!("re-read".parse(), Ok(Class::ReRead));
        let message = "reread".parse::<Class>().map_err(|error| error.to_string()).unwrap_err();
        assert!(Class::names().all(|name| message.contains(name)), "{message}");
    }
}
