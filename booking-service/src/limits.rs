//! How much is too much: by organisation, by credential, by address. Counted in this process; each copy of the service counts for itself.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::{
    caller::Caller,
    config::Rates,
    domain::ids::OrgId,
    error::{Error, Result},
};

/// A burst may bring as much as this many seconds allow.
const BURST: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// One account can be tried from so many addresses at once: if it were one, whoever keeps trying would lock its owner out.
const ADDRESSES: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    organisation: DefaultKeyedRateLimiter<OrgId>,
    credential: DefaultKeyedRateLimiter<(OrgId, Arc<str>)>,
    /// Attempts to sign in or up.
    attempts: DefaultKeyedRateLimiter<IpAddr>,
    /// Attempts at one e-mail address, from wherever they come.
    account: DefaultKeyedRateLimiter<String>,
    /// Credentials that were refused.
    refusals: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limits {
    /// With these rates.
    pub fn new(rates: &Rates) -> Self {
        let second = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST));
        Self(Arc::new(Inner {
            organisation: RateLimiter::keyed(second(rates.organisation_rate)),
            credential: RateLimiter::keyed(second(rates.credential_rate)),
            attempts: RateLimiter::keyed(Quota::per_minute(rates.sign_in_rate)),
            account: RateLimiter::keyed(Quota::per_minute(rates.sign_in_rate.saturating_mul(ADDRESSES))),
            refusals: RateLimiter::keyed(Quota::per_minute(rates.refusal_rate)),
        }))
    }

    /// A request of somebody who was let in.
    pub fn request(&self, caller: &Caller) -> Result<()> {
        check(&self.0.credential, &(caller.org, caller.subject.clone()))?;
        check(&self.0.organisation, &caller.org)
    }

    /// An attempt to sign in or up from an address.
    pub fn attempt(&self, address: Option<IpAddr>) -> Result<()> {
        address.map_or(Ok(()), |address| check(&self.0.attempts, &network(address)))
    }

    /// An attempt at an account.
    pub fn account(&self, email: &str) -> Result<()> {
        check(&self.0.account, &email.to_owned())
    }

    /// A credential was refused: past the limit it is not even written down.
    pub fn refusal(&self, address: Option<IpAddr>) -> Result<()> {
        address.map_or(Ok(()), |address| check(&self.0.refusals, &network(address)))
    }

    /// Forgets those who have been quiet for long enough to begin anew.
    pub fn sweep(&self) {
        let Inner { organisation, credential, attempts, account, refusals } = &*self.0;
        organisation.retain_recent();
        credential.retain_recent();
        attempts.retain_recent();
        account.retain_recent();
        refusals.retain_recent();
    }
}

fn check<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<()> {
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(limiter.clock().now());
        Error::RateLimited(wait.max(Duration::from_millis(1)))
    })
}

/// Whoever has an IPv6 address has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn neighbours_in_a_network_are_one() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1") && !same("192.0.2.2", "192.0.2.1"));
    }
}
