import type { ResolvedContainer } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import { containerPostmortem } from './container-postmortem.ts';
import { engineWakes, mustRun } from './container-state.ts';
import type { EngineName } from './engine-cli.ts';
import { openExec } from './engine-exec.ts';
import { enterContainer } from './enter.ts';
import { cliInspector } from './inspector.ts';
import { makeLone } from './lone-box.ts';
import { disposeOwned, startOwned } from './owned.ts';

/**
 * Docker and Podman share their commands, so one driver serves both.
 *
 * @param queue  label of the containers that it starts, by which a sweep of this queue finds them
 */
export function ociRuntime(engine: EngineName, queue: () => string | null = () => null): Runtime {
  return {
    kind: engine,

    async prepare(host, container, scope) {
      if (container?.id) return enterRunning(host, engine, container, container.id);
      if (container?.image) {
        return startOwned(host, engine, { container, image: container.image, scope, queue: queue() });
      }
      throw new BerthError(`The ${engine} context names neither an image nor a container.`, {
        code: 'CONTEXT_INCOMPLETE',
        hint: `Say \`--container-image IMAGE\` to start one, or \`--container NAME\` to enter one (see \`${engine} ps\`).`,
      });
    },

    makeLone: (host, container, scope, program) =>
      makeLone(host, engine, {
        wanted: { container, image: container.image ?? '', scope, queue: queue() },
        program,
      }),

    enter: (place, inner, streams) =>
      enterContainer({ engine, id: place.id ?? '', user: place.user }, inner, streams),
    open: (place, argv) => openExec({ engine, id: place.id ?? '', user: place.user }, argv),
    postmortem: (host, place, left = null) =>
      containerPostmortem(host, { inspector: cliInspector(host, engine), place, left }),
    dispose: (host, place) => disposeOwned(host, engine, place),
  };
}

async function enterRunning(
  host: Host,
  engine: EngineName,
  container: ResolvedContainer,
  id: string,
): Promise<Place> {
  const found = await cliInspector(host, engine).container(id);
  if (found === null) {
    throw new BerthError(`There is no ${engine} container ${container.id}.`, {
      code: 'CONTAINER_NOT_FOUND',
      hint: `\`${engine} ps --all\` lists those that exist.`,
    });
  }
  mustRun(found, engineWakes(engine, found.name));
  return {
    runtime: engine,
    id: found.id,
    owned: false,
    container: { ...container, id: found.id, hostname: found.hostname, startedAt: found.startedAt ?? '' },
    user: null,
  };
}
