import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import type { ContainerFacts, Inspector } from '../core/inspect.ts';
import { callEngine, type EngineName, refused } from './engine-cli.ts';
import { cliInspector } from './inspector.ts';
import { checkContainerName } from './names.ts';
import { KEPT_LABEL, remove } from './owned.ts';
import { START_TIMEOUT_MS } from './start-failure.ts';

export interface RunningContainer extends ContainerFacts {
  readonly engine: EngineName;
}

/**
 * Running containers of every local engine that answers.
 *
 * @param image  only those made from it, from an image derived from it, or named like it
 * @throws       {BerthError} `RUNTIME_UNAVAILABLE` when no engine answers
 */
export async function getRunningContainers(
  host: Host,
  image: string | null = null,
): Promise<readonly RunningContainer[]> {
  const inspectors = await someInspectors(host);
  const found = await Promise.all(
    inspectors.map(async (inspector) =>
      (await inspector.running(image)).map((facts) => ({ ...facts, engine: inspector.engine })),
    ),
  );
  return found.flat();
}

/** Readers of the local engines that answer within 2 s; a `docker` that is podman is not counted twice. */
export async function answeringInspectors(host: Host): Promise<readonly Inspector[]> {
  const [docker, podman, version] = await Promise.all([
    answers(host, 'docker'),
    answers(host, 'podman'),
    host.exec({ argv: ['docker', '--version'], cwd: null, env: {} }, { timeoutMs: 2_000 }),
  ]);
  const engines: EngineName[] = [];
  if (docker && !(podman && /podman/i.test(version.stdout))) engines.push('docker');
  if (podman) engines.push('podman');
  return engines.map((engine) => cliInspector(host, engine));
}

/**
 * Stop a container: TERM, and KILL after 10 s; with `force` KILL at once. One that berth started is also removed.
 *
 * @returns  whether it ran before, and is stopped now
 * @throws   {BerthError} `CONTAINER_NOT_FOUND`
 */
export async function stopContainer(
  host: Host,
  container: string,
  options: { readonly force?: boolean } = {},
): Promise<boolean> {
  const { engine, id, state, labels, name } = await findContainer(host, container);
  const runs = state === 'running' || state === 'paused' || state === 'restarting';
  if (runs) {
    const how = options.force ? ['kill'] : ['stop', '-t', '10'];
    const result = await callEngine(host, [engine, ...how, id], { timeoutMs: START_TIMEOUT_MS });
    if (result.exitCode !== 0) throw refused(engine, `stop ${name}`, result);
  }
  if (KEPT_LABEL in labels) await remove(host, engine, id);
  return runs;
}

async function answers(host: Host, engine: EngineName): Promise<boolean> {
  try {
    // the cheapest question that needs the engine
    await cliInspector(host, engine, 2_000).byLabels({ 'dev.berth.nothing-carries-this': '' });
    return true;
  } catch {
    return false;
  }
}

export async function someInspectors(host: Host): Promise<readonly Inspector[]> {
  const inspectors = await answeringInspectors(host);
  if (inspectors.length > 0) return inspectors;
  throw new BerthError('Neither docker nor podman answers on this machine.', {
    code: 'RUNTIME_UNAVAILABLE',
    hint: '`berth runtimes` shows why, and what mends it.',
  });
}

/** A container of any local engine, by name or id. */
export async function findContainer(host: Host, container: string): Promise<RunningContainer> {
  checkContainerName(container);
  for (const inspector of await someInspectors(host)) {
    const facts = await inspector.container(container);
    if (facts !== null) return { ...facts, engine: inspector.engine };
  }
  throw new BerthError(`No local engine has a container ${container}.`, {
    code: 'CONTAINER_NOT_FOUND',
    hint: '`berth containers` lists those that run.',
  });
}
