//! The keys a table may have.

/// The keys a table may have. The JSON schema has the same: a test compares them.
#[derive(Debug)]
pub(crate) struct Keys {
    /// How help lines show where such a table stands: `[service.NAME]`, `restart = { … }`.
    pub(crate) place: &'static str,
    /// The name of its shape in the JSON schema.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares reader and schema"))]
    pub(crate) shape: &'static str,
    pub(crate) known: &'static [&'static str],
    /// Keys of versions to come: an honest "not yet" is better than "unknown".
    pub(crate) later: &'static [&'static str],
    /// What other supervisors call ours.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}

/// Every table there is.
pub(crate) const ALL: [&Keys; 28] = [
    &crate::config::KEYS,
    &crate::supervisor::KEYS,
    &crate::supervisor::control::KEYS,
    &crate::supervisor::log::KEYS,
    &crate::supervisor::starts::KEYS,
    &crate::service::KEYS,
    &crate::unit::after::KEYS,
    &crate::unit::restart::KEYS,
    &crate::unit::stop::KEYS,
    &crate::service::ready::KEYS,
    &crate::service::health::KEYS,
    &crate::pool::KEYS,
    &crate::pool::workers::KEYS,
    &crate::pool::retry::KEYS,
    &crate::pool::retry::budget::KEYS,
    &crate::pool::recycle::KEYS,
    &crate::pool::dependency_pause::KEYS,
    &crate::pool::forget::KEYS,
    &crate::pool::restart::KEYS,
    &crate::group::KEYS,
    &crate::rule::SERVICE_KEYS,
    &crate::rule::POOL_KEYS,
    &crate::rule::KEYS,
    &crate::rule::matches::UNIT_KEYS,
    &crate::rule::matches::KEYS,
    &crate::rule::UPTIME_KEYS,
    &crate::rule::ATTEMPT_KEYS,
    &crate::rule::BACKOFF_KEYS,
];
