import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeErrorResult, parseAbi, toFunctionSelector } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GasEstimate, NodeChain } from './index.ts';
import { KNOWN_ERRORS } from './revert-reason.ts';

const ABI = parseAbi([
  'error Error(string)',
  'error Panic(uint256)',
  'error EnforcedPause()',
  'error ERC20InsufficientBalance(address,uint256,uint256)',
  'error Strange(uint256)',
]);
type Thrown = { errorName: never; args?: never };
const data = (errorName: string, ...args: unknown[]) =>
  encodeErrorResult({ abi: ABI, errorName, args } as unknown as Thrown & { abi: typeof ABI });

const ADDRESS = `0x${'11'.repeat(20)}`;
const BLOCKED = data('Error', 'Blacklistable: account is blacklisted');
const LONG = 'x'.repeat(600);
const POOR = data('ERC20InsufficientBalance', ADDRESS, 1n, 2n);
/** As anvil prints the arguments of an error that it does not know. */
const RAW = Buffer.from(POOR.slice(10), 'hex').toString('latin1');
const HARDHAT = 'Error: VM Exception while processing transaction:';
const hardhat = (message: string, returned: string) => ({
  code: -32603,
  message,
  data: { message, data: returned },
});
const reverted = (message: string) => ({ kind: 'reverted' as const, message });
const funds = (message: string) => ({ kind: 'funds' as const, message });
const node = (message: string) => ({ kind: 'node' as const, message });

/** Whole errors as nodes answer them to eth_estimateGas. */
const ANSWERS: [string, object, Pick<GasEstimate & { ok: false }, 'kind' | 'message'>][] = [
  [
    'geth, a blocklisted account',
    {
      code: 3,
      message: 'execution reverted: Blacklistable: account is blacklisted',
      data: BLOCKED,
    },
    reverted('Blacklistable: account is blacklisted'),
  ],
  [
    'geth, no reason',
    { code: 3, message: 'execution reverted', data: '0x' },
    reverted('no reason given'),
  ],
  [
    'geth, an error without text',
    { code: 3, message: 'execution reverted', data: data('EnforcedPause') },
    reverted('EnforcedPause'),
  ],
  [
    'geth, an unknown error',
    { code: 3, message: 'execution reverted', data: data('Strange', 7n) },
    reverted('custom error 0xfc5a44bf'),
  ],
  ['geth, an old one', { code: -32000, message: 'execution reverted: paused' }, reverted('paused')],
  [
    'geth, a reason that quotes another failure',
    { code: 3, message: 'execution reverted: insufficient funds for transfer' },
    reverted('insufficient funds for transfer'),
  ],
  [
    'geth, a reason longer than what is kept of an answer',
    { code: 3, message: `execution reverted: ${LONG}`, data: data('Error', LONG) },
    reverted(`${'x'.repeat(199)}…`),
  ],
  [
    'geth, code that is none',
    { code: -32000, message: 'invalid opcode: INVALID' },
    reverted('invalid opcode: INVALID'),
  ],
  [
    'geth, all the gas there is',
    { code: -32000, message: 'gas required exceeds allowance (50000000)' },
    reverted('it takes more than 50000000 gas'),
  ],
  [
    'geth, little coin for gas',
    { code: -32000, message: 'gas required exceeds allowance (20999)' },
    funds('gas required exceeds allowance (20999)'),
  ],
  [
    'geth, no coin',
    { code: -32000, message: 'insufficient funds for transfer' },
    funds('insufficient funds for transfer'),
  ],
  [
    'geth, trouble of its own',
    { code: -32000, message: 'header not found' },
    node('header not found'),
  ],
  [
    'anvil, an overflow',
    {
      code: 3,
      message: 'execution reverted: panic: arithmetic underflow or overflow (0x11)',
      data: data('Panic', 17n),
    },
    reverted('panic 0x11: arithmetic overflow'),
  ],
  [
    'anvil, an error with arguments, printed raw',
    { code: 3, message: `execution reverted: custom error 0xe450d38c: ${RAW}`, data: POOR },
    reverted('ERC20InsufficientBalance'),
  ],
  [
    'anvil, code that is none',
    { code: -32603, message: 'EVM error InvalidFEOpcode' },
    reverted('EVM error InvalidFEOpcode'),
  ],
  [
    'hardhat, a blocklisted account',
    hardhat(
      `${HARDHAT} reverted with reason string 'Blacklistable: account is blacklisted'`,
      BLOCKED,
    ),
    reverted('Blacklistable: account is blacklisted'),
  ],
  [
    'hardhat, a recipient that takes no coin',
    hardhat('Error: Transaction reverted without a reason string', '0x'),
    reverted('no reason given'),
  ],
  [
    'hardhat, an overflow',
    hardhat(
      `${HARDHAT} reverted with panic code 0x11 (Arithmetic operation overflowed outside of an unchecked block)`,
      data('Panic', 17n),
    ),
    reverted('panic code 0x11 (Arithmetic operation overflowed outside of an unchecked block)'),
  ],
  [
    'hardhat, an error with arguments',
    hardhat(`${HARDHAT} reverted with an unrecognized custom error (return data: ${POOR})`, POOR),
    reverted('ERC20InsufficientBalance'),
  ],
  [
    'hardhat, code that is none',
    hardhat(`${HARDHAT} invalid opcode`, '0x'),
    reverted(`${HARDHAT} invalid opcode`),
  ],
  [
    'openethereum, a blocklisted account',
    { code: -32015, message: 'VM execution error.', data: `Reverted ${BLOCKED}` },
    reverted('Blacklistable: account is blacklisted'),
  ],
  [
    'openethereum, code that is none',
    { code: -32015, message: 'VM execution error.', data: 'Bad instruction fe' },
    reverted('Bad instruction fe'),
  ],
  [
    'besu, a paused token',
    { code: -32000, message: 'Execution reverted', data: data('EnforcedPause') },
    reverted('EnforcedPause'),
  ],
  [
    'a string that is longer than its data',
    { code: 3, message: 'execution reverted', data: BLOCKED.slice(0, 10 + 128) },
    reverted('no reason given'),
  ],
  [
    'an address among the words',
    { code: 3, message: `execution reverted: ${ADDRESS} is blocked` },
    reverted(`${ADDRESS} is blocked`),
  ],
  ['a provider', { code: -32005, message: 'limit exceeded' }, node('limit exceeded')],
  ['a provider without words', { code: -32005 }, node('{"code":-32005}')],
];

describe('an error answer to an estimate', () => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const calls = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { id: number }[];
      response.end(
        JSON.stringify(
          calls.map(({ id }, index) => ({ jsonrpc: '2.0', id, error: ANSWERS[index]![1] })),
        ),
      );
    });
  });
  let estimates: GasEstimate[];
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const chain = new NodeChain({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    const call = { from: '0x11', to: '0x22', value: 1n, data: '0x' } as const;
    estimates = await chain.estimateGas(ANSWERS.map(() => call));
  });
  afterAll(() => server.close());

  it.each(ANSWERS.map(([name, , expected], index) => [name, expected, index] as const))(
    'of %s is %o',
    (_, expected, index) => {
      expect(estimates[index]).toEqual({ ok: false, ...expected });
    },
  );

  it('knows errors by the selectors of their signatures', () => {
    for (const [selector, signature] of Object.entries(KNOWN_ERRORS)) {
      expect(toFunctionSelector(signature)).toBe(selector);
    }
  });
});
