import type { Session } from '../core/session.ts';
import { type SessionColumns, sessionOf } from './session-rows.ts';
import type { Holding } from './workers.ts';

/** A worker and how many tasks it takes at most. */
export interface Demand {
  readonly worker: string;
  readonly limit: number;
}

/** An idle session and whose it is; null: of any worker of its host. */
export interface IdleRow extends SessionColumns {
  readonly worker: string | null;
  readonly worker_epoch: number | null;
}

/** The workers that ask together, how many tasks each still takes, and which sessions it takes them for. */
export class Takers {
  private readonly holdings: ReadonlyMap<string, Holding>;
  private readonly left = new Map<string, number>();
  private readonly owners = new Map<Session, string | null>();

  /** @param holdings  of the workers that hold their names; others take nothing */
  constructor(demands: readonly Demand[], holdings: ReadonlyMap<string, Holding>) {
    this.holdings = holdings;
    for (const { worker, limit } of demands) {
      if (holdings.has(worker)) this.left.set(worker, (this.left.get(worker) ?? 0) + limit);
    }
  }

  names(): readonly string[] {
    return [...this.left.keys()];
  }

  room(): number {
    return [...this.left.values()].reduce((sum, left) => sum + left, 0);
  }

  /** Those of the sessions that somebody takes a task for. */
  places(rows: readonly IdleRow[]): readonly Session[] {
    for (const row of rows) {
      const current = row.worker === null || this.holdings.get(row.worker)?.epoch === row.worker_epoch;
      if (current) this.owners.set(sessionOf(row), row.worker);
    }
    return [...this.owners.keys()].filter((session) => this.takerFor(session) !== null);
  }

  /** @returns who takes the task for this session, and the sessions that nobody takes any more for */
  take(session: Session): {
    readonly worker: string;
    readonly epoch: number;
    readonly closed: readonly Session[];
  } {
    const worker = this.takerFor(session) ?? '';
    const epoch = this.holdings.get(worker)?.epoch ?? 0;
    const left = (this.left.get(worker) ?? 0) - 1;
    this.left.set(worker, left);
    if (left > 0) return { worker, epoch, closed: [] };
    const closed = [...this.owners.keys()].filter((other) => this.takerFor(other) === null);
    return { worker, epoch, closed };
  }

  private takerFor(session: Session): string | null {
    const owner = this.owners.get(session) ?? null;
    const known = owner === null ? this.names() : [owner];
    const takes = (name: string): boolean =>
      (this.left.get(name) ?? 0) > 0 && (owner !== null || this.holdings.get(name)?.host === session.host);
    return known.find(takes) ?? null;
  }
}
