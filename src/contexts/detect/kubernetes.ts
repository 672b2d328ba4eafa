import {
  findManifests,
  type KubernetesEvidence,
  kubernetesToolFiles,
  tiltfileKind,
} from '../kubernetes-files.ts';
import { type Directory, fileIn, textOf } from './files.ts';
import type { Finding, Place } from './finding.ts';

/** Files of Kubernetes tools in a directory. */
export function kubernetesHere(directory: Directory): readonly Finding[] {
  return finding('kubernetes_tool', directory.path, toolFiles(directory));
}

/** Manifests, charts and kustomizations in a directory and below it. */
export function manifestsBelow(directory: Directory): readonly Finding[] {
  return finding('manifests', directory.path, findManifests(directory));
}

/** The nearest parent that a Kubernetes tool is set up for. */
export function kubernetesAbove([, ...parents]: readonly [string, ...string[]]): readonly Finding[] {
  for (const path of parents) {
    // names are asked for one by one: a parent's other files do not matter
    const found = finding(
      'kubernetes_above',
      path,
      toolFiles({ path, names: [], complete: false, refused: null }),
    );
    if (found.length > 0) return found;
  }
  return [];
}

function finding(place: Place, dir: string, evidence: readonly KubernetesEvidence[]): readonly Finding[] {
  if (evidence.length === 0) return [];
  const confidence = place === 'kubernetes_tool' ? 'strong' : 'weak';
  return [{ place, candidate: { type: 'kubernetes', dir, confidence, evidence } }];
}

function toolFiles(directory: Directory): readonly KubernetesEvidence[] {
  const tiltfile = fileIn(directory, 'Tiltfile');
  const isOurs = tiltfile !== null && tiltfileKind(textOf(tiltfile) ?? '').kind === 'kubernetes';
  return [...kubernetesToolFiles(directory), ...(isOurs ? [{ path: tiltfile, rule: 'a Tiltfile' }] : [])];
}
