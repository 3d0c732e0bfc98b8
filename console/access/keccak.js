/**
 * keccak256 as Ethereum has it, written out: what a passkey signs is computed in the browser, by nothing that was
 * fetched as data. Constants are made as FIPS 202 makes them, so that there is no table to check.
 */
const MASK = (1n << 64n) - 1n;
const RATE = 136;

const rotated = (lane, by) => ((lane << by) | (lane >> (64n - by))) & MASK;

/** 25 lanes, x + 5y. */
function permute(lanes) {
  let feedback = 1;
  for (let round = 0; round < 24; round += 1) {
    const parity = [0, 1, 2, 3, 4].map((x) =>
      [0, 5, 10, 15, 20].reduce((sum, row) => sum ^ lanes[x + row], 0n),
    );
    for (let at = 0; at < 25; at += 1) {
      lanes[at] ^= parity[(at + 4) % 5] ^ rotated(parity[(at + 1) % 5], 1n);
    }
    let [x, y, moving] = [1, 0, lanes[1]];
    for (let step = 0; step < 24; step += 1) {
      [x, y] = [y, (2 * x + 3 * y) % 5];
      const by = BigInt((((step + 1) * (step + 2)) / 2) % 64);
      [moving, lanes[x + 5 * y]] = [lanes[x + 5 * y], rotated(moving, by)];
    }
    for (let row = 0; row < 25; row += 5) {
      const before = lanes.slice(row, row + 5);
      for (let at = 0; at < 5; at += 1) {
        lanes[row + at] ^= ~before[(at + 1) % 5] & MASK & before[(at + 2) % 5];
      }
    }
    for (let bit = 0; bit < 7; bit += 1) {
      feedback = ((feedback << 1) ^ ((feedback >> 7) * 0x71)) & 0xff;
      if ((feedback & 2) !== 0) lanes[0] ^= 1n << BigInt((1 << bit) - 1);
    }
  }
}

/** 32 bytes of a Uint8Array. */
export function keccak256(bytes) {
  const padded = new Uint8Array((Math.floor(bytes.length / RATE) + 1) * RATE);
  padded.set(bytes);
  padded[bytes.length] ^= 0x01;
  padded[padded.length - 1] ^= 0x80;
  const words = new DataView(padded.buffer);
  const lanes = new Array(25).fill(0n);
  for (let block = 0; block < padded.length; block += RATE) {
    for (let lane = 0; lane < RATE / 8; lane += 1) {
      lanes[lane] ^= words.getBigUint64(block + 8 * lane, true);
    }
    permute(lanes);
  }
  const hash = new DataView(new ArrayBuffer(32));
  for (let lane = 0; lane < 4; lane += 1) hash.setBigUint64(8 * lane, lanes[lane], true);
  return new Uint8Array(hash.buffer);
}
