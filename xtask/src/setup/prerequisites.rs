//! What set-up cannot install itself.

use eyre::{Result, bail};

use crate::process::answer;

/// Checks all prerequisites and names every missing one, each with the way to get it.
pub fn check() -> Result<()> {
    let missing: Vec<String> = [platform(), python(), node(), npm(), compiler()]
        .into_iter()
        .flatten()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "something is missing on this machine\n  {}",
        missing.join("\n  ")
    )
}

fn platform() -> Option<String> {
    let fits = cfg!(all(
        target_os = "linux",
        target_arch = "x86_64",
        target_env = "gnu"
    ));
    (!fits).then(|| "Linux on x86-64 with glibc: libtorch and anvil are pinned for it".to_owned())
}

fn python() -> Option<String> {
    let Some(said) = answer("python3", &["--version"]) else {
        return Some("Python 3.9 or newer: sudo apt install python3 python3-pip".to_owned());
    };
    if version(&said) < Some((3, 9)) {
        return Some(format!("Python 3.9 or newer (found: {})", said.trim()));
    }
    match answer("python3", &["-m", "pip", "--version"])
        .as_deref()
        .map(version)
    {
        None => Some("pip for Python 3: sudo apt install python3-pip".to_owned()),
        // Older ones do not know the platform tags that the wheels carry.
        Some(found) if found < Some((20, 3)) => {
            Some("pip 20.3 or newer: python3 -m pip install --user --upgrade pip".to_owned())
        }
        Some(_) => None,
    }
}

fn node() -> Option<String> {
    let said = answer("node", &["--version"]);
    match said.as_deref().map(version) {
        Some(found) if found >= Some((18, 0)) => None,
        Some(_) => Some(format!(
            "Node.js 18 or newer (found: {}): see https://nodejs.org/en/download",
            said.unwrap_or_default().trim(),
        )),
        None => Some("Node.js 18 or newer: sudo apt install nodejs npm".to_owned()),
    }
}

fn npm() -> Option<String> {
    match answer("npm", &["--version"]).as_deref().map(version) {
        Some(found) if found >= Some((7, 0)) => None,
        Some(_) => Some("npm 7 or newer: npm install --global npm".to_owned()),
        None => Some("npm: sudo apt install npm".to_owned()),
    }
}

fn compiler() -> Option<String> {
    let of_the_user = std::env::var("CXX").ok();
    let program = of_the_user.as_deref().unwrap_or("c++");
    answer(program, &["--version"])
        .is_none()
        .then(|| format!("a C++ compiler ({program} does not run): sudo apt install g++"))
}

/// Major and minor number of the first version in `text`.
fn version(text: &str) -> Option<(u32, u32)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text[start..]
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        assert_eq!(version("Python 3.11.7\n"), Some((3, 11)));
        assert_eq!(
            version("pip 23.2.1 from /usr/lib/python3 (python 3.11)"),
            Some((23, 2))
        );
        assert_eq!(version("v20.20.2"), Some((20, 20)));
        assert_eq!(version("11.19.1"), Some((11, 19)));
        assert_eq!(version("none"), None);
    }
}
