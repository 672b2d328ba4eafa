import { basename } from 'node:path';
import type { ContainerType } from '../../core/context.ts';
import type { Candidate, Detection } from '../../core/detection.ts';
import { BerthError } from '../../core/errors.ts';
import type { Box, Question } from './box.ts';
import { composeBox } from './compose.ts';
import { mountedBox, namedBox } from './container.ts';
import { type Belonging, belonging } from './containers.ts';
import { devcontainerBox } from './devcontainer.ts';
import { search } from './engines.ts';
import { buildBox, imageBox } from './image.ts';
import { kubernetesBox } from './kubernetes.ts';
import type { Engine } from './world.ts';

/**
 * The box that a task was sent to, in the order of precedence: what an option names, what berth.yaml
 * names, a running container that belongs to the directory, what the files show.
 *
 * @returns null when one was to be used if the project has one, and it has none
 * @throws {BerthError} when a box was asked for or is there but cannot be had; nothing falls back to the host
 */
export async function chooseBox(question: Question): Promise<Box | null> {
  const { wish } = question;
  switch (wish.named?.kind) {
    case 'kubernetes':
      return kubernetesBox(question);
    case 'container':
      return namedBox(question, wish.named);
    case 'image':
      return imageBox(question, {
        image: wish.named.image,
        type: wish.type,
        reason: `Image "${wish.named.image}" was ${wish.named.source}.`,
      });
    case 'service':
    case undefined:
      return fromProject(question);
  }
}

async function fromProject(question: Question): Promise<Box | null> {
  const { wish, world, dir } = question;
  const isService = wish.named?.kind === 'service' && (wish.type === null || wish.type === 'docker_compose');
  const detection = await world.detect(dir, { shallow: isService });
  // a type decides between files of two types, not between two dev containers
  const isOpen = wish.auto || (wish.type === 'devcontainer' && detection.ambiguous);
  if (isOpen) {
    const running = await runningBox(question, detection);
    if (running !== null && (wish.auto || running.container.type === wish.type)) return running;
    if (detection.ambiguous) throw ambiguous(detection);
  }
  const type = isService ? composeType(detection) : (wish.type ?? detection.type);
  const candidate = detection.candidates.find((one) => one.type === type && one.confidence !== 'low');
  if (candidate !== undefined) return candidateBox(question, { candidate, detection });
  if (wish.auto) return null;
  const what = type ?? 'Compose';
  throw new BerthError(
    `No files of a ${what} context were found from ${detection.dir} up to ${detection.root}.`,
    {
      code: 'CONTAINER_NOT_DETECTED',
      hint: 'Run `berth detect` to see what was looked for, or name a container with --container.',
    },
  );
}

/** A service can be of a Compose project, or of a dev container that is one. */
function composeType({ candidates, devcontainer }: Detection): ContainerType {
  const isCompose = candidates.some(({ type }) => type === 'docker_compose');
  return !isCompose && devcontainer?.kind === 'compose' ? 'devcontainer' : 'docker_compose';
}

/** What already runs for this directory. Where nothing is in its files, an engine that is silent is no error. */
async function runningBox(question: Question, detection: Detection): Promise<Box | null> {
  const { realpath } = question.world.files;
  const place = { dir: realpath(question.dir), root: realpath(detection.root), realpath };
  const found = await search(['docker', 'podman'], question, async ({ engine }) => {
    const belongs = belonging(await question.running(engine), place);
    return belongs !== null && outranks(belongs, detection) ? { engine, belongs } : null;
  }).catch((error: unknown) => {
    if (error instanceof BerthError && error.code === 'RUNTIME_UNAVAILABLE' && detection.type === null)
      return null;
    throw error;
  });
  if (found?.found == null) return null;
  const box = await belongingBox(question, { detection, ...found.found });
  return { ...box, warnings: [...found.warnings, ...box.warnings] };
}

/**
 * A container that only mounts the directory (an agent's sandbox, an editor's) does not stand in for the
 * service or dev container that the project itself defines.
 */
function outranks(belongs: Belonging, { type }: Detection): boolean {
  return belongs.kind !== 'mount' || (type !== 'docker_compose' && type !== 'devcontainer');
}

