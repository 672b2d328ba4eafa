import type { Rejection } from '../core/context.ts';
import type { ComposeProject, ComposeService } from '../core/detection.ts';
import { BerthError } from '../core/errors.ts';
import { backstageRole } from './backstage.ts';
import { depth, type Realpath, within } from './mounts.ts';

/** What is known beside the Compose files themselves. Names are null when nobody gave one. */
export interface ServiceEvidence {
  /** Absolute host directory of the task. */
  readonly workdir: string;
  readonly realpath: Realpath;
  /** `--container-service`. */
  readonly wanted: string | null;
  /** `container.service` of berth.yaml. */
  readonly setting: string | null;
  /** `service` of devcontainer.json. */
  readonly devcontainer: string | null;
}

export type ServiceChoice =
  | {
      readonly kind: 'chosen';
      readonly service: ComposeService;
      readonly reason: string;
      /** True when a person named it; false when the files gave it away. */
      readonly named: boolean;
      readonly rejected: readonly Rejection[];
    }
  | { readonly kind: 'ambiguous'; readonly names: readonly string[]; readonly rejected: readonly Rejection[] }
  /** Somebody named a service that the project does not have. */
  | { readonly kind: 'unknown'; readonly name: string; readonly source: string }
  /** No service looks like the place where this directory's code runs. */
  | { readonly kind: 'none'; readonly rejected: readonly Rejection[] };

/**
 * Which service of a Compose project a task in `workdir` belongs to. Evidence, best first:
 * a name that was given; a bind mount that covers the directory; a build context that is or
 * holds it; the only service that is built here; the only one at all. Databases, caches,
 * brokers and proxies count against, services behind an inactive profile are left out.
 * Two that are equally good are a tie, never a guess.
 */
export function chooseService(project: ComposeProject, evidence: ServiceEvidence): ServiceChoice {
  const given = givenName(evidence);
  if (given !== null) return byName(project, given);

  const reasonsAgainst = new Map(project.services.map((service) => [service.name, against(service)]));
  const usable = project.services.filter((service) => reasonsAgainst.get(service.name) === null);
  const scored = usable.map((service) => ({ service, clues: clues(service, usable, evidence) }));
  const best = scored.reduce<readonly number[]>((top, { clues }) => later(top, clues), []);
  const winners = scored.filter(({ clues }) => compare(clues, best) === 0).map(({ service }) => service);
  const rejected = (kept: readonly ComposeService[]) =>
    project.services
      .filter((service) => !kept.includes(service))
      .map((service) => ({
        name: service.name,
        reason: reasonsAgainst.get(service.name) ?? weaker(service, scored, best),
      }));

  const [winner, second] = winners;
  if (winner === undefined) return { kind: 'none', rejected: rejected([]) };
  if (second !== undefined) {
    return { kind: 'ambiguous', names: winners.map(({ name }) => name), rejected: rejected(winners) };
  }
  return {
    kind: 'chosen',
    service: winner,
    reason: reasonFor(best, usable.length, project),
    named: false,
    rejected: rejected([winner]),
  };
}

/**
 * The chosen service, or the error that ends the attempt.
 *
 * @throws {BerthError} `SERVICE_NOT_FOUND`, `CONTEXT_AMBIGUOUS`
 */
export function requireService(
  choice: ServiceChoice,
  project: ComposeProject,
): Extract<ServiceChoice, { kind: 'chosen' }> {
  const names = project.services.map(({ name }) => name).join(', ');
  switch (choice.kind) {
    case 'chosen':
      return choice;
    case 'unknown':
      throw new BerthError(
        `The Compose project "${project.name}" has no service "${choice.name}" (${choice.source}).`,
        { code: 'SERVICE_NOT_FOUND', hint: names === '' ? 'It has no services.' : `It has: ${names}.` },
      );
    case 'ambiguous':
      throw new BerthError(
        `The services ${listed(choice.names)} of "${project.name}" fit this directory equally well.`,
        { code: 'CONTEXT_AMBIGUOUS', hint: `Name one: ${choice.names.map(option).join(' or ')}.` },
      );
    case 'none':
      throw new BerthError(
        `No service of the Compose project "${project.name}" looks like the place where this directory's code runs.`,
        {
          code: 'CONTEXT_AMBIGUOUS',
          hint: names === '' ? 'It has no services.' : `Name one with --container-service: ${names}.`,
        },
      );
  }
}

