//! Recurrent layers. States and gates stay in 64 bits over the whole sequence; the hidden states
//! are rounded where they leave the layer.

use zarathustra_model::architecture::RnnActivation;

use crate::{
    activation::relu,
    kernel::Kernel,
    linear::Linear,
    math::{sigmoid, tanh},
};

/// What a layer computes from its gates.
#[derive(Clone, Copy)]
pub enum Cell {
    /// One gate.
    Rnn(RnnActivation),
    /// The gates i, f, g, o.
    Lstm,
    /// The gates r, z, n.
    Gru,
}

impl Cell {
    /// Number of gates.
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn(_) => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// One direction of a layer.
pub struct Pass {
    /// From the input to the gates.
    pub input: Linear,
    /// From the hidden state to the gates.
    pub hidden: Linear,
    /// Whether it begins with the last element.
    pub backward: bool,
}

/// A recurrent layer.
pub struct Recurrent {
    /// What it computes.
    pub cell: Cell,
    /// Size of the hidden state.
    pub units: usize,
    /// Elements of the sequence.
    pub time: usize,
    /// Its directions, in the order of their results.
    pub passes: Vec<Pass>,
    /// Whether only the last hidden state is wanted.
    pub last: bool,
}

impl Kernel for Recurrent {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let places = if self.last { 1 } else { self.time };
        let width = self.passes.len() * self.units;
        let mut result = vec![0.0; places * width];
        for (index, pass) in self.passes.iter().enumerate() {
            self.pass(pass, inputs[0], |time, hidden| {
                let place = if self.last { 0 } else { time };
                let states = &mut result[place * width + index * self.units..][..self.units];
                for (state, hidden) in states.iter_mut().zip(hidden) {
                    *state = *hidden as f32;
                }
            });
        }
        result
    }
}

impl Recurrent {
    /// Reads the sequence, and shows the hidden state after each element.
    fn pass(&self, pass: &Pass, x: &[f32], mut show: impl FnMut(usize, &[f64])) {
        let width = self.cell.gates() * self.units;
        let mut of_input = vec![0.0; self.time * width];
        pass.input.map(x, |place, sum| of_input[place] = sum);
        let mut of_hidden = vec![0.0; width];
        let mut hidden = vec![0.0; self.units];
        let mut memory = vec![0.0; self.units];
        for index in 0..self.time {
            let time = if pass.backward {
                self.time - 1 - index
            } else {
                index
            };
            pass.hidden
                .map(&hidden, |place, sum| of_hidden[place] = sum);
            let gates = Gates {
                of_input: &of_input[time * width..][..width],
                of_hidden: &of_hidden,
                units: self.units,
            };
            for unit in 0..self.units {
                hidden[unit] = self
                    .cell
                    .step(&gates, unit, hidden[unit], &mut memory[unit]);
            }
            show(time, &hidden);
        }
    }
}

/// Both halves of all gates at one element.
struct Gates<'a> {
    of_input: &'a [f64],
    of_hidden: &'a [f64],
    units: usize,
}

impl Gates<'_> {
    fn halves(&self, gate: usize, unit: usize) -> [f64; 2] {
        let place = gate * self.units + unit;
        [self.of_input[place], self.of_hidden[place]]
    }

    fn sum(&self, gate: usize, unit: usize) -> f64 {
        let [input, hidden] = self.halves(gate, unit);
        input + hidden
    }
}

impl Cell {
    /// The next hidden state of a unit.
    fn step(self, gates: &Gates<'_>, unit: usize, hidden: f64, memory: &mut f64) -> f64 {
        match self {
            Self::Rnn(RnnActivation::Tanh) => tanh(gates.sum(0, unit)),
            Self::Rnn(RnnActivation::Relu) => relu(gates.sum(0, unit)),
            Self::Lstm => {
                let [input, forget, output] = [0, 1, 3].map(|gate| sigmoid(gates.sum(gate, unit)));
                *memory = forget * *memory + input * tanh(gates.sum(2, unit));
                output * tanh(*memory)
            }
            Self::Gru => {
                let reset = sigmoid(gates.sum(0, unit));
                let update = sigmoid(gates.sum(1, unit));
                let [of_input, of_hidden] = gates.halves(2, unit);
                let new = tanh(of_input + reset * of_hidden);
                (1.0 - update) * new + update * hidden
            }
        }
    }
}