function belongingBox(
  question: Question,
  found: { readonly belongs: Belonging; readonly engine: Engine; readonly detection: Detection },
): Promise<Box> | Box {
  const { belongs, engine, detection } = found;
  const { realpath } = question.world.files;
  switch (belongs.kind) {
    case 'devcontainer': {
      const path = belongs.file ?? devcontainerPath(detection);
      const reason = `A dev container of ${belongs.folder} is running.`;
      if (belongs.names.length > 1) throw severalRun(belongs);
      if (path !== null) return devcontainerBox(question, { path, reason });
      throw new BerthError(
        `A dev container of ${belongs.folder} is running, but its devcontainer.json is not there.`,
        {
          code: 'CONTEXT_INCOMPLETE',
          hint: 'Name the container with --container, see `berth containers`.',
        },
      );
    }
    case 'compose': {
      const isCandidate = detection.candidates.some(
        ({ type, dir }) => type === 'docker_compose' && realpath(dir) === belongs.dir,
      );
      return composeBox(question, {
        dir: belongs.dir,
        files: isCandidate || belongs.files.length === 0 ? null : belongs.files,
        startedFrom: belongs.dir,
        reason: `The Compose project of ${belongs.dir} is running.`,
        devcontainer: null,
        prefer: engine,
      });
    }
    case 'mount':
      return mountedBox(question, { engine, containers: belongs.containers });
  }
}

function severalRun({
  folder,
  names,
}: {
  readonly folder: string;
  readonly names: readonly string[];
}): BerthError {
  return new BerthError(`Several dev containers of ${folder} are running: ${names.join(', ')}.`, {
    code: 'CONTEXT_AMBIGUOUS',
    hint: `Name one: ${names.map((name) => `--container ${name}`).join(' or ')}.`,
  });
}

/** The box that a candidate of the files stands for. */
async function candidateBox(
  question: Question,
  { candidate, detection }: { readonly candidate: Candidate; readonly detection: Detection },
): Promise<Box> {
  const reason =
    candidate.type === detection.type ? detection.reason : `Files of the type ${candidate.type} were found.`;
  const file = candidate.evidence[0]?.path ?? candidate.dir;
  switch (candidate.type) {
    case 'docker_compose':
      return composeBox(question, composeTarget(candidate, { reason, files: null, prefer: 'docker' }));
    case 'devcontainer':
      return devcontainerBox(question, { path: devcontainerPath(detection) ?? file, reason });
    case 'kubernetes':
      return kubernetesBox(question);
    case 'podman': {
      if (isPodmanCompose(file)) {
        return composeBox(question, composeTarget(candidate, { reason, files: [file], prefer: 'podman' }));
      }
      if (/\.(?:container|pod|kube|volume|network|build|image|artifact)$/.test(file)) throw quadlet(file);
      return buildBox(question, { engine: 'podman', file, reason });
    }
    case 'docker':
      return buildBox(question, { engine: 'docker', file, reason });
  }
}

/** Source: podman-systemd.unit(5), on names of containers. */
function quadlet(file: string): BerthError {
  const name = basename(file).replace(/\.\w+$/, '');
  return new BerthError(
    `${file} is a Quadlet unit: systemd runs it, and nothing shows its container to be this project's.`,
    {
      code: 'CONTAINER_NOT_RUNNING',
      hint: `Start it with systemctl, then name its container: --container systemd-${name}, unless the unit has a ContainerName.`,
    },
  );
}

/** A Compose file by a name that only podman-compose looks for. */
export function isPodmanCompose(path: string): boolean {
  return /^(podman|container)-compose\.ya?ml$/.test(basename(path));
}

function composeTarget(
  { dir }: Candidate,
  rest: { readonly reason: string; readonly files: readonly string[] | null; readonly prefer: Engine },
) {
  return { dir, startedFrom: null, devcontainer: null, ...rest };
}

function devcontainerPath({ devcontainer }: Detection): string | null {
  return devcontainer?.path ?? null;
}

function ambiguous({ reason, candidates }: Detection): BerthError {
  const paths = candidates.flatMap(({ evidence }) => evidence.map(({ path }) => path));
  return new BerthError(`The container context is ambiguous: ${reason}`, {
    code: 'CONTEXT_AMBIGUOUS',
    hint: `Start the one you mean, or name its container with --container. Found: ${paths.slice(0, 4).join(', ')}.`,
  });
}
