import { setTimeout as wait } from 'node:timers/promises';
import { shellQuote } from '../core/command.ts';
import type { ResolvedContainer } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import type { ExecResult, Host } from '../core/host.ts';
import { type EngineName, lastWords } from './engine-cli.ts';
import { cliInspector } from './inspector.ts';
import { checkServiceName } from './names.ts';
import { findCompose } from './probe-compose.ts';
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
  const compose = await findCompose(host, target.engine);
  const args = [...projectOptions(target), ...bringUpArguments(target, compose.waits)];
  const result = await host.exec(
    { ...compose.command, argv: [...compose.command.argv, ...args] },
    { timeoutMs: UP_TIMEOUT_MS },
  );
  if (result.exitCode !== 0) throw await upFailure(host, target, result);
  if (!compose.waits) await untilHealthy(host, target);
}

/** What Compose is told, after the options of the project. */
export function bringUpArguments({ container, service }: ComposeTarget, waits: boolean): readonly string[] {
  const build = container.start?.build === null ? '--no-build' : '--build';
  const alongside = container.compose?.alongside ?? [];
  for (const name of alongside) checkServiceName(name);
  return ['up', '--detach', build, ...(waits ? ['--wait', '--pull=never'] : []), service, ...alongside];
}

/** A line that can be pasted: Compose with this project's directory, files and name. */
export function composeLine(target: ComposeTarget, args: readonly string[]): string {
  const program = target.engine === 'podman' ? ['podman', 'compose'] : ['docker', 'compose'];
  return shellQuote([...program, ...projectOptions(target), ...args]);
}

function projectOptions({ container, project }: ComposeTarget): readonly string[] {
  const files = container.compose?.files ?? [];
  return [
    ...(container.compose === null ? [] : ['--project-directory', container.compose.dir]),
    ...files.flatMap((file) => ['--file', file]),
    '--project-name',
    project,
  ];
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

/** For a Compose without `--wait`. */
async function untilHealthy(host: Host, { engine, project, service }: ComposeTarget): Promise<void> {
  const inspector = cliInspector(host, engine);
  const labels = { 'com.docker.compose.project': project, 'com.docker.compose.service': service };
  const until = performance.now() + UP_TIMEOUT_MS;
  while ((await inspector.byLabels(labels)).some((one) => one.health === 'starting')) {
    if (performance.now() > until) return;
    await wait(200);
  }
}
