import type { Assets, ChainSettings } from '../../../base/config/index.ts';
import { type Fields, parseForm, type Refusal } from '../../../base/kernel/index.ts';
import type { FreezeTarget } from '../../../books/freeze/index.ts';
import { readReason } from '../reason.ts';

const SCOPES = ['global', 'chain', 'wallet', 'asset', 'tenant'] as const;
type Scope = (typeof SCOPES)[number];

type FreezeWord = { target: FreezeTarget; reason: string };

/** What a tenant may name: the configured chains and assets, and its own wallets by id. */
type Names = {
  tenantId: string;
  chains: readonly Pick<ChainSettings, 'id' | 'chainId'>[];
  assets: Assets;
  laneIds: readonly number[];
};

/** `{scope, subject?, reason}`: the subject is the id of a chain, a wallet or an asset; the tenant is the key's own. */
export function parseFreeze(body: unknown, names: Names): FreezeWord | Refusal {
  return parseForm(body, new Set(['scope', 'subject', 'reason']), (fields) => {
    const expected = `one of ${SCOPES.join(', ')}`;
    const scope = fields.text('scope', { code: 'invalid_request', expected }, (text) =>
      SCOPES.find((one) => one === text),
    );
    const reason = readReason(fields);
    const target = scope === null ? null : readTarget(fields, scope, names);
    return target === null || reason === null ? null : { target, reason };
  });
}

/** The word of one who lifts. */
export function parseLift(body: unknown): { reason: string } | Refusal {
  return parseForm(body, new Set(['reason']), (fields) => {
    const reason = readReason(fields);
    return reason === null ? null : { reason };
  });
}

function readTarget(fields: Fields, scope: Scope, names: Names): FreezeTarget | null {
  if (scope === 'global' || scope === 'tenant') {
    if (fields.raw('subject') !== undefined) {
      const expected = `nothing: ${scope === 'global' ? 'it covers everything' : "it is the key's own"}`;
      fields.fault('subject', 'invalid_request', fields.raw('subject'), expected);
    }
    return scope === 'global' ? { scope } : { scope, tenantId: names.tenantId };
  }
  const rule = <T>(expected: string, find: (text: string) => T | undefined) =>
    fields.text('subject', { code: 'invalid_request', expected }, find);
  switch (scope) {
    case 'chain': {
      const expected = `the id of a chain: ${names.chains.map(({ id }) => id).join(', ')}`;
      const found = rule(expected, (text) => names.chains.find(({ id }) => id === text));
      return found === null ? null : { scope, chainId: found.chainId };
    }
    case 'wallet': {
      const laneId = rule("the id of one of the tenant's wallets", (text) =>
        names.laneIds.find((id) => String(id) === text),
      );
      return laneId === null ? null : { scope, laneId };
    }
    case 'asset': {
      const found = rule('a configured asset id or its CAIP-19 id', (text) =>
        names.assets.find(text),
      );
      return found === null ? null : { scope, asset: found.caip19 };
    }
  }
}
