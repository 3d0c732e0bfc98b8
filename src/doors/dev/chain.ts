import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import secp256k1 from 'secp256k1';
import { DEVELOPMENT_CHAIN_ID } from '../../base/config/index.ts';
import {
  type Address,
  addressOf,
  ConfigurationError,
  fromHex,
  type Hex,
  messageOf,
  systemClock,
  Transient,
} from '../../base/kernel/index.ts';
import { projectFolder } from './process.ts';
import { rpcCall } from './rpc.ts';

/**
 * PUBLIC DEVELOPMENT KEYS: derived from "test test test test test test test test test test test junk",
 * known to everyone, worth nothing outside a development chain. Account 0 deploys and pays; lanes
 * use the others.
 */
export const PUBLIC_DEVELOPMENT_KEYS = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
  '0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a',
  '0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba',
  '0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e',
  '0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356',
  '0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97',
  '0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6',
] as const satisfies readonly Hex[];

const DEPLOYER = developmentAddress(PUBLIC_DEVELOPMENT_KEYS[0]);

/** The deployer's first contract: the same address on every fresh development chain. */
export const DEV_TOKEN_ADDRESS: Address = '0x5fbdb2315678afecb367f032d93f642f64180aa3';

export function developmentAddress(privateKey: Hex): Address {
  return addressOf(secp256k1.publicKeyCreate(fromHex(privateKey), false));
}

const MINED_WITHIN_MS = 30_000;

/** ABI words: the token's functions take nothing but these. */
const word = (value: bigint | Address) => BigInt(value).toString(16).padStart(64, '0');
const mintCall = (to: Address, amount: bigint): Hex => `0x40c10f19${word(to)}${word(amount)}`;
const balanceOfCall = (holder: Address): Hex => `0x70a08231${word(holder)}`;

function devTokenCode(): Hex {
  const file = join(projectFolder(), 'contracts', 'artifacts', 'DevToken.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { bytecode: Hex }).bytecode;
}

/**
 * Deploys the development token unless its code is there already; the address is always
 * DEV_TOKEN_ADDRESS. The chain must mine by itself. A crash in the middle costs nothing: the
 * deployment has one nonce, so the next call finds it mined or sends it again.
 */
export async function deployToken(rpcUrl: string): Promise<Address> {
  const chainId = Number(await rpcCall<Hex>(rpcUrl, 'eth_chainId', []));
  if (chainId !== DEVELOPMENT_CHAIN_ID) {
    throw new ConfigurationError(
      `the development token is for chain ${DEVELOPMENT_CHAIN_ID}, ${rpcUrl} is chain ${chainId}: name its assets in a --config file`,
    );
  }
  if (await hasToken(rpcUrl)) return DEV_TOKEN_ADDRESS;
  const used = await nonceAt(rpcUrl, 'latest');
  if (used === 0) await send(rpcUrl, 0, { data: devTokenCode() });
  if (!(await hasToken(rpcUrl))) {
    throw new ConfigurationError(
      `the development chain at ${rpcUrl} was used for something else (its account 0 stands at nonce ${used}): begin anew with --fresh`,
    );
  }
  return DEV_TOKEN_ADDRESS;
}

/**
 * Raises a lane's balances to at least these targets: native coin in wei, token in base units. What
 * it already has counts, so a repeated call sends nothing. True when it sent something.
 */
export async function fundLane(
  rpcUrl: string,
  lane: Address,
  { nativeWei, tokenAmount }: { nativeWei: bigint; tokenAmount: bigint },
): Promise<boolean> {
  // What an earlier call left in the pool must be counted before the balances are read.
  await waitMined(rpcUrl, (await nonceAt(rpcUrl, 'pending')) - 1);
  const native = BigInt(await rpcCall<Hex>(rpcUrl, 'eth_getBalance', [lane, 'latest']));
  if (native < nativeWei) {
    await send(rpcUrl, await nonceAt(rpcUrl, 'latest'), { to: lane, value: nativeWei - native });
  }
  const tokens = await tokenBalance(rpcUrl, lane);
  if (tokens < tokenAmount) {
    const data = mintCall(lane, tokenAmount - tokens);
    await send(rpcUrl, await nonceAt(rpcUrl, 'latest'), { to: DEV_TOKEN_ADDRESS, data });
  }
  return native < nativeWei || tokens < tokenAmount;
}

/** Base units of the development token that an address holds at the latest block. */
export async function tokenBalance(rpcUrl: string, holder: Address): Promise<bigint> {
  const call = { to: DEV_TOKEN_ADDRESS, data: balanceOfCall(holder) };
  return BigInt(await rpcCall<Hex>(rpcUrl, 'eth_call', [call, 'latest']));
}

async function hasToken(rpcUrl: string): Promise<boolean> {
  return (await rpcCall<Hex>(rpcUrl, 'eth_getCode', [DEV_TOKEN_ADDRESS, 'latest'])) !== '0x';
}

async function nonceAt(rpcUrl: string, blockTag: 'latest' | 'pending'): Promise<number> {
  return Number(await rpcCall<Hex>(rpcUrl, 'eth_getTransactionCount', [DEPLOYER, blockTag]));
}

/** Sends from the deployer at this nonce and waits until it is mined without revert. */
async function send(
  rpcUrl: string,
  nonce: number,
  call: { to?: Address; value?: bigint; data?: Hex },
): Promise<void> {
  // Only the first start of a chain sends anything: the others do not wait for 0.4 s of modules.
  const { privateKeyToAccount } = await import('viem/accounts');
  const gasPrice = BigInt(await rpcCall<Hex>(rpcUrl, 'eth_gasPrice', []));
  const raw = await privateKeyToAccount(PUBLIC_DEVELOPMENT_KEYS[0]).signTransaction({
    type: 'eip1559',
    chainId: DEVELOPMENT_CHAIN_ID,
    nonce,
    gas: 5_000_000n,
    maxFeePerGas: gasPrice * 4n,
    maxPriorityFeePerGas: gasPrice < 1_000_000_000n ? gasPrice : 1_000_000_000n,
    ...call,
  });
  let hash: Hex | undefined;
  try {
    hash = await rpcCall<Hex>(rpcUrl, 'eth_sendRawTransaction', [raw]);
  } catch (error) {
    // An earlier run's transaction at this nonce is in the pool or mined: it is the same one.
    if (!/already imported|already known|nonce too low|underpriced/i.test(messageOf(error)))
      throw error;
  }
  await waitMined(rpcUrl, nonce);
  if (hash === undefined) return;
  const receipt = await rpcCall<{ status: Hex } | null>(rpcUrl, 'eth_getTransactionReceipt', [
    hash,
  ]);
  if (receipt !== null && Number(receipt.status) !== 1) {
    throw new ConfigurationError(`transaction ${hash} of the development deployer reverted`);
  }
}

async function waitMined(rpcUrl: string, nonce: number): Promise<void> {
  const deadline = systemClock.monotonic() + MINED_WITHIN_MS;
  while ((await nonceAt(rpcUrl, 'latest')) <= nonce) {
    if (systemClock.monotonic() > deadline) {
      throw new Transient(
        `no block took the deployer's nonce ${nonce} within 30 s: does ${rpcUrl} mine?`,
      );
    }
    await systemClock.sleep(25);
  }
}
