//! What examines the contracts: slither, halmos and a solver.

use eyre::Result;

use super::{Part, Setup, models, python, replace, workshop};

/// Installs the packages in `.tools/analysis`.
pub fn install(setup: &Setup<'_>) -> Result<()> {
    let running = models::check_python()?;
    let lock = setup.checkout.path("deploy/lock/python/analysis.txt");
    let target = setup.checkout.tools("analysis");
    let part = Part {
        name: "analysis of contracts",
        doing: "downloading slither, halmos and cvc5 (85 MB, 260 MB unpacked)",
        words: &[&running],
        inputs: vec![lock.clone()],
        result: target.join("halmos/__main__.py"),
    };
    setup.part(&part, || {
        let folder = workshop(&target)?;
        python::install_for_this_python(&[&lock], &folder)?;
        replace(&target, &folder)
    })
}
