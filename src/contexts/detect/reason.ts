import type { Candidate } from '../../core/detection.ts';
import type { Finding, Place } from './finding.ts';
import { visible, visiblePath } from './visible.ts';

/** Why the first finding won, in plain words. */
export function winnerReason([winner, ...others]: readonly [Finding, ...Finding[]], dir: string): string {
  const [evidence] = winner.candidate.evidence;
  const proof =
    evidence === undefined ? winner.candidate.type : `${visiblePath(evidence.path, dir)} is ${evidence.rule}`;
  const beaten = others.filter(({ candidate }) => candidate.type !== winner.candidate.type);
  if (beaten.length === 0) return `${proof}.`;
  const names = beaten.slice(0, MAX_NAMED).map(({ candidate }) => nameOf(candidate, dir));
  const more = beaten.length > MAX_NAMED ? ` and ${beaten.length - MAX_NAMED} more` : '';
  return `${proof}. It goes before ${names.join(', ')}${more}: ${OUTRANKS[winner.place]}.`;
}

/** Two or more candidates that nothing decides between. */
export function tieReason(tied: readonly Candidate[], dir: string): string {
  const names = tied.map(({ evidence: [first] }) =>
    first === undefined ? '' : visiblePath(first.path, dir),
  );
  return `${names.join(' and ')} fit equally well, and nothing here says which one is meant.`;
}

/** Nothing was found in the directories that were searched. */
export function nothingReason([start, ...parents]: readonly [string, ...string[]]): string {
  const top = parents.at(-1);
  const where =
    top === undefined ? `in ${visible(start)}` : `in ${visible(start)} or above, up to ${visible(top)}`;
  return `No file of a dev container, Compose, Kubernetes, Podman or Docker ${where}.`;
}

const MAX_NAMED = 3;

function nameOf(candidate: Candidate, dir: string): string {
  const [evidence] = candidate.evidence;
  return evidence === undefined ? candidate.type : `${visiblePath(evidence.path, dir)} (${candidate.type})`;
}

const OUTRANKS: Readonly<Record<Place, string>> = {
  devcontainer: 'a dev container is made to work in',
  compose: 'Compose services are what runs on this machine',
  podman_compose: 'Compose services are what runs on this machine',
  kubernetes_tool: 'it says how the project runs, a build file only how an image is made',
  compose_covering: 'that service is where the code of this directory runs',
  build_file: 'it stands in this directory itself',
  podman_unit: 'it stands in this directory itself',
  above: 'it is the nearest project that this directory belongs to',
  manifests: 'it says how the project runs',
  kubernetes_above: 'it says how the project runs',
  ignore_file: 'there is nothing else',
};
