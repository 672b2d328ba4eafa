import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from '../core/cluster.ts';
import type { RunSpec } from '../core/executor.ts';
import { type RunFiles, runFiles } from './run-directory.ts';

/** What the next worker needs: `job.json` in the run directory. */
export interface JobFacts {
  readonly where: Namespace;
  readonly name: string;
  readonly container: string;
  readonly pendingMs: number;
  readonly createdAtMs: number;
  /** The server has said so. Until then asking again is harmless: the name is the same. */
  readonly isMade: boolean;
  /** The first pod that was seen, and so the attempt; absent before there was one. */
  readonly podUid?: string;
  readonly run: Pick<RunSpec, 'task' | 'attempt' | 'nonce' | 'place' | 'limits'>;
}

/** Whether a run directory is of a Job. */
export function isJobRun(runs: string, directory: string): boolean {
  return existsSync(jobFile(runFiles(runs, directory)));
}

export function readJob(at: RunFiles): JobFacts | null {
  return existsSync(jobFile(at)) ? (JSON.parse(readFileSync(jobFile(at), 'utf8')) as JobFacts) : null;
}

export function mustReadJob(at: RunFiles): JobFacts {
  const facts = readJob(at);
  if (facts === null) throw new Error(`${at.path} is no run of a Job`);
  return facts;
}

export function writeJob(at: RunFiles, facts: JobFacts): void {
  writeFileSync(`${jobFile(at)}.new`, JSON.stringify(facts), { mode: 0o600 });
  renameSync(`${jobFile(at)}.new`, jobFile(at));
}

function jobFile(at: RunFiles): string {
  return join(at.path, 'job.json');
}
