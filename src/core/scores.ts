import type { Session } from './session.ts';
import type { TaskSpec } from './task.ts';

/** What speaks for a session, in points. */
export interface Score {
  readonly name: string;
  readonly points: number;
}

/** How well a session's context fits a task; empty where the context is not to count. */
export function scoresOf({ context, queue }: TaskSpec, { kind, context: seen }: Session): readonly Score[] {
  if (!queue.matchContext || kind !== 'tmux') return [];
  const sameVariables = Object.entries(context.env).filter(([name, value]) => seen.envVars[name] === value);
  return [
    { name: 'directory', points: directoryPoints(context.workdir, seen.currentDir) },
    { name: 'environment', points: Math.min(20 * sameVariables.length, 40) },
    { name: 'branch', points: context.gitBranch !== null && context.gitBranch === seen.gitBranch ? 30 : 0 },
    { name: 'container', points: context.container !== null && seen.containerId !== null ? 40 : 0 },
  ].filter((score) => score.points > 0);
}

export function totalOf(scores: readonly Score[]): number {
  return scores.reduce((sum, { points }) => sum + points, 0);
}

function directoryPoints(wanted: string, seen: string | null): number {
  if (seen === null) return 0;
  if (seen === wanted) return 100;
  if (isInside(wanted, seen)) return 50;
  return isInside(seen, wanted) ? 25 : 0;
}

/** Whether a directory is below another one. */
export function isInside(directory: string, ancestor: string): boolean {
  return directory.startsWith(ancestor.endsWith('/') ? ancestor : `${ancestor}/`);
}
