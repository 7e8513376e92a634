//! Whose turn it is and when (2.5).

use std::num::NonZeroU32;

use zarathustra_primitives::{Clock, Turn};

/// The running count of a task's turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The turn that the count starts with.
    pub base: Turn,
    /// When that turn started.
    pub base_at: Clock,
    /// How long a turn lasts.
    pub turn_length: NonZeroU32,
}

impl Schedule {
    /// The schedule of a task whose seed was fixed at `now`.
    pub const fn first(now: Clock, turn_length: NonZeroU32) -> Self {
        Self {
            base: Turn::new(0),
            base_at: now,
            turn_length,
        }
    }

    /// The turn at `now`.
    pub fn current(&self, now: Clock) -> Turn {
        let passed = now.since(self.base_at) / u64::from(self.turn_length.get());
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        Turn::new(self.base.get().saturating_add(passed))
    }

    /// When a turn starts; `None` for one that was passed on before this count began.
    pub fn start_of(&self, turn: Turn) -> Option<Clock> {
        let turns = turn.get().checked_sub(self.base.get())?;
        Some(
            self.base_at
                .after(u64::from(turns) * u64::from(self.turn_length.get())),
        )
    }

    /// From when a claim of a turn may be blocked (3.1). A turn before the count's base ended, at
    /// the latest, when the count began.
    pub fn blocked_from(&self, turn: Turn, voting_window: u32) -> Clock {
        let ended = self.start_of(turn).map_or(self.base_at, |start| {
            start.after(u64::from(self.turn_length.get()))
        });
        ended.after(u64::from(voting_window))
    }

    /// The schedule after a claim of `turn` was rejected or blocked at `now`: the current turn is
    /// passed on, an older one has passed already.
    #[must_use]
    pub fn passed_on(self, turn: Turn, now: Clock) -> Self {
        match turn.next() {
            Some(next) if turn == self.current(now) => Self {
                base: next,
                base_at: now,
                ..self
            },
            _ => self,
        }
    }

    /// The schedule of a task that expired at `expired` and is reopened at `now` (2.2).
    #[must_use]
    pub fn reopened(self, expired: Clock, now: Clock) -> Self {
        let last = self.current(expired);
        Self {
            base: last.next().unwrap_or(last),
            base_at: now,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

    fn first() -> Schedule {
        Schedule::first(Clock::new(100), LENGTH)
    }

    #[test]
    fn turns_follow_each_other() {
        let cases = [
            (0, 0),
            (100, 0),
            (109, 0),
            (110, 1),
            (119, 1),
            (120, 2),
            (1100, 100),
        ];
        for (now, turn) in cases {
            assert_eq!(
                first().current(Clock::new(now)),
                Turn::new(turn),
                "at {now}"
            );
        }
        assert_eq!(first().start_of(Turn::new(3)), Some(Clock::new(130)));
        assert_eq!(first().current(Clock::new(u64::MAX)), Turn::new(u32::MAX));
    }

    #[test]
    fn a_certificate_passes_the_current_turn_on_and_no_older_one() {
        let now = Clock::new(125);
        let passed = first().passed_on(Turn::new(2), now);
        assert_eq!((passed.base, passed.base_at), (Turn::new(3), now));
        assert_eq!(passed.current(now), Turn::new(3));
        assert_eq!(passed.current(Clock::new(135)), Turn::new(4));
        assert_eq!(passed.start_of(Turn::new(2)), None);
        assert_eq!(first().passed_on(Turn::new(1), now), first());
    }

    #[test]
    fn blocking_waits_for_the_turn_and_the_voting_window() {
        assert_eq!(first().blocked_from(Turn::new(0), 7), Clock::new(117));
        assert_eq!(first().blocked_from(Turn::new(2), 7), Clock::new(137));
        let passed = first().passed_on(Turn::new(2), Clock::new(125));
        assert_eq!(passed.blocked_from(Turn::new(1), 7), Clock::new(132));
    }

    #[test]
    fn reopening_goes_on_after_the_last_turn() {
        let reopened = first().reopened(Clock::new(199), Clock::new(250));
        assert_eq!(
            (reopened.base, reopened.base_at),
            (Turn::new(10), Clock::new(250))
        );
    }
}
