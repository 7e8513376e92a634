//! Recurrent layers.

use tch::{Kind, TchError, Tensor};
use zarathustra_eval::architecture::{Direction, Op, Recurrent, Returns, RnnActivation};

use super::layer::{Layer, Parameters, unary};

/// Dimension of time in `[rows, time, features]`.
const TIME: i64 = 1;

#[derive(Clone, Copy)]
enum Cell {
    Tanh,
    Relu,
    Lstm,
    Gru,
}

/// The layer of `rnn`, `lstm` or `gru`.
pub fn layer(op: &Op, parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    let (cell, recurrent) = match op {
        Op::Rnn { activation, layer } => match activation {
            RnnActivation::Tanh => (Cell::Tanh, layer),
            RnnActivation::Relu => (Cell::Relu, layer),
        },
        Op::Lstm(layer) => (Cell::Lstm, layer),
        Op::Gru(layer) => (Cell::Gru, layer),
        _ => return Err(TchError::Torch(format!("{} is not recurrent", op.name()))),
    };
    let Recurrent {
        units,
        bias,
        direction,
        returns,
    } = *recurrent;
    let weights = parameters.rest()?;
    let both = direction == Direction::Both;
    let directions = if both { 2 } else { 1 };
    Ok(unary(move |x| {
        let mut x = x.tensor;
        if direction == Direction::Backward {
            x = x.f_flip([TIME])?;
        }
        let (rows, _, _) = x.size3()?;
        let start = Tensor::f_zeros([directions, rows, units as i64], (Kind::Float, x.device()))?;
        let w = weights.as_slice();
        let (sequence, last) = match cell {
            Cell::Tanh => x.f_rnn_tanh(&start, w, bias, 1, 0.0, false, both, true)?,
            Cell::Relu => x.f_rnn_relu(&start, w, bias, 1, 0.0, false, both, true)?,
            Cell::Gru => x.f_gru(&start, w, bias, 1, 0.0, false, both, true)?,
            Cell::Lstm => {
                let states = [start.shallow_clone(), start];
                let (sequence, last, _) = x.f_lstm(&states, w, bias, 1, 0.0, false, both, true)?;
                (sequence, last)
            }
        };
        match (returns, direction) {
            (Returns::Sequence, Direction::Backward) => sequence.f_flip([TIME]),
            (Returns::Sequence, _) => Ok(sequence),
            // One state for each direction, put one behind the other.
            (Returns::Last, _) => last
                .f_transpose(0, 1)?
                .f_reshape([rows, directions * units as i64]),
        }
    }))
}
