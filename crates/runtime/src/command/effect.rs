//! What a command does, as a set.

use std::fmt;

/// Something that a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Effect {
    /// Reads files or the state of the machine.
    Reads = 1,
    /// Makes or changes files.
    Writes = 2,
    /// Deletes files.
    Deletes = 4,
    /// Reaches other machines.
    Network = 8,
    /// Runs with more rights, or changes the machine.
    Privileged = 16,
    /// Runs code that this reading does not know.
    Unknown = 32,
}

/// A set of effects. An empty one only computes (`true`, `echo`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Effects(u8);

impl Effects {
    /// Nothing.
    pub const NONE: Self = Self(0);
    pub(super) const READS: Self = Self(Effect::Reads as u8);
    pub(super) const WRITES: Self = Self(Effect::Writes as u8);
    pub(super) const DELETES: Self = Self(Effect::Deletes as u8);
    pub(super) const NETWORK: Self = Self(Effect::Network as u8);
    pub(super) const PRIVILEGED: Self = Self(Effect::Privileged as u8);
    pub(super) const UNKNOWN: Self = Self(Effect::Unknown as u8);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// It is one of them.
    pub const fn contains(self, effect: Effect) -> bool {
        self.0 & effect as u8 != 0
    }

    /// There is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All of them, in the order of [`Effect`].
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        [
            Effect::Reads,
            Effect::Writes,
            Effect::Deletes,
            Effect::Network,
            Effect::Privileged,
            Effect::Unknown,
        ]
        .into_iter()
        .filter(move |effect| self.contains(*effect))
    }
}

impl From<Effect> for Effects {
    fn from(effect: Effect) -> Self {
        Self(effect as u8)
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        effects
            .into_iter()
            .fold(Self::NONE, |set, effect| set.and(effect.into()))
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
