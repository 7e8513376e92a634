//! EigenLayer's errors by name.

use super::abi::Core::CoreErrors;

/// The error of EigenLayer's core that revert data holds.
pub(crate) fn error_name(data: &[u8]) -> Option<String> {
    let selector = data.first_chunk()?;
    CoreErrors::name_by_selector(*selector).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::keccak256;

    use super::*;

    #[test]
    fn errors_are_known_by_their_selector() {
        let selector = &keccak256("OperatorNotSlashable()")[..4];
        assert_eq!(
            error_name(selector).as_deref(),
            Some("OperatorNotSlashable")
        );
        assert_eq!(error_name(&selector[..3]), None);
        assert_eq!(error_name(&keccak256("NoSuchError()")[..]), None);
    }
}
