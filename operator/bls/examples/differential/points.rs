//! Points in the forms of EIP-2537, and ways to spoil them.

use blst::min_sig::{AggregatePublicKey, AggregateSignature, PublicKey, SecretKey, Signature};

use crate::{Failure, random::Random};

/// Bytes of a coordinate's half, and as the precompiles take it.
const FIELD: usize = 48;
const PADDED: usize = 64;

/// Modulus of the base field (EIP-2537).
const MODULUS: [u8; FIELD] = [
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7,
    0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24,
    0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
];

/// Order of the subgroups.
const ORDER: [u8; 32] = [
    0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05,
    0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
];

/// Flags of a compressed point, and of the greater of two roots.
const COMPRESSED: u8 = 0x80;
const GREATER: u8 = 0x20;

/// A point of the first curve, `x ‖ y`, zeros for infinity.
#[derive(Clone, Copy, PartialEq)]
pub struct G1(pub [u8; 2 * FIELD]);

/// A point of the second curve, `x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1`, zeros for infinity.
#[derive(Clone, Copy, PartialEq)]
pub struct G2(pub [u8; 4 * FIELD]);

impl G1 {
    pub const INFINITY: Self = Self([0; 2 * FIELD]);

    pub fn of(signature: &Signature) -> Self {
        Self(plain(signature.serialize()))
    }

    pub fn padded(&self) -> [u8; 2 * PADDED] {
        pad(&self.0)
    }

    /// A point on the curve, which lies outside the subgroup but for one in 2^125.
    pub fn outside(random: &mut Random) -> Self {
        loop {
            let point = Signature::uncompress(&flagged(random.array::<FIELD>(), random));
            if let Ok(point) = point {
                return Self::of(&point);
            }
        }
    }

    /// The sum with a point whose order divides the cofactor: a pairing without a check of the
    /// subgroup does not see it.
    pub fn shifted(&self, random: &mut Random) -> Result<Self, Failure> {
        let point = AggregateSignature::from_signature(&Self::outside(random).decoded()?);
        // The highest bit of the order is the second one of its first byte.
        let mut torsion = point;
        for bit in bits(&ORDER).skip(2) {
            let once = torsion;
            torsion.add_aggregate(&once);
            if bit {
                torsion.add_aggregate(&point);
            }
        }
        let mut sum = AggregateSignature::from_signature(&self.decoded()?);
        sum.add_aggregate(&torsion);
        Ok(Self::of(&sum.to_signature()))
    }

    pub fn negated(&self) -> Self {
        let mut point = *self;
        negate(&mut point.0[FIELD..]);
        point
    }

    /// As blst reads it, unless it is infinity.
    pub fn decoded(&self) -> Result<Signature, Failure> {
        Signature::deserialize(&self.0).map_err(|error| format!("{error:?}").into())
    }
}

impl G2 {
    pub const INFINITY: Self = Self([0; 4 * FIELD]);

    pub fn of(key: &PublicKey) -> Self {
        Self(swapped(plain(key.serialize())))
    }

    pub fn padded(&self) -> [u8; 4 * PADDED] {
        pad(&self.0)
    }

    /// A point on the curve: half of them in the subgroup.
    pub fn any_on_curve(random: &mut Random) -> Self {
        if random.below(2) == 0 {
            return Self::of(&secret(random).sk_to_pk());
        }
        Self::outside(random)
    }

    /// A point on the curve, which lies outside the subgroup but for one in 2^380.
    pub fn outside(random: &mut Random) -> Self {
        loop {
            let first = flagged(random.array::<FIELD>(), random);
            let mut bytes = [0; 2 * FIELD];
            bytes[..FIELD].copy_from_slice(&first);
            bytes[FIELD..].copy_from_slice(&random.array::<FIELD>());
            bytes[FIELD] &= 0x1f;
            if let Ok(point) = PublicKey::uncompress(&bytes) {
                return Self::of(&point);
            }
        }
    }

