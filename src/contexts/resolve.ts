import type { ContextRequest, GitFacts, ResolvedContext } from '../core/context.ts';
import { BerthError, type ErrorCode } from '../core/errors.ts';
import type { ContainerFacts } from '../core/inspect.ts';
import type { ProjectFile } from './project-file.ts';
import type { Box, Question } from './resolve/box.ts';
import { chooseBox } from './resolve/choose.ts';
import { COMPOSE } from './resolve/containers.ts';
import { checkoutOf } from './resolve/git.ts';
import { wishOf } from './resolve/wish.ts';
import type { Engine, World } from './resolve/world.ts';

/**
 * From what was asked for to the one place where the task runs, here and now. The result is plain
 * JSON with everything that later steps need.
 *
 * @throws {BerthError} with the code that ends the attempt as `not_started`: what was asked for is
 *   what runs, or nothing runs
 */
export async function resolveContext(request: ContextRequest, world: World): Promise<ResolvedContext> {
  if (request.host !== world.host) {
    throw new BerthError(`The task asks for host "${request.host}", and this is "${world.host}".`, {
      code: 'HOST_UNKNOWN',
      hint: 'Send it again without --host.',
    });
  }
  if (!world.files.isDirectory(request.workdir)) {
    throw new BerthError(`The directory ${request.workdir} does not exist.`, {
      code: 'DIRECTORY_NOT_FOUND',
      hint: 'Make it, or send the task again with another --workdir.',
    });
  }
  const checkout = await checkoutOf(request, world);
  const { dir, git } = checkout;
  const root = git?.root ?? dir;
  const file = await world.projectFile(dir);
  const { box, warnings } = await boxFor({ request, dir, root, file, world });
  const { toolchain, warnings: toolchainWarnings } = await world.toolchain({
    venv: request.venv,
    dir,
    root,
    side: box === null ? 'host' : 'container',
    inside: box === null ? (path) => path : box.inside,
  });
  const env = { ...file?.env, ...box?.env, ...request.env };
  const unset = box?.unset?.filter((name) => env[name] === undefined) ?? [];
  return {
    host: request.host,
    dir: { host: dir, target: box?.dir ?? dir },
    ...sameDirectory(dir, box, world),
    container: box?.container ?? null,
    user: box?.user ?? null,
    env,
    ...(unset.length > 0 && { unset }),
    toolchain,
    git,
    prereqs: [...(file?.prereqs ?? []), ...request.prereqs],
    warnings: [
      ...checkout.warnings,
      ...(file?.warnings ?? []),
      ...warnings,
      ...(box === null ? [] : [...box.warnings, ...gitWarnings(box, git, world)]),
      ...toolchainWarnings,
    ],
  };
}

/** Only where a mount shows the directory: a working directory that stands for it is another one. */
function sameDirectory(dir: string, box: Box | null, world: World): Pick<ResolvedContext, 'sameDirectory'> {
  const isMounted = box !== null && box.container.engine !== 'kubectl' && box.inside(dir) === box.dir;
  const identity = isMounted ? world.files.identity(dir) : null;
  return identity === null ? {} : { sameDirectory: identity };
}

interface Scene {
  readonly request: ContextRequest;
  readonly dir: string;
  readonly root: string;
  readonly file: ProjectFile | null;
  readonly world: World;
}

/** The box, or the host where that is what was asked for or allowed, with the reason as a warning. */
async function boxFor(
  scene: Scene,
): Promise<{ readonly box: Box | null; readonly warnings: readonly string[] }> {
  const question = questionOf(scene);
  if (question === null) return { box: null, warnings: [] };
  try {
    const box = await chooseBox(question);
    if (box !== null) mustBeStarted(box, question);
    return { box, warnings: box === null ? [noFiles(scene)] : [] };
  } catch (error) {
    const isMissing = error instanceof BerthError && CANNOT_BE_HAD.includes(error.code);
    if (!isMissing || !question.asked.allowHost) throw error;
    return { box: null, warnings: [`The task runs on the host, as allowed: ${error.message}`] };
  }
}

/** Options for a container that berth starts mean nothing in one that is there, and must not look as if they did. */
function mustBeStarted({ container }: Box, { asked }: Question): void {
  if (container.runtime !== 'compose' && container.job === undefined && container.start !== null) return;
  const { hardened = false, volumes, ports, engineArgs } = asked;
  const options = {
    hardened: hardened ? [true] : [],
    volume: volumes,
    port: ports,
    'docker-arg': engineArgs,
  };
  const [option] = Object.entries(options).find(([, given]) => given.length > 0) ?? [];
  if (option === undefined) return;
  throw new BerthError(
    `--${option} is for a container that berth starts, and this is another: ${container.reason}`,
    {
      code: 'CONTEXT_CONFLICT',
      hint: `Name the image to start with --container-image, or leave --${option} out.`,
    },
  );
}

/** What `--allow-host` is for: the container is known, and cannot be had. */
const CANNOT_BE_HAD: readonly ErrorCode[] = [
  'RUNTIME_UNAVAILABLE',
  'CONTAINER_NOT_DETECTED',
  'CONTAINER_NOT_FOUND',
  'CONTAINER_NOT_RUNNING',
  'CONTAINER_CREATED',
  'CONTAINER_PAUSED',
  'CONTAINER_RESTARTING',
  'SERVICE_NOT_RUNNING',
  'IMAGE_MISSING',
];

/** Options, with what berth.yaml adds to them; null when the task is for the host. */
function questionOf({ request, dir, root, file, world }: Scene): Question | null {
  const { container } = request;
  if (container === null) return null;
  const setting = file?.container ?? null;
  const running = new Map<Engine, Promise<readonly ContainerFacts[]>>();
  return {
    asked: {
      ...container,
      user: container.user ?? setting?.user ?? null,
      start: container.start || setting?.start === true,
      build: container.build || setting?.build === true,
      // the host is not hardened
      allowHost: (container.allowHost || setting?.allowHost === true) && container.hardened !== true,
    },
    wish: wishOf(container, setting, file?.kubernetes ?? null),
    dir,
    root,
    file,
    world,
    running: (engine) => {
      const asked = running.get(engine) ?? world.inspector(engine).running(null);
      running.set(engine, asked);
      return asked;
    },
    ofService: async (engine, service) => {
      const known = await running.get(engine);
      if (known) return known.filter(({ labels }) => labels[COMPOSE.service] === service);
      // about a few containers, where the engine may run a hundred
      const all = await world.inspector(engine).byLabels({ [COMPOSE.service]: service });
      return all.filter(({ state }) => UP.includes(state));
    },
  };
}

/** What engines count as running. */
const UP: readonly ContainerFacts['state'][] = ['running', 'paused', 'restarting'];

function noFiles({ dir }: Scene): string {
  return `${dir} has no container files; the task runs on the host.`;
}

/** The `.git` file of a linked worktree names a directory of the host. */
function gitWarnings(box: Box, git: GitFacts | null, world: World): readonly string[] {
  if (git?.worktree == null) return [];
  const common = world.git.repository(git.root)?.commonDir;
  if (common === undefined || box.inside(common) === common) return [];
  return [
    `${git.root} is a linked worktree, and ${common} is not at that path in the container: git does not work there.`,
  ];
}
