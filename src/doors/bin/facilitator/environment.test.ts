import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../base/config/index.ts';
import { configurationOf, readEnvironment, rpcVariables } from './environment.ts';

const KEY = `0x${'17'.repeat(32)}`;
const DEVELOPMENT = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const GOOD: Record<string, string> = {
  PORT: '4022',
  RPC_URL: 'https://rpc.example/v1/secret',
  CHAIN_ID: '8453',
  TOKEN_ADDRESS: '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913',
  TOKEN_NAME: 'USD Coin',
  TOKEN_VERSION: '2',
  FACILITATOR_KEY: KEY,
  PAY_TO: `0x${'ab'.repeat(20)}`,
};

/** Every line but the last, which lists the variables. */
function faultsOf(env: Record<string, string | undefined>): string[] {
  try {
    readEnvironment({ ...GOOD, ...env });
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(0, -1);
  }
}

describe('the environment of a facilitator', () => {
  it('becomes a configuration without a secret, which is a good one', () => {
    const settings = readEnvironment(GOOD);
    expect(settings).toMatchObject({ port: 4022, chainId: 8453, anonymous: false });
    const text = configurationOf(settings, [6]);
    expect(text).not.toContain('secret');
    expect(text).not.toContain(KEY.slice(2));
    const env = {
      ...GOOD,
      ...rpcVariables(settings),
      DATABASE_URL: 'postgres://u@localhost/main',
      SIGNER_DATABASE_URL: 'postgres://u@localhost/signer',
    };
    const read = readSettings({ text, env, need: { signer: true } });
    expect(read.x402).toMatchObject({ anonymous: null, merchants: [{ name: 'default' }] });
    expect(read.lanes[0]!.address).toBe(settings.address);
    expect(read.chains[0]!.beginAt).toBeUndefined();
  });

  it('has one name and version for all tokens, or one for each', () => {
    const two = `${GOOD['TOKEN_ADDRESS']},0x${'cd'.repeat(20)}`;
    const names = (env: Record<string, string>) =>
      readEnvironment({ ...GOOD, TOKEN_ADDRESSES: two, ...env }).tokens.map(({ name }) => name);
    expect(names({})).toEqual(['USD Coin', 'USD Coin']);
    expect(names({ TOKEN_NAME: 'USD Coin,EURC' })).toEqual(['USD Coin', 'EURC']);
  });

  it('puts the journal beside a database of its own', () => {
    const { databases } = readEnvironment({ ...GOOD, DATABASE_URL: 'postgres://u:p@h:1/x402' });
    expect(databases).toEqual({
      url: 'postgres://u:p@h:1/x402',
      signerUrl: 'postgres://u:p@h:1/x402_signer',
    });
  });

  it('is told everything that is missing or bad at once, and never the key', () => {
    const faults = faultsOf({
      PORT: 'http',
      RPC_URL: undefined,
      CHAIN_ID: 'base',
      TOKEN_ADDRESS: '0x12',
      TOKEN_NAME: '',
      FACILITATOR_KEY: 'deadbeef',
      PAY_TO: undefined,
      DATABASE_URL: 'mysql://h/x',
      ALLOW_ANONYMOUS: 'yes',
    });
    expect(faults.map((line) => line.split(':')[0])).toEqual([
      'CHAIN_ID',
      'PORT',
      'RPC_URL',
      'TOKEN_ADDRESS',
      'TOKEN_NAME',
      'FACILITATOR_KEY',
      'PAY_TO',
      'DATABASE_URL',
      'ALLOW_ANONYMOUS',
    ]);
    expect(faults.join('\n')).not.toContain('deadbeef');
  });

  it.each([
    ['a development key on a real chain', { FACILITATOR_KEY: DEVELOPMENT }],
    ['a key beyond the curve', { FACILITATOR_KEY: `0x${'ff'.repeat(32)}` }],
    ['the zero address', { PAY_TO: `0x${'00'.repeat(20)}` }],
    ['a port above the last', { PORT: '65536' }],
    ['three names for one token', { TOKEN_NAME: 'a,b,c' }],
    ['a database without a name', { DATABASE_URL: 'postgres://h' }],
    ['a journal without its database', { SIGNER_DATABASE_URL: 'postgres://h/x' }],
    ['a fee of nothing', { MAX_FEE_PER_GAS_GWEI: '0' }],
    ['a level of no chain', { WAIT_UNTIL: 'soon' }],
  ])('refuses %s', (_, env) => {
    expect(faultsOf(env)).toHaveLength(1);
  });

  it('takes a development key on its own chain', () => {
    expect(faultsOf({ FACILITATOR_KEY: DEVELOPMENT, CHAIN_ID: '31337' })).toEqual([]);
  });
});
