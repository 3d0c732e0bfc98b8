import type { ServeOnceOptions, Turn } from './answers.ts';
import { entrance, type NodeRequest, type NodeResponse } from './node.ts';

type Request = { raw: NodeRequest };
type Reply = { raw: NodeResponse; hijack(): unknown };
type Done = (error?: Error) => void;
type Hook = (request: Request, reply: Reply, done: Done) => void;
type Instance = { addHook(name: 'onRequest' | 'preHandler', hook: Hook): unknown };

/**
 * `serveOnce` as a plugin, registered before the payment step: `await app.register(serveOnceFastify)`. Its hooks are the
 * whole application's, as if it had been wrapped by fastify-plugin.
 */
export const serveOnceFastify = Object.assign(
  (app: Instance, options: ServeOnceOptions, done: () => void): void => {
    const enter = entrance(options);
    const turns = new WeakMap<object, Turn>();
    app.addHook('onRequest', (request, reply, next) => {
      enter(request.raw, reply.raw, () => reply.hijack()).then((turn) => {
        if (turn === 'answered') return;
        if (turn === 'unpaid') return next();
        turns.set(request, turn);
        turn.run(next);
      }, next);
    });
    // A body that was read in between comes by events of its socket, which know nothing of the turn.
    app.addHook('preHandler', (request, _reply, next) => {
      const turn = turns.get(request);
      if (turn === undefined) next();
      else turn.run(next);
    });
    done();
  },
  { [Symbol.for('skip-override')]: true },
);
