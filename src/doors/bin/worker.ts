import { ConfigurationError } from '../../base/kernel/index.ts';
import { runRole } from './roles/role.ts';
import { startWorker, WORKER_ROLES, type WorkerRole } from './roles/worker-role.ts';

await runRole('worker', { signer: false }, ({ settings, log, flags }) => {
  const roles = flags.roles ?? [...WORKER_ROLES];
  const unknown = roles.filter((role) => !WORKER_ROLES.includes(role as WorkerRole));
  if (unknown.length > 0) {
    throw new ConfigurationError(
      `--roles: found ${unknown.join(', ')}; allowed: ${WORKER_ROLES.join(', ')}`,
    );
  }
  return startWorker({
    settings,
    log,
    roles: roles as WorkerRole[],
    onMisfit(error) {
      process.send?.({ type: 'failed', message: error.message });
      process.stderr.write(`worker: ${error.message}\n`);
      process.exit(2);
    },
  });
});
