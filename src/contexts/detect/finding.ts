import type { Candidate } from '../../core/detection.ts';

/**
 * Where evidence stands, best first. "Here" is the directory that was asked about; "above" is between
 * it and the git root.
 */
export const PLACES = [
  /** A dev container here. */
  'devcontainer',
  /** A Compose project here. */
  'compose',
  /** A Compose file here that only Podman looks for. */
  'podman_compose',
  /** Kustomize, Helm, Skaffold ... here. */
  'kubernetes_tool',
  /** A Compose project above with a service that builds or mounts this directory. */
  'compose_covering',
  /** Dockerfile or Containerfile here. */
  'build_file',
  /** Quadlet units or a Podfile here. */
  'podman_unit',
  /** A dev container or any other Compose project above; the nearest one first. */
  'above',
  /** Manifests, charts or kustomizations here or up to two levels down. */
  'manifests',
  /** A Kubernetes tool file above. */
  'kubernetes_above',
  /** An ignore file without anything to build. */
  'ignore_file',
] as const;

export type Place = (typeof PLACES)[number];

export interface Finding {
  readonly place: Place;
  readonly candidate: Candidate;
}

export interface Findings {
  readonly found: readonly Finding[];
  readonly warnings: readonly string[];
}
