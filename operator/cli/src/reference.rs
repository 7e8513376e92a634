//! The reference of all commands, written from the help that clap holds.

use clap::{Arg, Command};

const INTRODUCTION: &str = "\
# The command line

<!-- Written from the code by `ZARATHUSTRA_BLESS=1 cargo test -p zarathustra-cli reference`. -->

A command prints its result on standard output and everything else on standard error.
With `--json` the result is one JSON document; amounts in it are strings in the smallest unit of their token, scores are integers in units of 1e-6.
The exit code is 0 when the command did what it was asked, 1 when it did not, and 2 when it could not be understood.
An error has a stable code (with `--json`) and, where there is something to do about it, a hint.
";

/// Markdown for a program and all its commands.
pub fn markdown(mut root: Command) -> String {
    root.build();
    let mut text = INTRODUCTION.to_owned();
    text.push_str("\n## Options of every command\n\n");
    text.push_str(&arguments(
        root.get_arguments().filter(|arg| arg.is_global_set()),
    ));
    let name = root.get_name().to_owned();
    for command in commands(&root) {
        describe(&name, command, 2, &mut text);
    }
    text
}

fn commands(parent: &Command) -> impl Iterator<Item = &Command> {
    parent
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
}

fn describe(parent: &str, command: &Command, level: usize, text: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    text.push_str(&format!("\n{} `{name}`\n\n", "#".repeat(level)));
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        text.push_str(&format!("{}\n", sentences(&about.to_string())));
    }
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !is_built_in(arg))
        .collect();
    if !own.is_empty() {
        text.push_str(&format!("\n{}", arguments(own.into_iter())));
    }
    for inner in commands(command) {
        describe(&name, inner, level + 1, text);
    }
}

fn is_built_in(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

fn arguments<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = "| Argument | Meaning | Default |\n|---|---|---|\n".to_owned();
    for arg in args {
        let help = arg
            .get_long_help()
            .or(arg.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut meaning = help
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "\\|");
        if let Some(variable) = arg.get_env() {
            meaning.push_str(&format!(" (environment: `{}`)", variable.to_string_lossy()));
        }
        text.push_str(&format!(
            "| `{}` | {meaning} | {} |\n",
            usage(arg),
            default(arg)
        ));
    }
    text
}

fn usage(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let value = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    let mut text = match (arg.get_long(), takes_value) {
        (Some(long), true) => format!("--{long} <{value}>"),
        (Some(long), false) => format!("--{long}"),
        (None, _) if arg.is_required_set() => format!("<{value}>"),
        (None, _) => format!("[{value}]"),
    };
    if let Some(short) = arg.get_short() {
        text = format!("-{short}, {text}");
    }
    text
}

fn default(arg: &Arg) -> String {
    let values: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|v| v.to_string_lossy())
        .collect();
    match (values.is_empty(), arg.is_required_set()) {
        (true, true) => "required".to_owned(),
        (true, false) => String::new(),
        (false, _) if !arg.get_action().takes_values() => String::new(),
        (false, _) => format!("`{}`", values.join(" ")),
    }
}

/// One sentence per line, as the project writes Markdown.
fn sentences(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // clap drops the last period.
    format!("{}.", text.trim_end_matches('.')).replace(". ", ".\n")
}
