//! How a daemon that cannot start, or must stop, says why: a line with a stable code and the
//! chain of causes, a hint where there is one.

use std::{error::Error, process::ExitCode};

use crate::settings::SettingsError;

/// Finds the stable code of one kind of error.
pub type CodeOf = fn(&(dyn Error + 'static)) -> Option<&'static str>;

/// Ends a daemon: exit code 0, or 1 after the reason was printed on standard error. Codes of
/// settings are known here, `codes` finds those of other errors.
pub fn report<E>(outcome: Result<(), E>, codes: &[CodeOf]) -> ExitCode
where
    E: AsRef<dyn Error + Send + Sync>,
{
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", text(error.as_ref(), codes));
            ExitCode::FAILURE
        }
    }
}

/// The code is `failed` where no cause has one.
fn text(error: &(dyn Error + 'static), codes: &[CodeOf]) -> String {
    let chain = || std::iter::successors(Some(error), |&cause| cause.source());
    let code = chain().find_map(|cause| {
        let settings = cause.downcast_ref().map(SettingsError::code);
        settings.or_else(|| codes.iter().find_map(|code_of| code_of(cause)))
    });
    let mut causes: Vec<String> = chain().map(in_words).collect();
    causes.dedup();
    let mut text = format!(
        "error [{}] {}\n",
        code.unwrap_or("failed"),
        causes.join(": ")
    );
    if let Some(hint) = chain().find_map(|cause| cause.downcast_ref().map(SettingsError::hint)) {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}

/// Nodes and peers put line breaks into their messages; the reason is one line.
fn in_words(cause: &(dyn Error + 'static)) -> String {
    let text = cause.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("start\nthe chain")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("no answer")]
    struct Inner;

    #[derive(Debug, Deserialize)]
    struct Nothing {}

    #[test]
    fn the_causes_stand_in_one_line_behind_the_code_of_any_of_them() {
        let inner: CodeOf = |cause| cause.downcast_ref().map(|Inner| "node_unreachable");
        assert_eq!(
            text(&Outer(Inner), &[inner]),
            "error [node_unreachable] start the chain: no answer\n"
        );
        assert_eq!(
            text(&Outer(Inner), &[]),
            "error [failed] start the chain: no answer\n"
        );
    }

    #[test]
    fn settings_have_a_code_and_a_hint() {
        let missing = crate::settings::load::<Nothing>(Some(Path::new("no/such.toml")), [], &[]);
        let error = missing.expect_err("there is no such file");
        assert_eq!(
            text(&error, &[]),
            "error [settings_unreadable] read the settings file no/such.toml: No such file or \
             directory (os error 2)\n\
             hint: name the file with --settings or ZARATHUSTRA_SETTINGS_FILE\n"
        );
    }
}
