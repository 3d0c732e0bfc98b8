/**
 * What approvers sign, computed here from the payment's fields: EIP-712's digest, the intent's id and addresses'
 * checksums. docs/approvals.md has the fields; a test holds it against what the signer computes.
 */
import { keccak256 } from './keccak.js';

const FIELDS = [
  ['walletGroup', 'string'],
  ['asset', 'string'],
  ['to', 'address'],
  ['amount', 'uint256'],
  ['feeCap', 'uint256'],
  ['intentId', 'bytes32'],
  ['policyVersion', 'string'],
  ['initiator', 'string'],
  ['expiry', 'uint256'],
];
const DOMAIN = [
  ['name', 'string'],
  ['version', 'string'],
  ['chainId', 'uint256'],
];

const utf8 = (text) => new TextEncoder().encode(text);

export const toHex = (bytes) =>
  `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;

const fromHex = (hex) =>
  Uint8Array.from(hex.slice(2).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A word of the ABI; a number, or an address in hex, stands at its end. */
function encoded(type, value) {
  if (type === 'string') return keccak256(utf8(value));
  const digits = type === 'uint256' ? BigInt(value).toString(16) : value.slice(2);
  return fromHex(`0x${digits.padStart(64, '0')}`);
}

function hashStruct(name, fields, values) {
  const type = `${name}(${fields.map(([field, of]) => `${of} ${field}`).join(',')})`;
  const words = fields.map(([field, of]) => encoded(of, values[field]));
  return keccak256(joined([keccak256(utf8(type)), ...words]));
}

/** 32 bytes, of fields that readRequest has read. */
export function approvalDigest(content) {
  const domain = { name: 'payonce', version: '1', chainId: content.chainId };
  return keccak256(
    joined([
      Uint8Array.of(0x19, 0x01),
      hashStruct('EIP712Domain', DOMAIN, domain),
      hashStruct('Payment', FIELDS, content),
    ]),
  );
}

/** The identity of a payment for ever: each part stands behind its length. */
export function intentId({ installationId, tenantId, operation, idempotencyKey }) {
  const parts = [installationId, tenantId, operation, idempotencyKey].flatMap((part) => {
    const bytes = utf8(part);
    const length = new DataView(new ArrayBuffer(4));
    length.setUint32(0, bytes.length);
    return [new Uint8Array(length.buffer), bytes];
  });
  return toHex(keccak256(joined(parts)));
}

const PERMIT2 = '0x000000000022d473030f116ddee9f6b43ac78ba3';

/** The identity of an x402 payment for ever: of chain, the contract that takes each nonce once, payer and nonce. */
export function authorizationId({ assetTransferMethod, chainId, token, payer, nonce }) {
  const keeper = assetTransferMethod === 'eip3009' ? token : PERMIT2;
  const digits = [encoded('uint256', chainId), fromHex(keeper), fromHex(payer), fromHex(nonce)];
  return toHex(keccak256(joined(digits)));
}

/** EIP-55, of an address in lower case. */
export function checksummed(address) {
  const hash = toHex(keccak256(utf8(address.slice(2))));
  return `0x${[...address.slice(2)]
    .map((digit, at) => (Number.parseInt(hash[2 + at], 16) >= 8 ? digit.toUpperCase() : digit))
    .join('')}`;
}
