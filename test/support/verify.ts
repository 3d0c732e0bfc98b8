import { openPool } from '../../src/base/db/index.ts';
import {
  type Law,
  type Since,
  type VerifyReport,
  verify,
} from '../../src/roads/reconcile/index.ts';

type Asked = {
  mainUrl: string;
  signerUrl: string | null;
  nodes: readonly string[];
  since?: Since;
  laws?: readonly Law[];
  audit?: Parameters<typeof verify>[0]['audit'];
};

/** verify as the command runs it: in the roles of the program. */
export async function verifyOf(asked: Asked): Promise<VerifyReport> {
  const { mainUrl, signerUrl, nodes, since = null, laws, audit = null } = asked;
  const pool = (url: string, role: 'payonce_app' | 'payonce_signer') =>
    openPool({ url, role, name: 'test-verify', max: 1 });
  const main = pool(mainUrl, 'payonce_app');
  const signer = signerUrl === null ? null : pool(signerUrl, 'payonce_signer');
  try {
    return await verify({
      main,
      signer: signer ?? { absent: 'none is named' },
      nodes,
      since,
      audit,
      progress: () => {},
      ...(laws === undefined ? {} : { laws }),
    });
  } finally {
    await main.end();
    await signer?.end();
  }
}
