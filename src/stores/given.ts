import type { Claim, Store } from '../core/store.ts';
import type { Lease } from '../core/task.ts';

/**
 * The claims that a handle has received. Where the answer to a claim can be lost after its commit, the next one
 * brings what the worker holds and has never heard of.
 */
export class GivenClaims {
  private readonly heard = new Set<string>();
  private readonly inDoubt = new Set<string>();

  /** True when this worker may hold tasks that it does not know of. */
  isInDoubt(worker: string): boolean {
    return this.inDoubt.has(worker);
  }

  has({ taskId, fence }: Pick<Lease, 'taskId' | 'fence'>): boolean {
    return this.heard.has(`${taskId} ${fence}`);
  }

  /** Hand out, and remember what came of it. */
  async receive(worker: string, handOut: () => ReturnType<Store['claim']>): Promise<readonly Claim[]> {
    try {
      const claims = await handOut();
      this.received(worker, claims);
      return claims;
    } catch (error) {
      this.answerLost(worker);
      throw error;
    }
  }

  received(worker: string, claims: readonly Claim[]): void {
    this.inDoubt.delete(worker);
    for (const { lease } of claims) this.heard.add(`${lease.taskId} ${lease.fence}`);
  }

  answerLost(worker: string): void {
    this.inDoubt.add(worker);
  }

  /** It is not held any more. */
  forget({ taskId, fence }: Lease): void {
    this.heard.delete(`${taskId} ${fence}`);
  }
}
