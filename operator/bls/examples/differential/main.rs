//! Random cases for the Solidity library `BLS`, with what blst says of each.
//!
//! `cargo run -p zarathustra-bls --example differential FOLDER [SEED]` writes them into a folder, one
//! file per function; `contracts/differential` reads them. The seed is random unless it is given.
//!
//! Every case is made to be true or false in a certain way, so blst's verdict is known
//! beforehand: where blst itself says something else, nothing is written.

mod points;
mod random;
mod signatures;

use std::{env, fs, path::Path};

use blst::min_sig::SecretKey;

use points::{G1, G2};
use random::Random;

/// Cases of each other function.
const CASES: usize = 1_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("name the folder to write into")?;
    let seed = match arguments.next() {
        Some(text) => text.parse()?,
        None => {
            let mut seed = [0; 8];
            getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
            u64::from_le_bytes(seed)
        }
    };
    println!("seed {seed}");
    fs::create_dir_all(&folder)?;
    let folder = Path::new(&folder);
    let mut random = Random::new(seed);
    let signatures = signatures::cases(&mut random)?;
    fs::write(folder.join("verify.bin"), signatures)?;
    fs::write(folder.join("hash.bin"), hashes(&mut random)?)?;
    fs::write(folder.join("add.bin"), sums(&mut random)?)?;
    fs::write(folder.join("negate.bin"), negations(&mut random)?)?;
    fs::write(folder.join("pad.bin"), forms(&mut random))?;
    println!("{CASES} each of hash-to-curve, addition, negation and padding");
    Ok(())
}

/// Lengths of message and tag, whether the tag may be used, the point, the message, the tag.
fn hashes(random: &mut Random) -> Result<Vec<u8>, Failure> {
    let one = SecretKey::from_bytes(&random::number(1)).map_err(|_| "one is a key")?;
    let mut out = Vec::new();
    for _ in 0..CASES {
        let message_length = random.below(301);
        let message = random.bytes(message_length);
        // One tag in eight is longer than the library takes.
        let tag_length = match random.below(8) {
            0 => 256 + random.below(100),
            _ => random.below(256),
        };
        let tag = random.bytes(tag_length);
        // Signed with the key 1, a message is its own hash.
        let hashed = match tag_length {
            0..=255 => G1::of(&one.sign(&message, &tag, &[])).padded(),
            _ => [0; 128],
        };
        out.extend((message.len() as u16).to_be_bytes());
        out.extend((tag.len() as u16).to_be_bytes());
        out.push(u8::from(tag_length <= 255));
        out.extend(hashed);
        out.extend(message);
        out.extend(tag);
    }
    Ok(out)
}

/// Whether the sum exists, both terms, the sum.
fn sums(random: &mut Random) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    for case in 0..CASES {
        let left = G2::any_on_curve(random);
        let right = match case % 4 {
            0 => left,
            1 => left.negated(),
            2 => G2::INFINITY,
            _ => G2::any_on_curve(random),
        };
        let (left, right) = if random.below(2) == 0 {
            (left, right)
        } else {
            (right, left)
        };
        let (mut a, mut b) = (left.padded(), right.padded());
        let sum = left.plus(&right)?;
        let bad = random.below(4);
        if bad == 0 {
            let term = if random.below(2) == 0 { &mut a } else { &mut b };
            match random.below(3) {
                0 => points::off_curve(term, random),
                1 => points::not_canonical(term, random),
                _ => points::top_byte(term, random),
            }
        }
        out.push(u8::from(bad != 0));
        out.extend(a);
        out.extend(b);
        out.extend(if bad == 0 { [0; 256] } else { sum.padded() });
    }
    Ok(out)
}

/// A point and its inverse: their sum is infinity, says blst.
fn negations(random: &mut Random) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    for _ in 0..CASES {
        let point = match random.below(50) {
            0 => G2::INFINITY,
            _ => G2::any_on_curve(random),
        };
        let inverse = point.negated();
        if point.plus(&inverse)? != G2::INFINITY {
            return Err("a point and its inverse do not cancel out".into());
        }
        out.extend(point.padded());
        out.extend(inverse.padded());
    }
    Ok(out)
}

/// A length and as many bytes, most often 96 or 192.
fn forms(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..CASES {
        let length = match random.below(4) {
            0 => 96,
            1 => 192,
            2 => 48 * random.below(9),
            _ => random.below(400),
        };
        out.extend((length as u16).to_be_bytes());
        out.extend(random.bytes(length));
    }
    out
}
