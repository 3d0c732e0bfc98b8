import { RpcClient } from '../../../base/chain/index.ts';
import type { Sql } from '../../../base/db/index.ts';
import { messageOf, Transient } from '../../../base/kernel/index.ts';
import type { Scope } from '../since.ts';
import type { Tally } from '../tally.ts';
import { NotShown } from './answers.ts';
import { readLanesAt, type WatchedLane } from './balances.ts';
import { checkChain, walkChain } from './walk.ts';

type Chain = {
  chainId: number;
  /** Whether the books have a head of it. */
  walked: boolean;
  /** Where the books of this chain begin. */
  first: number;
  finalized: number;
  lanes: WatchedLane[];
  /** Lower-case hex without 0x. */
  tokens: string[];
};

export async function readChains(sql: Sql): Promise<Chain[]> {
  const { rows } = await sql.query<Record<'chain_id' | 'first' | 'finalized', bigint> & Chain>(
    `SELECT c.chain_id, h.chain_id IS NOT NULL AS walked, (SELECT min(height) FROM block b WHERE b.chain_id = c.chain_id) AS first, h.finalized,
       (SELECT coalesce(json_agg(json_build_object('address', encode(address, 'hex'),
           'nativeAt', CASE WHEN s.until <= h.finalized THEN s.until END,
           'tokensAt', CASE WHEN s.adopted <= h.finalized THEN h.finalized END) ORDER BY lane_id), '[]')
         FROM lane l LEFT JOIN LATERAL (SELECT min(up_to_block) AS adopted, max(up_to_block) AS until
           FROM lane_stretch WHERE lane_id = l.lane_id) s ON true
         WHERE l.chain_id = c.chain_id) AS lanes,
       ARRAY(SELECT DISTINCT substr(a.asset, length(prefix) + 1) FROM ledger_account a
         WHERE a.kind = 'hot' AND starts_with(a.asset, prefix) ORDER BY 1) AS tokens
     FROM (SELECT chain_id FROM chain_head UNION SELECT chain_id FROM lane) c LEFT JOIN chain_head h USING (chain_id),
       LATERAL (SELECT 'eip155:' || c.chain_id || '/erc20:0x' AS prefix) p ORDER BY c.chain_id`,
  );
  return rows.map((row) => ({
    chainId: Number(row.chain_id),
    walked: row.walked,
    first: Number(row.first),
    finalized: Number(row.finalized),
    lanes: row.lanes,
    tokens: row.tokens,
  }));
}

/**
 * The block that was named, where the chain has one of that number; else one block before the moment asked for, since the
 * chain's clock is not the database's.
 */
export async function lowestBlock(sql: Sql, chain: Chain, scope: Scope): Promise<number> {
  if (scope.sinceTime === null) return chain.first;
  const { rows } = await sql.query<{ height: bigint | null }>(
    `SELECT coalesce((SELECT height FROM block WHERE chain_id = $1 AND height = $3),
       (SELECT max(height) FROM block WHERE chain_id = $1 AND mined_at < $2)) AS height`,
    [chain.chainId, scope.sinceTime, scope.sinceBlock],
  );
  return Number(rows[0]?.height ?? chain.first);
}

/**
 * Compares a chain with the books, block by block up to the one that is final in both. Returns why it could not be
 * asked (to the end); what pages before that showed stays counted.
 */
export async function verifyChain(
  options: { nodes: readonly string[]; progress(text: string): void },
  tally: Tally,
  main: Sql,
  asked: { chain: Chain; from: number; scope: Scope },
): Promise<string | null> {
  const { chain, from, scope } = asked;
  const { chainId, finalized } = chain;
  if (!chain.walked) return 'the books have lanes on it, and no head of it';
  if (chain.lanes.length === 0 || !tally.wants('walk', 'balances')) return null;
  try {
    const rpc = await chooseNode(options.nodes, chain);
    const lanes = new Set(chain.lanes.map(({ address }) => address));
    const watched = { lanes, tokens: new Set(chain.tokens) };
    const facts = { chain: chainId, since: scope.sinceId };
    const range = { from, to: tally.wants('walk') ? finalized : from - 1 };
    for await (const page of walkChain(rpc, watched, range)) {
      options.progress(`chain ${chainId}, block ${page.up_to} of ${finalized}`);
      await tally.ask(main, 'walk', { ...facts, ...page });
    }
    const shown = await readLanesAt(rpc, chain.lanes, chain.tokens, finalized);
    await tally.ask(main, 'balances', { ...facts, finalized, ...shown });
    return null;
  } catch (error) {
    if (error instanceof NotShown || error instanceof Transient) return error.message;
    throw error;
  }
}

/** The first node that is of this chain and has its finalized block. */
async function chooseNode(urls: readonly string[], chain: Chain): Promise<RpcClient> {
  let reason = 'no node is named';
  for (const url of urls) {
    try {
      const rpc = new RpcClient({ url });
      await checkChain(rpc, chain.chainId, chain.finalized);
      return rpc;
    } catch (error) {
      reason = messageOf(error);
    }
  }
  throw new NotShown(reason);
}
