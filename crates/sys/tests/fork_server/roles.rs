pub(crate) fn play(_name: &str) {}
