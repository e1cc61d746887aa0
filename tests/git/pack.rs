//! Packs made by hand, for what no Git program writes.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::git_server::Repository;

const BLOB: u8 = 3;
const OFS_DELTA: u8 = 6;

/// What is copied by one instruction of a delta: the largest that three bytes can say.
const LARGEST_COPY: u64 = 0xff_ffff;

/// A pack of 16 KB with a blob of 16 MiB zeros, and a second one that copies it over and over: so many times 16 MiB.
pub fn bomb(repository: &Repository, copies: usize) -> Vec<u8> {
    let zeros = vec![0; 16 << 20];
    let blob = repository.git_with_input(&["hash-object", "-w", "--stdin"], &zeros);
    // Git's own pack of that one blob has its bytes as a pack needs them: twelve bytes of head, four of type and size,
    // twenty of checksum.
    repository.git_with_input(
        &[
            "pack-objects",
            "--quiet",
            &repository.path().join("one").to_string_lossy(),
        ],
        format!("{blob}\n").as_bytes(),
    );
    let entries = std::fs::read_dir(repository.path())
        .expect("the repository")
        .flatten()
        .map(|entry| entry.path());
    let file = entries
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .expect("a pack");
    let one = std::fs::read(file).expect("the pack");
    let base = &one[12..one.len() - 20];

    let mut delta = sizes(&[zeros.len() as u64, LARGEST_COPY * copies as u64]);
    for _ in 0..copies {
        // Copy from the beginning, and three bytes that say how much.
        delta.extend_from_slice(&[0x80 | 0x70, 0xff, 0xff, 0xff]);
    }
    let mut objects = base.to_vec();
    objects.extend(object_head(OFS_DELTA, delta.len() as u64));
    objects.extend(offset(base.len() as u64));
    objects.extend(stored(&delta));
    pack(2, &objects)
}

/// A pack with one blob of so many bytes that cannot be packed any smaller.
pub fn large(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(bytes)
    .collect();
    let mut object = object_head(BLOB, bytes as u64);
    object.extend(stored(&noise));
    pack(1, &object)
}

fn pack(count: u32, objects: &[u8]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend_from_slice(&count.to_be_bytes());
    pack.extend_from_slice(objects);
    let checksum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &pack);
    pack.extend_from_slice(checksum.as_ref());
    pack
}

/// Type and size of an object: four bits of the size beside the type, then seven a byte.
fn object_head(kind: u8, size: u64) -> Vec<u8> {
    let mut head = vec![(kind << 4) | (size & 0x0f) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        if let Some(last) = head.last_mut() {
            *last |= 0x80;
        }
        head.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    head
}

/// How far back the base of a delta begins; each byte but the first counts from one.
fn offset(distance: u64) -> Vec<u8> {
    let mut bytes = vec![(distance & 0x7f) as u8];
    let mut rest = distance >> 7;
    while rest > 0 {
        rest -= 1;
        bytes.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes.reverse();
    bytes
}

/// The sizes at the beginning of a delta: seven bits a byte, the lowest first.
fn sizes(of: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for size in of {
        let mut rest = *size;
        while rest >= 0x80 {
            bytes.push(0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// Bytes as zlib (RFC 1950) stores them without packing them.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    out.extend_from_slice(&((high << 16) | low).to_be_bytes());
    out
}
