import type { ContainerRequest, KubernetesRequest } from './context.ts';
import { laneOf, lanesOf, providersOf, wantsTerminal } from './lanes.ts';
import { isInside, type Score, scoresOf, totalOf } from './scores.ts';
import type { Session, SessionContext } from './session.ts';
import type { TaskSpec } from './task.ts';

/** What is known of one pair: may the task run there, and how well does it fit. */
export interface Judgement {
  readonly gates: readonly Gate[];
  readonly scores: readonly Score[];
  /** All gates passed. */
  readonly passed: boolean;
  /** Sum of the scores. */
  readonly total: number;
}

export interface Gate {
  readonly name: string;
  /** null: passed. */
  readonly refusal: string | null;
}

export interface Candidate {
  readonly id: number;
  readonly spec: TaskSpec;
}

export interface Match {
  readonly task: Candidate;
  readonly session: Session;
}

/**
 * Give each task the best of the idle sessions. A task that fits none is left out and blocks no other.
 *
 * @param tasks     in the order in which they are served: priority, then age
 * @param sessions  each takes one task at most
 * @param paused    providers that take no prompts now
 */
export function match(
  tasks: readonly Candidate[],
  sessions: readonly Session[],
  paused: readonly string[] = [],
): readonly Match[] {
  const matcher = new Matcher(sessions, paused);
  const matches: Match[] = [];
  for (const task of tasks) {
    const session = matcher.take(task.spec);
    if (session) matches.push({ task, session });
  }
  return matches;
}

/** Idle sessions, given away one at a time. Tasks that ask for the same are looked at together. */
export class Matcher {
  private readonly idle: Set<Session>;
  private readonly byLane = new Map<string, Session[]>();
  /** Sessions whose gates tasks of this kind pass; some may be taken since. */
  private readonly fitting = new Map<string, readonly Session[]>();
  private readonly paused: readonly string[];

  constructor(sessions: readonly Session[], paused: readonly string[] = []) {
    this.idle = new Set(sessions.filter((session) => session.status === 'idle'));
    this.paused = paused;
    for (const session of this.idle) {
      for (const lane of lanesOf(session)) {
        const there = this.byLane.get(lane);
        if (there) there.push(session);
        else this.byLane.set(lane, [session]);
      }
    }
  }

  /** All that these sessions serve. */
  lanes(): readonly string[] {
    return [...this.byLane.keys()];
  }

  /** Whether a task of this lane may still find a session. */
  serves(lane: string): boolean {
    return this.byLane.get(lane)?.some((session) => this.idle.has(session)) ?? false;
  }

  /** The best session for a task, which then is not idle any more; null when none fits. */
  take(spec: TaskSpec): Session | null {
    const key = gateKey(spec);
    const known = this.fitting.get(key) ?? this.passing(spec);
    const free = known.filter((session) => this.idle.has(session));
    const chosen = best(spec, free);
    if (chosen) this.idle.delete(chosen);
    this.fitting.set(key, free);
    return chosen;
  }

  /** These take no more. */
  withdraw(sessions: readonly Session[]): void {
    for (const session of sessions) this.idle.delete(session);
  }

  private passing(spec: TaskSpec): readonly Session[] {
    const sessions = this.byLane.get(laneOf(spec)) ?? [];
    return sessions.filter((session) =>
      GATES.every(([, refuse]) => refuse(spec, session, this.paused) === null),
    );
  }
}

/** Tasks with the same key pass the gates of the same sessions: all that gates read of a task. */
function gateKey(spec: TaskSpec): string {
  const { payload, context, queue } = spec;
  const box = context.container && [context.container, context.workdir];
  const agents = [payload.kind === 'prompt', wantsTerminal(spec), providersOf(spec)];
  return JSON.stringify([queue.target, context.host, agents, box, context.gitBranch, context.repository]);
}

/** @param sessions  whose gates the task passes */
function best(spec: TaskSpec, sessions: readonly Session[]): Session | null {
  let chosen: { session: Session; rank: readonly number[] } | null = null;
  for (const session of sessions) {
    const rank = rankOf(spec, session, totalOf(scoresOf(spec, session)));
    if (!chosen || comesBefore(rank, session, chosen)) chosen = { session, rank };
  }
  return chosen?.session ?? null;
}

/** Higher is better, first number first: order of providers, score, a plain session, longest idle. */
function rankOf(spec: TaskSpec, session: Session, total: number): readonly number[] {
  const enough = total >= GOOD_ENOUGH;
  return [
    -Math.max(providersOf(spec).indexOf(session.provider ?? ''), 0),
    enough ? total : 0,
    !enough && session.context.currentDir === null ? 1 : 0,
    -(session.lastActivityMs ?? 0),
  ];
}

function comesBefore(
  rank: readonly number[],
  session: Session,
  other: { readonly session: Session; readonly rank: readonly number[] },
): boolean {
  const at = rank.findIndex((value, index) => value !== other.rank[index]);
  return at === -1 ? session.name < other.session.name : (rank[at] ?? 0) > (other.rank[at] ?? 0);
}

/** Below this a session that is somewhere else is no better than a plain one. */
const GOOD_ENOUGH = 20;

/**
 * Gates and scores of one task in one session; `why` and `explain` print them.
 *
 * @param paused  providers that take no prompts now
 */
export function judge(spec: TaskSpec, session: Session, paused: readonly string[] = []): Judgement {
  const gates: readonly Gate[] = GATES.map(([name, refuse]) => ({
    name,
    refusal: refuse(spec, session, paused),
  }));
  const scores = scoresOf(spec, session);
  return {
    gates,
    scores,
    passed: gates.every((gate) => gate.refusal === null),
    total: totalOf(scores),
  };
}

