//! The embedded node among peers that are not like it.

#[path = "common/bitswap.rs"]
mod bitswap;
mod common;

use bitswap::{Want, block_message, host_connected_with, presence_message, read_wants};
use common::{bytes, error_code, soon, start};
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{AsyncWriteExt, FutureExt, StreamExt};
use rust_ipfs::{Ipfs, PeerId, Stream};
use zarathustra_content::{CHUNK_BYTES, ContentStore, EmbeddedNode, MAX_BLOCK_BYTES, file_id};

#[tokio::test]
async fn other_bytes_from_a_peer_are_neither_believed_nor_kept() {
    let victim = start().await;
    let (liar, mut incoming, victim_id) = host_connected_with(&victim).await;
    let wanted = file_id(b"the bytes");
    let lies = [b"other bytes".to_vec(), bytes(MAX_BLOCK_BYTES / 2)];
    let answering = async {
        let (_, mut asked) = incoming.next().await.expect("the victim asks");
        let wants = read_wants(&mut asked).await.expect("a question");
        assert_eq!(wants, [(wanted, Want::Have)]);
        // One stream keeps the order: what ends the fetch comes after the lies.
        let mut answer = liar
            .open_stream(victim_id, bitswap::PROTOCOL)
            .await
            .expect("stream");
        for bytes in lies
            .iter()
            .map(Vec::as_slice)
            .chain([b"the bytes".as_slice()])
        {
            let message = block_message(wanted, bytes);
            answer.write_all(&message).await.expect("sent");
        }
        answer.flush().await.expect("sent");
        (asked, answer)
    };
    let (fetched, _streams) = tokio::join!(victim.fetch(wanted, 100, soon()), answering);
    assert_eq!(fetched, Ok(b"the bytes".to_vec()));
    for lie in lies {
        let kept = victim.local_block(file_id(&lie)).await;
        assert_eq!(error_code(kept), "content_unavailable");
    }
}

/// Serves the blocks of `library` as Kubo does: every message on a stream of its own.
async fn serve_a_stream_per_message(
    host: &Ipfs,
    mut incoming: BoxStream<'static, (PeerId, Stream)>,
    reader: PeerId,
    library: &EmbeddedNode,
) {
    let mut questions = FuturesUnordered::new();
    let mut answers = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some((_, mut stream)) = incoming.next() => questions.push(
                async move { (read_wants(&mut stream).await, stream) }.boxed(),
            ),
            Some((wants, mut stream)) = questions.next() => {
                let Some(wants) = wants else { continue };
                answers.extend(wants.into_iter().map(|(id, want)| async move {
                    let block = library.local_block(id).await;
                    let message = match (want, &block) {
                        (Want::Block, Ok(block)) => block_message(id, block),
                        (_, block) => presence_message(id, block.is_ok()),
                    };
                    let mut stream = host
                        .open_stream(reader, bitswap::PROTOCOL)
                        .await
                        .expect("stream");
                    stream.write_all(&message).await.expect("sent");
                    stream.close().await.expect("sent");
                }));
                questions.push(async move { (read_wants(&mut stream).await, stream) }.boxed());
            }
            Some(()) = answers.next() => {}
        }
    }
}

#[tokio::test]
async fn a_peer_that_opens_a_stream_per_message_is_understood() {
    let (library, reader) = (start().await, start().await);
    let (host, incoming, reader_id) = host_connected_with(&reader).await;
    let file = bytes(20 * CHUNK_BYTES);
    let id = library.add(&file).await.expect("added");
    tokio::select! {
        fetched = reader.fetch(id, u64::MAX, soon()) => assert_eq!(fetched, Ok(file)),
        () = serve_a_stream_per_message(&host, incoming, reader_id, &library) => {}
    }
}
