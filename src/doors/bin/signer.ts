import { runRole } from './roles/role.ts';
import { startSigner } from './roles/signer-role.ts';

await runRole('signer', { signer: true }, startSigner);
