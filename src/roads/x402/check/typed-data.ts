import { type Address, type Hex, keccakBytes } from '../../../base/kernel/index.ts';

const AUTHORIZATION_TYPE = keccakBytes(
  Buffer.from(
    'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
  ),
);
const DOMAIN_TYPE = keccakBytes(
  Buffer.from('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
);

type Domain = { name: string; version: string; chainId: number; token: Address };

/** The EIP-712 domain separator of a token. */
export function domainSeparator({ name, version, chainId, token }: Domain): Buffer {
  return keccakBytes(
    Buffer.concat([
      DOMAIN_TYPE,
      keccakBytes(Buffer.from(name)),
      keccakBytes(Buffer.from(version)),
      word(BigInt(chainId)),
      addressWord(token),
    ]),
  );
}

/** The 32 bytes that a payer signs. */
export function signedDigest(
  separator: Buffer,
  signed: {
    payer: Address;
    payTo: Address;
    amount: bigint;
    validAfter: bigint;
    validBefore: bigint;
    nonce: Hex;
  },
): Buffer {
  const struct = keccakBytes(
    Buffer.concat([
      AUTHORIZATION_TYPE,
      addressWord(signed.payer),
      addressWord(signed.payTo),
      word(signed.amount),
      word(signed.validAfter),
      word(signed.validBefore),
      Buffer.from(signed.nonce.slice(2), 'hex'),
    ]),
  );
  return keccakBytes(Buffer.concat([Buffer.from([0x19, 0x01]), separator, struct]));
}

function word(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}

function addressWord(address: Address): Buffer {
  return Buffer.from(address.slice(2).padStart(64, '0'), 'hex');
}