    /// As for G1.
    pub fn shifted(&self, random: &mut Random) -> Result<Self, Failure> {
        let point = AggregatePublicKey::from_public_key(&Self::outside(random).decoded()?);
        let mut torsion = point;
        for bit in bits(&ORDER).skip(2) {
            let once = torsion;
            torsion.add_aggregate(&once);
            if bit {
                torsion.add_aggregate(&point);
            }
        }
        let mut sum = AggregatePublicKey::from_public_key(&self.decoded()?);
        sum.add_aggregate(&torsion);
        Ok(Self::of(&sum.to_public_key()))
    }

    pub fn plus(&self, other: &Self) -> Result<Self, Failure> {
        if *self == Self::INFINITY {
            return Ok(*other);
        }
        if *other == Self::INFINITY {
            return Ok(*self);
        }
        let mut sum = AggregatePublicKey::from_public_key(&self.decoded()?);
        sum.add_aggregate(&AggregatePublicKey::from_public_key(&other.decoded()?));
        Ok(Self::of(&sum.to_public_key()))
    }

    pub fn negated(&self) -> Self {
        let mut point = *self;
        negate(&mut point.0[2 * FIELD..3 * FIELD]);
        negate(&mut point.0[3 * FIELD..]);
        point
    }

    /// As blst reads it, unless it is infinity.
    pub fn decoded(&self) -> Result<PublicKey, Failure> {
        PublicKey::deserialize(&swapped(self.0)).map_err(|error| format!("{error:?}").into())
    }
}

pub fn secret(random: &mut Random) -> SecretKey {
    loop {
        if let Ok(secret) = SecretKey::from_bytes(&random.array::<32>()) {
            return secret;
        }
    }
}

/// Puts random coordinates in the place of a padded point's: never a point but for one in 2^380.
pub fn off_curve(padded: &mut [u8], random: &mut Random) {
    for field in padded.chunks_exact_mut(PADDED) {
        field[PADDED - FIELD..].copy_from_slice(&random.array::<FIELD>());
        // Below the modulus.
        field[PADDED - FIELD] &= 0x0f;
    }
}

/// Adds the modulus to one coordinate of a padded point: the same number, but not canonical.
pub fn not_canonical(padded: &mut [u8], random: &mut Random) {
    let fields = padded.len() / PADDED;
    let start = PADDED * random.below(fields) + PADDED - FIELD;
    let mut carry = 0;
    for (byte, more) in padded[start..start + FIELD].iter_mut().zip(MODULUS).rev() {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

/// Sets one of the sixteen bytes before a coordinate, which are to be zero.
pub fn top_byte(padded: &mut [u8], random: &mut Random) {
    let fields = padded.len() / PADDED;
    let place = PADDED * random.below(fields) + random.below(PADDED - FIELD);
    padded[place] = 1 + random.below(255) as u8;
}

fn flagged<const N: usize>(mut bytes: [u8; N], random: &mut Random) -> [u8; N] {
    bytes[0] = bytes[0] & 0x1f | COMPRESSED;
    if random.below(2) == 0 {
        bytes[0] |= GREATER;
    }
    bytes
}

/// blst's form of infinity is a flag, that of EIP-2537 zeros alone.
fn plain<const N: usize>(bytes: [u8; N]) -> [u8; N] {
    if bytes[0] & 0x40 == 0 { bytes } else { [0; N] }
}

/// `c0 ‖ c1` in place of `c1 ‖ c0` and back.
fn swapped(mut point: [u8; 4 * FIELD]) -> [u8; 4 * FIELD] {
    for coordinate in point.chunks_exact_mut(2 * FIELD) {
        coordinate.rotate_left(FIELD);
    }
    point
}

fn pad<const N: usize>(point: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    for (to, from) in padded
        .chunks_exact_mut(PADDED)
        .zip(point.chunks_exact(FIELD))
    {
        to[PADDED - FIELD..].copy_from_slice(from);
    }
    padded
}

/// `p − c`, or 0 for 0.
fn negate(coordinate: &mut [u8]) {
    if coordinate.iter().all(|byte| *byte == 0) {
        return;
    }
    let mut borrow = 0;
    for (byte, whole) in coordinate.iter_mut().zip(MODULUS).rev() {
        let difference = i16::from(whole) - i16::from(*byte) - borrow;
        *byte = difference as u8;
        borrow = i16::from(difference < 0);
    }
}

fn bits(number: &[u8]) -> impl Iterator<Item = bool> + '_ {
    number
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
}