function givenName(evidence: ServiceEvidence): { readonly name: string; readonly source: string } | null {
  if (evidence.wanted !== null) return { name: evidence.wanted, source: 'named by --container-service' };
  if (evidence.setting !== null) return { name: evidence.setting, source: 'named in berth.yaml' };
  if (evidence.devcontainer === null) return null;
  return { name: evidence.devcontainer, source: 'named by `service` in devcontainer.json' };
}

function byName(
  project: ComposeProject,
  { name, source }: { readonly name: string; readonly source: string },
): ServiceChoice {
  const service = project.services.find((candidate) => candidate.name === name);
  if (service === undefined) return { kind: 'unknown', name, source };
  const rejected = project.services
    .filter((other) => other !== service)
    .map((other) => ({ name: other.name, reason: `"${name}" was ${source}` }));
  return { kind: 'chosen', service, reason: source, named: true, rejected };
}

/** Why a service is out before any comparison, or null. */
function against(service: ComposeService): string | null {
  if (!service.enabled) return `its profile ${listed(service.profiles)} is not active`;
  if (service.build !== null || service.image === null) return null;
  const role = backstageRole(service.image);
  return role === null ? null : `${service.image} is ${role}, not where a project's code runs`;
}

/** One number per kind of evidence, best kind first; greater is better. */
function clues(
  service: ComposeService,
  usable: readonly ComposeService[],
  evidence: ServiceEvidence,
): readonly number[] {
  const dir = evidence.realpath(evidence.workdir);
  const covering = service.volumes
    .filter(({ type }) => type === 'bind')
    .flatMap(({ source }) => (source === null ? [] : [evidence.realpath(source)]))
    .filter((source) => within(dir, source));
  const context = service.build?.context;
  const holds = context?.startsWith('/') === true && within(dir, evidence.realpath(context));
  const builds = usable.filter(({ build }) => build !== null);
  return [
    Math.max(0, ...covering.map((source) => depth(source) + 1)),
    holds ? depth(evidence.realpath(context)) + 1 : 0,
    builds.length === 1 && builds[0] === service ? 1 : 0,
  ];
}

const COVERS = 'its bind mount covers the directory';
const HOLDS = 'its build context is or holds the directory';
const ONLY_BUILT = 'it is the only service that is built here';

function reasonFor(best: readonly number[], usable: number, project: ComposeProject): string {
  const [covers = 0, holds = 0, built = 0] = best;
  if (covers > 0) return holds > 0 ? `${COVERS}, and it is built here` : COVERS;
  if (holds > 0) return HOLDS;
  if (built > 0) return ONLY_BUILT;
  if (project.services.length === usable) return 'it is the only service';
  return 'it is the only service that is on and is no database, cache, broker or proxy';
}

/** What the winner has and this one lacks. */
function weaker(
  service: ComposeService,
  scored: readonly { readonly service: ComposeService; readonly clues: readonly number[] }[],
  best: readonly number[],
): string {
  const own = scored.find((entry) => entry.service === service)?.clues ?? [];
  const decided = best.findIndex((value, at) => value !== (own[at] ?? 0));
  const has = (own[decided] ?? 0) > 0;
  if (decided === 0)
    return has ? 'its bind mount is less specific' : 'no bind mount of it covers the directory';
  if (decided === 1) return `its build context ${has ? 'is less specific' : 'does not hold the directory'}`;
  return 'it is not built here';
}

function later(a: readonly number[], b: readonly number[]): readonly number[] {
  return compare(b, a) > 0 ? b : a;
}

/** Lexicographic: a better kind of evidence beats any amount of a lesser one. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

function option(name: string): string {
  return `--container-service ${name}`;
}
