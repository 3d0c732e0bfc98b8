import { runRole } from './role.ts';
import { startSigner } from './signer-role.ts';

await runRole('signer', { signer: true }, startSigner);
