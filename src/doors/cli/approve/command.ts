import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigurationError, messageOf } from '../../../base/kernel/index.ts';
import type { ApprovalView } from '../../../roads/approval/index.ts';
import type { Run } from '../context.ts';
import { printJson } from '../print.ts';
import { type ClientFlags, findApi, withApi } from '../sources.ts';
import { readRequest, tellContent } from './content.ts';
import { signDigest } from './sign.ts';

type Flags = ClientFlags & {
  json?: boolean;
  key?: string;
  as: string;
  request?: string;
  out?: string;
  signature?: string;
  yes?: boolean;
};

/** Fetch, look, sign and send; or each on a machine of its own: --request and --out touch no network. */
export function addApprove(program: Command, run: Run): void {
  withApi(program.command('approve'))
    .description(
      "sign an approver's yes to a withdrawal or a payment; what is signed is computed here",
    )
    .argument('<id>', "the withdrawal's, or the payment's")
    .requiredOption('--as <approver>', 'the id of one of signer.approvers')
    .option(
      '--key <file>',
      'an Ed25519 key in PEM, or a keystore v3 (PAYONCE_KEY_PASSWORD opens it)',
    )
    .option('--request <file>', 'what GET /v1/approvals/{id} answered, instead of asking')
    .option('--out <file>', 'write the approval there instead of sending it')
    .option('--signature <file>', 'send what --out wrote')
    .option('--yes', 'sign; without it only what would be signed is shown')
    .action((id: string, flags: Flags) => approve(run, id, flags));
}

async function approve(run: Run, id: string, flags: Flags): Promise<void> {
  const path = `/v1/approvals/${encodeURIComponent(id)}`;
  const send = async (body: unknown) => {
    const client = findApi(run, flags, { admin: true });
    const answer = await client.request<ApprovalView>({
      method: 'POST',
      path: `${path}/approve`,
      body,
    });
    if (flags.json) return printJson(run.stdout, answer.body);
    const { status, given, required } = answer.body;
    run.stdout.write(`${status}: ${given} of ${required} approvals\n`);
  };
  if (flags.signature !== undefined) return send(readApproval(run, flags.signature, flags.as));
  const request =
    flags.request === undefined
      ? (await findApi(run, flags, { admin: true }).request({ method: 'GET', path })).body
      : readJson(run, flags.request);
  const read = refusing(() => readRequest(request, Date.now()));
  if (read.id !== id) {
    throw new ConfigurationError(`approve: the request is about ${read.id}, not ${id}`);
  }
  if (!flags.json) run.stdout.write(tellContent(read));
  if (!flags.yes || flags.key === undefined) {
    throw new ConfigurationError(
      'approve: nothing was signed; --key FILE --yes signs what is shown',
    );
  }
  const key = readAt(run, flags.key);
  const signature = await signDigest(key, read.digest, run.env['PAYONCE_KEY_PASSWORD']).catch(
    (error) => {
      throw new ConfigurationError(`approve: ${flags.key}: ${messageOf(error)}`);
    },
  );
  const approval = { approver: flags.as, signature };
  if (flags.out === undefined) return send(approval);
  writeAt(run, flags.out, `${JSON.stringify(approval)}\n`);
  if (!flags.json) run.stdout.write(`signed; send it with --signature ${flags.out}\n`);
}

function readJson(run: Run, file: string): unknown {
  try {
    return JSON.parse(readAt(run, file));
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    // What JSON.parse says of it has a piece of the file.
    throw new ConfigurationError(`approve: ${file} is not JSON`);
  }
}

/** What is sent is what --out wrote and nothing else: a keystore, say, is JSON as well. */
function readApproval(run: Run, file: string, as: string): { approver: string; signature: string } {
  const { approver, signature } = Object(readJson(run, file)) as Record<string, unknown>;
  if (approver !== as || typeof signature !== 'string') {
    throw new ConfigurationError(`approve: ${file} is no approval of ${as}, as --out writes one`);
  }
  return { approver, signature };
}

function writeAt(run: Run, file: string, text: string): void {
  try {
    writeFileSync(resolve(run.cwd, file), text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(`approve: ${file} can not be written (${code})`);
  }
}

function readAt(run: Run, file: string): string {
  try {
    return readFileSync(resolve(run.cwd, file), 'utf8');
  } catch (error) {
    throw new ConfigurationError(
      `approve: ${file} can not be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigurationError(`approve: nothing was signed: ${messageOf(error)}`);
  }
}
