//! Block headers as the seed source wants them.

use alloy::{
    consensus::Header,
    primitives::Bytes,
    providers::{DynProvider, Provider},
};

use crate::ChainError;

/// The RLP encoding of a block's header, checked to hash to the block's hash.
///
/// # Errors
/// [`ChainError::UnknownBlock`] before the block exists; [`ChainError::HeaderMismatch`] when the
/// node's answer does not hash to the hash it states.
pub async fn rlp_header(provider: &DynProvider, number: u64) -> Result<Bytes, ChainError> {
    let block = provider
        .get_block_by_number(number.into())
        .await
        .map_err(ChainError::transport("eth_getBlockByNumber"))?
        .ok_or(ChainError::UnknownBlock { number })?;
    let header: Header = block.header.inner;
    let computed = header.hash_slow();
    if computed != block.header.hash {
        return Err(ChainError::HeaderMismatch {
            number,
            computed,
            stated: block.header.hash,
        });
    }
    Ok(alloy::rlp::encode(&header).into())
}