/** By name, each with why a session is refused; null where it passes. */
const GATES: readonly (readonly [
  name: string,
  refuse: (spec: TaskSpec, session: Session, paused: readonly string[]) => string | null,
])[] = [
  ['session', sessionRefusal],
  ['host', hostRefusal],
  ['kind', kindRefusal],
  [
    'provider',
    (spec, session, paused) => providerRefusal(spec, session) ?? pauseRefusal(spec, session, paused),
  ],
  ['container', containerRefusal],
  ['repository', repositoryRefusal],
  ['branch', branchRefusal],
];

function sessionRefusal({ queue }: TaskSpec, session: Session): string | null {
  const targeted = queue.target === null || queue.target === session.name;
  return targeted ? null : `the task waits for session "${queue.target}"`;
}

function hostRefusal({ context }: TaskSpec, session: Session): string | null {
  return context.host === session.host ? null : `the task asks for host "${context.host}"`;
}

function kindRefusal(spec: TaskSpec, session: Session): string | null {
  if (spec.queue.target !== null) return null;
  if (wantsTerminal(spec)) return session.kind === 'tmux' ? null : 'the task needs a terminal session';
  return session.kind === 'headless' ? null : 'the task runs without a terminal';
}

function providerRefusal(spec: TaskSpec, session: Session): string | null {
  const wanted = providersOf(spec);
  // a slot starts whichever agent the prompt asks for
  if (session.kind === 'headless' && !wantsTerminal(spec)) return null;
  if (wanted.length === 0 || wanted.includes(session.provider ?? '')) return null;
  return `the task asks for ${wanted.join(' or ')}`;
}

/** Limits are for prompts: a command in the session of an agent asks nothing of its provider. */
function pauseRefusal(spec: TaskSpec, session: Session, paused: readonly string[]): string | null {
  if (paused.length === 0 || spec.payload.kind !== 'prompt') return null;
  const takers = session.kind === 'tmux' ? [session.provider ?? ''] : providersOf(spec);
  if (takers.length === 0 || takers.some((name) => !paused.includes(name))) return null;
  return `${takers.join(' and ')} ${takers.length === 1 ? 'takes' : 'take'} no prompts for now`;
}

/** A terminal inside a box serves only tasks that ask for this box; headless slots keep nothing between tasks. */
function containerRefusal({ context }: TaskSpec, session: Session): string | null {
  const inside = session.context.containerId;
  if (session.kind !== 'tmux' || inside === null) return null;
  if (context.container === null) return `the session is inside container ${inside.slice(0, 12)}`;
  const asked = { ...context.container, workdir: context.workdir };
  return isSameBox(asked, session.context) ? null : `the session is inside another container`;
}

function isSameBox(asked: ContainerRequest & { readonly workdir: string }, seen: SessionContext): boolean {
  const pairs = [
    [asked.type, seen.containerType],
    [asked.image, seen.containerImage],
    [asked.service, seen.containerService],
  ].filter(([wanted]) => wanted !== null);
  if (asked.name !== null) return seen.containerId?.startsWith(asked.name) === true;
  if (asked.kubernetes !== null) return isSamePod(asked.kubernetes, seen);
  if (pairs.length === 0) return seen.currentDir === asked.workdir;
  return pairs.every(([wanted, have]) => wanted === have);
}

/**
 * By names: whose pods a selector or a `current` context means, only the cluster knows. A task that is taken for
 * the session's own and is not runs in its own place all the same.
 */
function isSamePod({ pod, namespace, container, job }: KubernetesRequest, seen: SessionContext): boolean {
  const [seenPod = '', seenContainer = ''] = (seen.containerId ?? '').split('/');
  if (job !== undefined || seen.containerType !== 'kubernetes') return false;
  if (namespace !== null && namespace !== seen.containerNamespace) return false;
  if (container !== null && container !== seenContainer) return false;
  const [type = '', name] = (pod ?? '').split('/');
  if (pod === null) return true;
  if (name === undefined || /^po(?:ds?)?$/.test(type)) return (name ?? type) === seenPod;
  return seenPod.startsWith(`${name}-`) && /^[a-z0-9]+(?:-[a-z0-9]+)?$/.test(seenPod.slice(name.length + 1));
}

/** A prompt goes to whoever sits in the session; a command brings its own directory. */
function repositoryRefusal(spec: TaskSpec, session: Session): string | null {
  if (spec.payload.kind !== 'prompt' || !isInAnotherRepository(spec, session)) return null;
  return `the session is in another repository, at ${session.context.currentDir}`;
}

/** As far as it is known: a session that has a branch is in a repository. */
function isInAnotherRepository({ context }: TaskSpec, { kind, context: seen }: Session): boolean {
  const { repository } = context;
  const { currentDir, gitBranch, containerId } = seen;
  if (kind !== 'tmux' || containerId !== null || repository === undefined) return false;
  if (currentDir === null || gitBranch === null) return false;
  return currentDir !== repository && !isInside(currentDir, repository);
}

function branchRefusal(spec: TaskSpec, session: Session): string | null {
  const { gitBranch } = spec.context;
  const seen = session.context.gitBranch;
  if (session.kind !== 'tmux' || gitBranch === null || seen === null) return null;
  if (isInAnotherRepository(spec, session)) return null;
  return seen === gitBranch ? null : `the session is on branch "${seen}"`;
}
