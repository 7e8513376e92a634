//! Models within the rules that a program may meet: anybody can submit them.

use eyre::Result;
use zarathustra_eval::{architecture::Architecture, parameters::Parameters};

use super::super::trial::Trial;

/// Parameters for one architecture.
pub struct Models {
    /// The given ones, each halved: another honest model.
    pub half: Vec<u8>,
    /// So large that outputs are not finite, if any are.
    pub overflowing: Vec<u8>,
    /// What a program may not have been written for, by name.
    pub edges: Vec<(&'static str, Vec<u8>)>,
}

/// Makes them from the trial's model.
pub fn variants(trial: &Trial) -> Result<Models> {
    let architecture = Architecture::from_json(&trial.architecture)?;
    let with = |change: fn(f32) -> f32| -> Result<Vec<u8>> {
        let mut parameters = Parameters::from_safetensors(&trial.parameters, &architecture)?;
        parameters
            .values_mut()
            .for_each(|value| *value = change(*value));
        Ok(parameters.to_safetensors()?)
    };
    Ok(Models {
        half: with(|value| value / 2.0)?,
        overflowing: with(|value| f32::MAX.copysign(value))?,
        edges: vec![
            ("a model whose parameters are all zero", with(|_| 0.0)?),
            ("a model of the other sign", with(|value| -value)?),
            ("a model of large parameters", with(|value| value * 1e6)?),
            (
                "a model of huge parameters",
                with(|value| 1e18_f32.copysign(value))?,
            ),
        ],
    })
}
