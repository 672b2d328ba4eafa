import { homedir } from 'node:os';
import { dirname } from 'node:path';
import type { Candidate, Detection, DevcontainerSummary } from '../core/detection.ts';
import { BerthError } from '../core/errors.ts';
import { findComposeFiles } from './compose/find.ts';
import { buildFiles } from './detect/build-files.ts';
import { type ComposeFinding, composeAbove, composeHere, reading } from './detect/compose.ts';
import { devcontainerFiles } from './detect/devcontainers.ts';
import { listDirectory } from './detect/files.ts';
import { type Finding, PLACES } from './detect/finding.ts';
import { kubernetesAbove, kubernetesHere, manifestsBelow } from './detect/kubernetes.ts';
import { podmanFiles } from './detect/podman.ts';
import { nothingReason, tieReason, winnerReason } from './detect/reason.ts';
import { searchPath } from './detect/search-path.ts';
import { visible } from './detect/visible.ts';
import { type Devcontainer, type Environment, readDevcontainer } from './devcontainer.ts';

export interface DetectOptions {
  /** For COMPOSE_FILE and variables; the process's own without it. */
  readonly environment?: Environment;
  /** Home directory: nothing above it is looked at. */
  readonly home?: string;
}

/**
 * What the files of a directory say about its container context. Reads files only, starts no program, and never
 * looks above the git root or the home directory. Every candidate is returned, best first.
 *
 * @throws {BerthError} `DIRECTORY_NOT_FOUND`
 */
export async function detectContainerContext(dir: string, options: DetectOptions = {}): Promise<Detection> {
  const environment = options.environment ?? process.env;
  const { dirs, root } = searchPath(dir, options.home ?? homedir());
  const [start] = dirs;
  const directory = listDirectory(start);

  const compose = await composeHere(directory, environment);
  const above = await findAbove(dirs, environment);
  const kubernetes = kubernetesHere(directory);
  const podman = podmanFiles(directory);
  const found = ranked([
    ...devcontainerFiles(start, 'devcontainer'),
    ...(compose.finding === null ? [] : [compose.finding]),
    ...kubernetes,
    ...buildFiles(directory),
    ...podman.found,
    ...above,
    ...(kubernetes.length > 0 ? [] : manifestsBelow(directory)),
    ...kubernetesAbove(dirs),
  ]);
  const notes = [...compose.warnings, ...podman.warnings];
  const [winner] = found;
  const candidates = found.map(({ candidate }) => candidate);
  const base = { dir: start, root, candidates };
  if (winner === undefined) {
    const reason = [nothingReason(dirs), ...notes].join(' ');
    return { ...base, type: null, reason, ambiguous: false, warnings: notes };
  }
  const tied = tiedWith(winner, found);
  const details = await detailsOf(winner, { environment, isTie: tied.length > 0 });
  return {
    ...base,
    type: winner.candidate.type,
    reason:
      tied.length > 0
        ? tieReason([winner.candidate, ...tied], start)
        : winnerReason([winner, ...found.slice(1)], start),
    ambiguous: tied.length > 0,
    ...details.facts,
    warnings: [...new Set([...details.warnings, ...(compose.finding?.warnings ?? []), ...notes])],
  };
}

/** Dev containers and Compose projects of the parents, the nearest first. */
async function findAbove(
  [start, ...parents]: readonly [string, ...string[]],
  environment: Environment,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const parent of parents) {
    const compose = await composeAbove(parent, start, environment);
    found.push(...devcontainerFiles(parent, 'above'), ...(compose === null ? [] : [compose]));
  }
  return found;
}

/** Best first; what stands at the same place keeps its order. */
function ranked(found: readonly Finding[]): readonly Finding[] {
  return PLACES.flatMap((place) => found.filter((finding) => finding.place === place));
}

/** Candidates that contradict the winner with evidence as good as its own. */
function tiedWith(winner: Finding, found: readonly Finding[]): readonly Candidate[] {
  const others = found
    .filter((finding) => finding !== winner)
    .map(({ candidate, place }) => ({ candidate, place }));
  if (winner.candidate.type === 'devcontainer') {
    const isNamed = (candidate: Candidate) => candidate.evidence[0]?.rule === 'a named dev container';
    if (!isNamed(winner.candidate)) return [];
    return others
      .filter(
        ({ candidate, place }) =>
          place === winner.place && candidate.dir === winner.candidate.dir && isNamed(candidate),
      )
      .map(({ candidate }) => candidate);
  }
  // a Dockerfile says how to build, a Quadlet unit how to run, and with another engine
  if (winner.place !== 'build_file' || winner.candidate.type !== 'docker') return [];
  return others.filter(({ place }) => place === 'podman_unit').map(({ candidate }) => candidate);
}

interface Details {
  readonly facts: { readonly services?: readonly string[]; readonly devcontainer?: DevcontainerSummary };
  readonly warnings: readonly string[];
}

async function detailsOf(
  winner: Finding,
  { environment, isTie }: { readonly environment: Environment; readonly isTie: boolean },
): Promise<Details> {
  if (isComposeFinding(winner)) {
    const names = winner.project?.services.filter(({ enabled }) => enabled).map(({ name }) => name) ?? [];
    return { facts: { services: names }, warnings: winner.warnings };
  }
  const path = winner.candidate.evidence[0]?.path;
  if (winner.candidate.type !== 'devcontainer' || path === undefined || isTie)
    return { facts: {}, warnings: [] };
  try {
    return await devcontainerDetails(await readDevcontainer(path, environment), environment);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return { facts: {}, warnings: [error.message] };
  }
}

async function devcontainerDetails(
  { path, source }: Devcontainer,
  environment: Environment,
): Promise<Details> {
  const service = source.kind === 'compose' ? source.service : null;
  const devcontainer: DevcontainerSummary = { path, kind: source.kind, service };
  if (source.kind !== 'compose') return { facts: { devcontainer }, warnings: [] };
  const files = source.files.length === 0 ? {} : { composeFiles: source.files };
  const found = await findComposeFiles(dirname(path), { environment, ...files });
  if (found === null) {
    return {
      facts: { devcontainer, services: [] },
      warnings: [`${visible(dirname(path))} has no Compose file.`],
    };
  }
  const { project, warnings } = await reading(found, environment);
  const names = project?.services.filter(({ enabled }) => enabled).map(({ name }) => name) ?? [];
  const isMissing = project !== null && !project.services.some(({ name }) => name === service);
  return {
    facts: { devcontainer, services: names },
    warnings: [
      ...warnings,
      ...(isMissing
        ? [`The dev container enters service "${service}", which its Compose files do not have.`]
        : []),
    ],
  };
}

function isComposeFinding(finding: Finding): finding is ComposeFinding {
  return 'project' in finding;
}
