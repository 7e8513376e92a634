//! Just enough of bitswap 1.2 to play a peer of another make: messages by hand, over
//! streams of a node that does not speak bitswap itself.

use futures::io::{AsyncRead, AsyncReadExt};
use futures::stream::{BoxStream, StreamExt};
use rust_ipfs::builder::DefaultIpfsBuilder;
use rust_ipfs::{DialOpts, Ipfs, PeerId, Stream, StreamProtocol};
use zarathustra_content::{ContentId, ContentStore, EmbeddedNode};

pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/bitswap/1.2.0");

/// A libp2p host that is connected with `node`, the bitswap streams that `node` opens, and
/// the identity of `node`.
pub async fn host_connected_with(
    node: &EmbeddedNode,
) -> (Ipfs, BoxStream<'static, (PeerId, Stream)>, PeerId) {
    let host = DefaultIpfsBuilder::new()
        .enable_tcp()
        .with_streams()
        .start()
        .await
        .expect("started");
    // Before the connection: who does not speak bitswap then is not asked again.
    let incoming = host.new_stream(PROTOCOL).await.expect("protocol").boxed();
    let identity = node.identity().await.expect("identity");
    let (listen, peer) = identity.addresses[0]
        .split_once("/p2p/")
        .expect("identity at the end");
    let peer: PeerId = peer.parse().expect("peer");
    let dial = DialOpts::peer_id(peer)
        .addresses(vec![listen.parse().expect("address")])
        .build();
    host.connect(dial).await.expect("connected");
    (host, incoming, peer)
}

/// A message with one block, said to be of the codec of `id` and hashed with SHA2-256.
pub fn block_message(id: ContentId, data: &[u8]) -> Vec<u8> {
    // Message.payload = 3 { prefix = 1, data = 2 }; the prefix is a CID without digest.
    let mut block = field(1, &id.to_bytes()[..4]);
    block.extend(field(2, data));
    length_prefixed(&field(3, &block))
}

/// A message that says whether a block is there.
pub fn presence_message(id: ContentId, have: bool) -> Vec<u8> {
    // Message.blockPresences = 4 { cid = 1, type = 2 }; Have is 0, DontHave is 1.
    let mut presence = field(1, &id.to_bytes());
    presence.extend([2 << 3, u8::from(!have)]);
    length_prefixed(&field(4, &presence))
}

/// What one entry of a wantlist asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Have,
    Block,
}

/// The next message's wantlist, cancellations left out; `None` at the end of the stream.
pub async fn read_wants(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<(ContentId, Want)>> {
    let mut length = 0usize;
    for shift in (0..).step_by(7) {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.ok()?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.ok()?;
    // Message.wantlist = 1 { entries = 1 { block = 1, cancel = 3, wantType = 4 } }
    let mut wants = Vec::new();
    for (number, wantlist) in fields(&message) {
        for (inner, entry) in fields(if number == 1 { wantlist } else { &[] }) {
            if inner != 1 {
                continue;
            }
            let (mut id, mut want, mut cancel) = (None, Want::Block, false);
            for (number, value) in fields(entry) {
                match number {
                    1 => id = ContentId::from_bytes(value).ok(),
                    3 => cancel = value != [0],
                    4 if value == [1] => want = Want::Have,
                    _ => {}
                }
            }
            if let (Some(id), false) = (id, cancel) {
                wants.push((id, want));
            }
        }
    }
    Some(wants)
}

/// The fields of a protobuf message; a varint's value is its bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (tag, _) = take_varint(&mut bytes);
        let value = if tag & 7 == 2 {
            let (length, _) = take_varint(&mut bytes);
            let (value, rest) = bytes.split_at(length as usize);
            bytes = rest;
            value
        } else {
            take_varint(&mut bytes).1
        };
        found.push((tag >> 3, value));
    }
    found
}

fn take_varint<'a>(bytes: &mut &'a [u8]) -> (u64, &'a [u8]) {
    let end = bytes
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .expect("varint")
        + 1;
    let (varint, rest) = bytes.split_at(end);
    *bytes = rest;
    let value = varint
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, varint)
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(length_prefixed(bytes));
    out
}

fn length_prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}
