import type { ResolvedContainer } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import type { ContainerFacts } from '../core/inspect.ts';
import type { Place, Runtime } from '../core/runtime.ts';
import { bringUp, type ComposeTarget, composeLine } from './compose-up.ts';
import { containerPostmortem } from './container-postmortem.ts';
import { mustRun } from './container-state.ts';
import type { EngineName } from './engine-cli.ts';
import { openExec } from './engine-exec.ts';
import { type Box, enterContainer } from './enter.ts';
import { cliInspector } from './inspector.ts';
import { checkServiceName, checkWord } from './names.ts';
import { DIRECTORY, isReplicaOf, projectContainers, replicasOf } from './service-containers.ts';

/**
 * A service of a Compose project. Its container is found by labels, never by a name that was put together,
 * and entered by id, which takes half the time of `docker compose exec`.
 */
export function composeRuntime(): Runtime {
  return {
    kind: 'compose',

    async prepare(host, container, scope) {
      const target = targetOf(container, scope.workdir);
      const found = await findOrStart(host, target);
      return placeOf(target, found);
    },

    enter: (place, inner, streams) => enterContainer(boxOf(place), inner, streams),
    open: (place, argv) => openExec(boxOf(place), argv),
    postmortem: (host, place, left = null) =>
      containerPostmortem(host, { inspector: cliInspector(host, engineOf(place.container)), place, left }),

    // a service is the user's, also when a task brought it up
    async dispose() {},
  };
}

async function findOrStart(host: Host, target: ComposeTarget): Promise<ContainerFacts> {
  const resolved = await stillThere(host, target);
  if (resolved !== null) return resolved;
  const before = await replicas(host, target);
  const running = lowest(before);
  if (running !== undefined) return running;
  const [stopped] = before;
  if (stopped?.state === 'paused' || stopped?.state === 'restarting') mustRun(stopped, wakes(target));
  if (target.container.start === null) throw notRunning(target, stopped);
  await bringUp(host, target);
  const started = await replicas(host, target);
  const found = lowest(started);
  if (found === undefined) throw notRunning(target, started[0]);
  return found;
}

/** The container that was resolved, while it runs and is what it was taken for: one question in place of many. */
async function stillThere(host: Host, target: ComposeTarget): Promise<ContainerFacts | null> {
  const { id } = target.container;
  const found = id === null ? null : await cliInspector(host, target.engine).container(id);
  if (found?.state !== 'running' || !isReplicaOf(target, found)) return null;
  return (await isOurs(host, target, found.labels[DIRECTORY] ?? '')) ? found : null;
}

/** The service's containers, lowest number first, once it is sure that they are this directory's. */
async function replicas(host: Host, target: ComposeTarget): Promise<readonly ContainerFacts[]> {
  // the whole project: bringing a service up would also replace what another directory runs under its name
  const all = await projectContainers(cliInspector(host, target.engine), target.project);
  const dirs = new Set(all.map((one) => one.labels[DIRECTORY] ?? ''));
  for (const dir of dirs) {
    if (!(await isOurs(host, target, dir))) throw mismatch(target, dir);
  }
  return replicasOf(target.service, all);
}

/** Whether the project that runs from `dir` is the one that was resolved. */
async function isOurs(host: Host, { container, workdir }: ComposeTarget, dir: string): Promise<boolean> {
  if (container.compose !== null) return sameDirectory(host, dir, container.compose.dir);
  return dir !== '' && (workdir === dir || workdir.startsWith(`${dir}/`));
}

async function sameDirectory(host: Host, one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  if (one === '') return false;
  const real = await host.exec(
    { argv: ['realpath', '--', one, other], cwd: null, env: {} },
    { timeoutMs: 5_000 },
  );
  const [first, second] = real.stdout.split('\n');
  return real.exitCode === 0 && first === second;
}

/** The running one with the lowest number. */
function lowest(all: readonly ContainerFacts[]): ContainerFacts | undefined {
  return all.find((one) => one.state === 'running');
}

function wakes(target: ComposeTarget) {
  return {
    start: composeLine(target, ['up', '--detach', target.service]),
    unpause: composeLine(target, ['unpause', target.service]),
    logs: composeLine(target, ['logs', '--tail=20', target.service]),
  };
}

function notRunning(target: ComposeTarget, stopped: ContainerFacts | undefined): BerthError {
  const how =
    stopped === undefined
      ? 'it has no container'
      : stopped.state === 'exited'
        ? `${stopped.name} exited with code ${stopped.exitCode ?? 'unknown'}`
        : `${stopped.name} is ${stopped.state}`;
  return new BerthError(`Service ${target.service} of project ${target.project} is not running: ${how}.`, {
    code: 'SERVICE_NOT_RUNNING',
    hint: `Start it with \`${wakes(target).start}\`, or let berth do it with \`--start\`.`,
  });
}

function mismatch({ container, project, workdir }: ComposeTarget, dir: string): BerthError {
  const ours = container.compose?.dir ?? workdir;
  const other = dir === '' ? 'a directory that its containers do not name' : dir;
  return new BerthError(`Project ${project} runs from ${other}, not from ${ours}.`, {
    code: 'PROJECT_MISMATCH',
    hint: `Give this copy a project name of its own (COMPOSE_PROJECT_NAME), or name the container with \`--container\`.`,
  });
}

function targetOf(container: ResolvedContainer | null, workdir: string): ComposeTarget {
  if (container === null || container.project === null || container.service === null) {
    throw new BerthError('The Compose context names no project or no service.', {
      code: 'CONTEXT_INCOMPLETE',
      hint: 'Say `--container-service NAME`; `berth services` lists them.',
    });
  }
  const { project, service } = container;
  checkWord('project name', project);
  checkServiceName(service);
  return { container, engine: engineOf(container), project, service, workdir };
}

function boxOf(place: Place): Box {
  return { engine: engineOf(place.container), id: place.id ?? '', user: place.user };
}

function engineOf(container: ResolvedContainer | null): EngineName {
  return container?.engine === 'podman' ? 'podman' : 'docker';
}

function placeOf({ container }: ComposeTarget, { id, hostname, startedAt = '' }: ContainerFacts): Place {
  const entered = { ...container, id, hostname, startedAt };
  return { runtime: 'compose', id, owned: false, container: entered, user: null };
}
