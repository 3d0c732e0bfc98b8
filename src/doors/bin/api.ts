import { startApi } from './roles/api-role.ts';
import { runRole } from './roles/role.ts';

await runRole('api', { signer: false }, ({ settings, log, flags }) =>
  startApi({
    settings,
    log,
    port: flags.port ?? settings.http.port,
    host: flags.host ?? settings.http.host,
  }),
);
