//! What host and worker say to each other.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zarathustra_eval::wire::{self, Job, Reply};
use zarathustra_primitives::SampleScores;

pub fn job(bytes: &[u8]) {
    frame::<Job>(bytes, wire::MAX_JOB_BYTES);
}

/// A reply, and the frame with scores that may follow.
pub fn reply(bytes: &[u8]) {
    let Some((reply, rest)) = frame::<Reply>(bytes, wire::MAX_REPLY_BYTES) else {
        return;
    };
    if let Reply::Scored(_) = reply
        && let Ok(file) = wire::read_frame(&mut &*rest, SampleScores::MAX_FILE_LEN as u32)
    {
        super::results::scores(&file);
    }
}

/// Reads a frame and what it holds; returns that and the bytes after the frame.
fn frame<T: DeserializeOwned + Serialize>(mut bytes: &[u8], limit: u32) -> Option<(T, &[u8])> {
    let content = wire::read_frame(&mut bytes, limit).ok()?;
    let mut again = Vec::new();
    wire::write_frame(&mut again, &content).expect("memory takes it");
    assert_eq!(
        wire::read_frame(&mut again.as_slice(), limit).ok(),
        Some(content.clone())
    );

    let value: T = serde_json::from_slice(&content).ok()?;
    let text = serde_json::to_string(&value).expect("what was read can be written");
    let again: T = serde_json::from_str(&text).expect("what was written is read");
    assert_eq!(serde_json::to_string(&again).ok(), Some(text));
    Some((value, bytes))
}
