import { addTask } from '../../src/stores/adding.ts';
import type { Database } from '../../src/stores/driver.ts';
import { setGroup } from '../../src/stores/sessions.ts';
import { readEvents, requestStop } from '../../src/stores/tasks.ts';
import { drive } from '../../src/stores/transactions.ts';
import { aTask } from '../../src/testing/store-fixture.ts';
import { violations } from '../chaos/check.ts';
import { Worker } from './worker.ts';
import { LEASE_MS, NoAnswer, World } from './world.ts';

const GROUP_LIMIT = 2;

/**
 * One history of the queue's real rules on a clock and with faults that the seed decides: workers on three hosts
 * crash, are stopped and cut off at any step, answers get lost after their commit, and time jumps.
 *
 * @param database  with our tables; emptied first
 * @returns what must never happen, and did
 */
export function simulate(database: Database, seed: number): readonly string[] {
  const story = new Story(new World(database, seed));
  for (let step = 0; step < 100; step += 1) story.step();
  story.settle();
  return story.check();
}

class Story {
  private readonly world: World;
  private readonly workers: (Worker | null)[] = [null, null, null, null];
  private readonly ids: number[] = [];
  private readonly parents = new Map<number, readonly number[]>();
  private readonly grouped: number[] = [];
  private pids = 0;

  constructor(world: World) {
    this.world = world;
    world.database.exec(
      'delete from sessions; delete from tasks; delete from workers; delete from groups; delete from pauses',
    );
    world.commit(setGroup('g', GROUP_LIMIT));
  }

  step(): void {
    this.world.nowMs += this.world.pick(1500);
    const dice = this.world.random();
    if (dice < 0.12) this.send();
    else if (dice < 0.15) this.fault();
    else if (dice < 0.17) this.cancel();
    else if (dice < 0.35) this.world.endRuns();
    else this.act(this.world.pick(this.workers.length));
  }

  /** No more faults, until everything has ended. */
  settle(): void {
    const { world } = this;
    world.calm = true;
    world.cutUntilMs.clear();
    const left = `select 1 from tasks where state <> 'finished' limit 1`;
    for (let round = 0; round < 1000 && world.database.get(left) !== undefined; round += 1) {
      world.nowMs += 5000;
      world.endRuns();
      for (let at = 0; at < this.workers.length; at += 1) this.act(at);
    }
  }

  check(): readonly string[] {
    const { database, traces, contacts } = this.world;
    return violations({
      acknowledged: this.ids,
      events: new Map(this.ids.map((id) => [id, drive(database, readEvents(id))])),
      traces,
      parents: this.parents,
      group: { limit: GROUP_LIMIT, tasks: this.grouped },
      heard: { leaseMs: LEASE_MS, contacts },
    });
  }

  private send(): void {
    const { world, ids } = this;
    const parent = world.random() < 0.3 ? ids[world.pick(ids.length)] : undefined;
    const group = world.random() < 0.4 ? 'g' : null;
    const task = aTask('x', { onLost: 'retry', retries: 1000, after: parent ? [parent] : [], group });
    const context = { ...task.context, host: `host-${world.pick(3)}` };
    const { id } = world.commit(addTask(world.parts(), { ...task, context }));
    ids.push(id);
    if (parent) this.parents.set(id, [parent]);
    if (group) this.grouped.push(id);
  }

  private cancel(): void {
    const { world, ids } = this;
    const taskId = ids[world.pick(ids.length)];
    if (taskId) world.commit(requestStop(world.parts(), { taskId, reason: 'cancelled', by: 'someone' }));
  }

  private fault(): void {
    const { world } = this;
    const worker = this.workers[world.pick(this.workers.length)];
    switch (world.pick(4)) {
      case 0:
        worker?.crash();
        break;
      case 1:
        worker?.freeze();
        break;
      case 2:
        world.cutUntilMs.set(`host-${world.pick(3)}`, world.nowMs + world.random() * 3 * LEASE_MS);
        break;
      default:
        world.nowMs += world.pick(2 * LEASE_MS);
    }
  }

  private act(at: number): void {
    const worker = this.workers[at];
    if (worker && !worker.isGone) worker.act();
    else this.workers[at] = this.begin(at);
  }

  private begin(at: number): Worker | null {
    this.pids += 1;
    const place = { name: `w${at}`, host: `host-${at % 3}` };
    try {
      return new Worker(this.world, { ...place, pid: this.pids, startTime: '1', bootId: 'b' });
    } catch (error) {
      if (error instanceof NoAnswer) return null;
      throw error;
    }
  }
}
