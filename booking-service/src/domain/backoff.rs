//! How long to leave somebody alone who did not answer well.

use std::time::Duration;

/// Doubles from a base to a cap.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure, at the most.
    pub base: Duration,
    /// However many there were.
    pub cap: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row. `spread` is from 0 to 1, another each time: who failed together does not come back together.
    pub fn after(self, failures: u32, spread: f64) -> Duration {
        let doubled =
            self.base.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.cap).mul_f64(0.5 + spread.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pause_grows_to_its_cap_and_never_beyond(failures in 1_u32..10_000, spread in 0.0_f64..1.0) {
            let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };
            let pause = backoff.after(failures, spread);
            prop_assert!(pause <= backoff.cap && pause >= Duration::from_millis(500));
            prop_assert!(backoff.after(failures + 1, spread) >= pause);
            prop_assert!(failures < 6 || pause >= backoff.cap / 2);
        }
    }
}
