import { setTimeout as wait } from 'node:timers/promises';
import { shellQuote } from '../core/command.ts';
import type { ResolvedContainer } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import type { ContainerFacts } from '../core/inspect.ts';
import { type EngineName, lastWords } from './engine-cli.ts';
import { cliInspector } from './inspector.ts';
import { checkServiceName } from './names.ts';
import { type ComposeDialect, findCompose } from './probe-compose.ts';
import { startFailure } from './start-failure.ts';

/** One service of one project in one directory. */
export interface ComposeTarget {
  readonly container: ResolvedContainer;
  readonly engine: EngineName;
  readonly project: string;
  readonly service: string;
  readonly workdir: string;
}

/** Dependencies may be slow to become healthy. */
const UP_TIMEOUT_MS = 5 * 60_000;

/**
 * Bring up one service with what it depends on, and wait until all of it is healthy. Nothing is pulled,
 * and nothing is built unless that was asked for.
 *
 * @throws {BerthError} `IMAGE_MISSING`, `BUILD_NEEDED`, `PORT_TAKEN`, `SERVICE_NOT_RUNNING` (unhealthy, or ended at
 *                      once), `RUNTIME_UNAVAILABLE`
 */
export async function bringUp(host: Host, target: ComposeTarget): Promise<void> {
  const { command, dialect } = await findCompose(host, target.engine);
  if (dialect === 'v1') await mustBeThere(host, target);
  const args = [...projectOptions(target, dialect), ...bringUpArguments(target, dialect)];
  const result = await host.exec(
    { ...command, argv: [...command.argv, ...args] },
    { timeoutMs: UP_TIMEOUT_MS },
  );
  // podman-compose ends with 0 whatever podman said
  const isUp = dialect !== 'podman-compose' || (await containers(host, target)).some(isRunning);
  if (result.exitCode !== 0 || !isUp) throw await upFailure(host, target, result);
  if (dialect !== 'v2') await untilHealthy(host, target);
}

/** What Compose is told, after the options of the project. */
export function bringUpArguments(
  { container, service }: ComposeTarget,
  dialect: ComposeDialect,
): readonly string[] {
  const build = container.start?.build === null ? '--no-build' : '--build';
  const alongside = container.compose?.alongside ?? [];
  for (const name of alongside) checkServiceName(name);
  const waits = dialect === 'v2' ? ['--wait', '--pull=never'] : [];
  return ['up', '--detach', build, ...waits, service, ...alongside];
}

/** A line that can be pasted: Compose with this project's directory, files and name. */
export function composeLine(target: ComposeTarget, args: readonly string[]): string {
  const program = target.engine === 'podman' ? ['podman', 'compose'] : ['docker', 'compose'];
  return shellQuote([...program, ...projectOptions(target, 'v2'), ...args]);
}

function projectOptions({ container, project }: ComposeTarget, dialect: ComposeDialect): readonly string[] {
  const { dir = null, files = [] } = container.compose ?? {};
  // to podman-compose the directory is that of the first file, and it pulls unless podman is told not to
  const own = dialect === 'podman-compose' ? ['--podman-run-args=--pull=never'] : [];
  const where = dir === null || dialect === 'podman-compose' ? [] : ['--project-directory', dir];
  return [...own, ...where, ...files.flatMap((file) => ['--file', file]), '--project-name', project];
}

async function upFailure(host: Host, target: ComposeTarget, result: ExecResult): Promise<BerthError> {
  const { service, project, engine } = target;
  const image = /no such image: ([^\s:]+(?::[^\s:]+)?)|([^\s:]+(?::[^\s:]+)?): image not known/i.exec(
    result.stderr,
  );
  if (image !== null) return noImage(target, image[1] ?? image[2] ?? '');
  if (/^yaml: |unmarshal error|^validating |Additional property/m.test(result.stderr)) {
    return new BerthError(`The files of project ${project} cannot be read: ${lastWords(result.stderr)}`, {
      code: 'COMPOSE_INVALID',
      hint: `Check them with \`${composeLine(target, ['config', '--quiet'])}\`.`,
    });
  }
  const known = await startFailure(host, engine, { image: `service ${service}`, result });
  if (known.code !== 'ENGINE_ERROR') return known;
  const late =
    result.failure === 'timeout' ? `it was not healthy within ${UP_TIMEOUT_MS / 60_000} min.` : null;
  return new BerthError(
    `Service ${service} of project ${project} did not come up: ${late ?? lastWords(result.stderr)}`,
    {
      code: 'SERVICE_NOT_RUNNING',
      hint: `See why with \`${composeLine(target, ['logs', '--tail=20', service])}\`.`,
    },
  );
}

/** Compose names the image of a service that it builds after the project and the service. */
function noImage(target: ComposeTarget, image: string): BerthError {
  const { project, service } = target;
  const built = image.startsWith(`${project}-`) || image.startsWith(`${project}_`);
  const of = `Service ${service} of project ${project}`;
  if (built) {
    return new BerthError(`${of} needs the image ${image}, which is not built.`, {
      code: 'BUILD_NEEDED',
      hint: `Build it with \`${composeLine(target, ['build', service])}\`.`,
    });
  }
  return new BerthError(
    `${of} needs the image ${image}, which is not on this machine; berth pulls none unasked.`,
    {
      code: 'IMAGE_MISSING',
      hint: `Pull it with \`${composeLine(target, ['pull', service])}\`.`,
    },
  );
}

/** Version 1 would pull what is missing. */
async function mustBeThere(host: Host, target: ComposeTarget): Promise<void> {
  const { image, start } = target.container;
  if (image === null || start?.build !== null) return;
  if ((await cliInspector(host, target.engine).image(image)) === null) throw noImage(target, image);
}

/** For a Compose without `--wait`. */
async function untilHealthy(host: Host, target: ComposeTarget): Promise<void> {
  const until = performance.now() + UP_TIMEOUT_MS;
  while ((await containers(host, target)).some((one) => one.health === 'starting')) {
    if (performance.now() > until) return;
    await wait(200);
  }
}

function containers(
  host: Host,
  { engine, project, service }: ComposeTarget,
): Promise<readonly ContainerFacts[]> {
  const labels = { 'com.docker.compose.project': project, 'com.docker.compose.service': service };
  return cliInspector(host, engine).byLabels(labels);
}

function isRunning({ state }: ContainerFacts): boolean {
  return state === 'running';
}
