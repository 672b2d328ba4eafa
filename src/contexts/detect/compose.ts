import { dirname, join, resolve } from 'node:path';
import type { ComposeProject, ComposeService, Evidence } from '../../core/detection.ts';
import { BerthError } from '../../core/errors.ts';
import { type ComposeSource, composeLookAlikes } from '../compose/find.ts';
import { readCompose } from '../compose/read.ts';
import { composeTiltfile, findComposeProject } from '../compose/tiltfile.ts';
import type { Environment } from '../devcontainer.ts';
import { within } from '../mounts.ts';
import { type Directory, fileIn } from './files.ts';
import type { Finding } from './finding.ts';
import { visible } from './visible.ts';

/** A Compose project, with what could be read of it. */
export interface ComposeFinding extends Finding {
  /** Null when its files are broken; `warnings` say where. */
  readonly project: ComposeProject | null;
  readonly warnings: readonly string[];
}

/** What may follow a search: a finding, or only what was wrong with what stands there. */
export interface ComposeAnswer {
  readonly finding: ComposeFinding | null;
  readonly warnings: readonly string[];
}

/** The Compose project of exactly this directory, by name, by COMPOSE_FILE or by a Tiltfile that starts it. */
export async function composeHere(directory: Directory, environment: Environment): Promise<ComposeAnswer> {
  const dir = directory.path;
  const tilt = fileIn(directory, 'Tiltfile') === null ? [] : tiltEvidence(dir);
  const source = await findComposeProject(dir, environment);
  if (source === null) {
    if (tilt.length > 0) return { finding: finding(dir, tilt, NO_PROJECT), warnings: [] };
    return { finding: null, warnings: lookAlikeNotes(directory) };
  }
  const evidence = [
    ...fileEvidence(source, environment),
    ...tilt,
    ...lookAlikes(directory).map((name) => ({
      path: join(dir, name),
      rule: 'not loaded: Compose reads it only when it is told to',
    })),
  ];
  if (evidence.length === 0) return { finding: null, warnings: source.warnings };
  return { finding: finding(dir, evidence, await reading(source, environment)), warnings: [] };
}

/**
 * The Compose project of a directory above `dir`. It goes before a Dockerfile of `dir` only when one of its
 * services builds or mounts `dir`.
 */
export async function composeAbove(
  above: string,
  dir: string,
  environment: Environment,
): Promise<ComposeFinding | null> {
  // COMPOSE_FILE of the caller is about the directory that was asked for
  const { COMPOSE_FILE: _, ...rest } = environment;
  const source = await findComposeProject(above, rest);
  if (source === null || source.files.length === 0) return null;
  const read = await reading(source, rest);
  const reason = read.project === null ? null : coverage(read.project, dir, above);
  const evidence = fileEvidence(source, rest).map(({ path, rule }, index) => ({
    path,
    rule:
      index > 0
        ? rule
        : reason === null
          ? 'the Compose file of a directory above'
          : `a Compose file whose ${reason}`,
  }));
  const place = reason === null ? 'above' : 'compose_covering';
  const { candidate, ...found } = finding(above, evidence, read);
  return { ...found, place, candidate: { ...candidate, confidence: reason === null ? 'weak' : 'strong' } };
}

/** Names that look like Compose files where Compose finds none. */
function lookAlikeNotes(directory: Directory): readonly string[] {
  const overrides = directory.names.filter((name) => /^(?:docker-)?compose\.override\.ya?ml$/.test(name));
  const names = lookAlikes(directory).map(visible);
  const [first] = names;
  return [
    ...overrides.map((name) => `${name} alone is no project: Compose needs a file that it overrides.`),
    ...(first === undefined
      ? []
      : [
          `Compose looks for none of these names: ${names.join(', ')}. Choose one with COMPOSE_FILE=${first}.`,
        ]),
  ];
}

const MAX_LOOK_ALIKES = 5;

function lookAlikes(directory: Directory): readonly string[] {
  return composeLookAlikes(directory.names).slice(0, MAX_LOOK_ALIKES);
}

interface Read {
  readonly project: ComposeProject | null;
  readonly warnings: readonly string[];
}

const NO_PROJECT: Read = { project: null, warnings: [] };

function finding(dir: string, evidence: readonly Evidence[], read: Read): ComposeFinding {
  return {
    place: 'compose',
    candidate: { type: 'docker_compose', dir, confidence: 'strong', evidence },
    ...read,
  };
}

/** Broken files are Compose's all the same: the warning says what is wrong and where. */
export async function reading(source: ComposeSource, environment: Environment): Promise<Read> {
  try {
    const project = await readCompose(source, environment);
    return { project, warnings: project.warnings };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return { project: null, warnings: [...source.warnings, error.message] };
  }
}

function fileEvidence(source: ComposeSource, environment: Environment): readonly Evidence[] {
  const { files, foundBy, cwd } = source;
  const origin = environment['COMPOSE_FILE'] === undefined ? 'COMPOSE_FILE in .env' : 'COMPOSE_FILE';
  const [first, ...others] = files;
  if (first === undefined) {
    // what a variable of the shell names may belong to any project; .env belongs to this one
    const isOwn = foundBy === 'COMPOSE_FILE' && environment['COMPOSE_FILE'] === undefined;
    return isOwn ? [{ path: join(cwd, '.env'), rule: 'a COMPOSE_FILE that names no readable file' }] : [];
  }
  const rule =
    foundBy === 'name'
      ? 'the Compose file of this directory'
      : foundBy === 'COMPOSE_FILE'
        ? `a Compose file named by ${origin}`
        : 'a Compose file that the Tiltfile starts';
  return [{ path: first, rule }, ...others.map((path) => ({ path, rule: 'merged over the first one' }))];
}

function tiltEvidence(dir: string): readonly Evidence[] {
  const tiltfile = composeTiltfile(dir);
  return tiltfile === null ? [] : [{ path: tiltfile.path, rule: 'a Tiltfile that calls docker_compose' }];
}

/** Why a service is where the code of `dir` runs; null when none is. */
function coverage(project: ComposeProject, dir: string, above: string): string | null {
  for (const service of project.services) {
    if (builds(service, dir, project.dir)) return `service ${visible(service.name)} builds this directory`;
  }
  for (const service of project.services) {
    if (mounts(service, dir, above)) return `service ${visible(service.name)} mounts this directory`;
  }
  return null;
}

/** The build context is the directory, or its Dockerfile lies in it: a context further up holds many. */
function builds({ build }: ComposeService, dir: string, projectDir: string): boolean {
  if (build === null) return false;
  const context = resolve(projectDir, build.context);
  if (context === dir) return true;
  return build.dockerfile !== null && dirname(resolve(context, build.dockerfile)) === dir;
}

/** A bind mount that holds the directory and stays inside the project: `/:/host` holds everything. */
function mounts({ volumes }: ComposeService, dir: string, above: string): boolean {
  return volumes.some(
    ({ type, source }) => type === 'bind' && source !== null && within(dir, source) && within(source, above),
  );
}
