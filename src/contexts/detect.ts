import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Candidate, Detection } from '../core/detection.ts';
import { buildFiles } from './detect/build-files.ts';
import { composeAbove, composeHere } from './detect/compose.ts';
import { detailsOf, NONE } from './detect/details.ts';
import { devcontainerFiles, isNamed } from './detect/devcontainers.ts';
import { type Directory, listDirectory } from './detect/files.ts';
import { type Finding, type Findings, PLACES } from './detect/finding.ts';
import { kubernetesAbove, kubernetesHere, manifestsBelow } from './detect/kubernetes.ts';
import { composeNearby, nearMisses } from './detect/near-misses.ts';
import { podmanFiles } from './detect/podman.ts';
import { nothingReason, tieReason, winnerReason } from './detect/reason.ts';
import { searchPath } from './detect/search-path.ts';
import { visible } from './detect/visible.ts';
import type { Environment } from './devcontainer.ts';

export interface DetectOptions {
  /** For COMPOSE_FILE and variables; the process's own without it. */
  readonly environment?: Environment;
  /** Home directory: nothing above it is looked at. */
  readonly home?: string;
  /** Leaves out what only files below the directory tell: manifests, which nothing but Kubernetes is found by. */
  readonly shallow?: boolean;
}

/**
 * What the files of a directory say about its container context. Reads files only, starts no program, and never
 * looks above the git root or the home directory. Every candidate is returned, best first.
 *
 * @throws {BerthError} `DIRECTORY_NOT_FOUND`
 */
export async function detectContainerContext(dir: string, options: DetectOptions = {}): Promise<Detection> {
  const environment = options.environment ?? process.env;
  const { dirs, root } = searchPath(dir, options.home ?? (environment['HOME'] || homedir()));
  const [start] = dirs;
  const directory = listDirectory(start);
  const { found, warnings } = await findAll(directory, dirs, { ...options, environment });
  const [winner, ...others] = found;
  const base = { dir: start, root, candidates: found.map(({ candidate }) => candidate) };
  if (winner === undefined) {
    const notes = [...warnings, ...nearMisses(directory, dirs)];
    const reason = [nothingReason(dirs), ...notes].join(' ');
    return { ...base, type: null, reason, ambiguous: false, warnings: notes };
  }
  const { type } = winner.candidate;
  const tied = tiedWith(winner, others);
  const details = tied.length > 0 ? NONE : await detailsOf(winner, environment);
  return {
    ...base,
    type,
    reason:
      tied.length > 0
        ? tieReason([winner.candidate, ...tied], start)
        : winnerReason([winner, ...others], start),
    ambiguous: tied.length > 0,
    ...details.facts,
    warnings: [...new Set([...details.warnings, ...warnings, ...unusedCompose(winner, dirs)])],
  };
}

/** A project that only says how to build may keep its Compose file where nobody looks. */
function unusedCompose({ place }: Finding, dirs: readonly [string, ...string[]]): readonly string[] {
  return place === 'build_file' ? composeNearby(dirs) : [];
}

/** Everything that speaks for the first directory, best first. */
async function findAll(
  directory: Directory,
  dirs: readonly [string, ...string[]],
  { environment, shallow = false }: DetectOptions & { readonly environment: Environment },
): Promise<Findings> {
  const [start] = dirs;
  const hidden = directory.refused === null ? listDirectory(join(start, '.devcontainer'), 1) : directory;
  const unlisted = [hidden].filter(({ refused }) => refused !== null);
  const compose = await composeHere(directory, environment);
  const kubernetes = kubernetesHere(directory);
  const podman = podmanFiles(directory);
  const above = await findAbove(dirs, environment);
  const isUsed = above.some(({ candidate }) =>
    candidate.evidence.some(({ path }) => dirname(path) === start),
  );
  const found = [
    ...devcontainerFiles(start, 'devcontainer'),
    ...(compose.finding === null ? [] : [compose.finding]),
    ...kubernetes,
    ...buildFiles(directory),
    ...podman.found,
    ...above,
    ...(kubernetes.length > 0 || shallow ? [] : manifestsBelow(directory)),
    ...kubernetesAbove(dirs),
  ];
  return {
    found: PLACES.flatMap((place) => found.filter((finding) => finding.place === place)),
    warnings: [
      ...unlisted.map(
        ({ path, refused }) =>
          `${visible(path)} cannot be listed (${refused}): what is in it may be missing here.`,
      ),
      ...(compose.finding?.warnings ?? []),
      // a project above may name the files of this directory
      ...(isUsed ? [] : compose.warnings),
      ...podman.warnings,
    ],
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

/** Candidates that contradict the winner with evidence as good as its own. */
function tiedWith(winner: Finding, others: readonly Finding[]): readonly Candidate[] {
  const { candidate, place } = winner;
  if (candidate.type === 'devcontainer') {
    if (!isNamed(candidate)) return [];
    const siblings = others.filter((other) => other.place === place && other.candidate.dir === candidate.dir);
    return siblings.map((other) => other.candidate).filter(isNamed);
  }
  // a Dockerfile says how to build, a Quadlet unit how to run, and with another engine
  if (place !== 'build_file' || candidate.type !== 'docker') return [];
  return others.filter((other) => other.place === 'podman_unit').map((other) => other.candidate);
}
