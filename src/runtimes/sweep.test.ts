import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../../test/support/boxes.ts';
import { describeWith } from '../../test/support/engines.ts';
import { ownerOf } from '../core/owner.ts';
import { localHost } from '../hosts/local.ts';
import { cliInspector } from './inspector.ts';
import { ATTEMPT_LABEL, OWNER_LABEL, QUEUE_LABEL, SESSION_LABEL, TASK_LABEL } from './owned.ts';
import { leftovers } from './sweep.ts';

const host = localHost();
const { bootId, startTime } = host.self;
const here = `${bootId}:${host.pidNamespace}`;
/** A pid that nobody has: its process has ended. */
const ended = spawnSync('true').pid;
const earlierBoot = `local:${ended}:1:${randomUUID()}:${host.pidNamespace}`;

interface Case {
  readonly what: string;
  readonly owner: string | null;
  readonly state?: 'exited' | 'created';
  readonly swept: boolean;
}

const CASES: readonly Case[] = [
  { what: 'an owner that has ended', owner: `local:${ended}:1:${here}`, swept: true },
  {
    what: 'an owner whose pid another process has now',
    owner: `local:${process.pid}:1${startTime}:${here}`,
    swept: true,
  },
  { what: 'an owner that lives', owner: ownerOf(host), swept: false },
  {
    what: 'a pid in use where no start time is known',
    owner: `local:${process.pid}::${here}`,
    swept: false,
  },
  { what: 'an owner on another host', owner: `elsewhere:${ended}:1:${here}`, swept: false },
  { what: 'an owner in another pid namespace', owner: `local:${ended}:1:${bootId}:1`, swept: false },
  { what: 'an owner of another boot, in a container that runs', owner: earlierBoot, swept: false },
  { what: 'one that was only made', owner: earlierBoot, state: 'created', swept: false },
  { what: 'one that has ended', owner: earlierBoot, state: 'exited', swept: true },
  { what: 'a label with fewer words', owner: `local:${ended}:1`, swept: false },
  { what: 'words that are no owner', owner: 'somebody', swept: false },
  { what: 'no owner at all', owner: null, swept: false },
];

describeWith(['docker'], 'a sweep', () => {
  const queue = randomUUID();
  const made: string[] = [];
  const make = async (
    labels: Readonly<Record<string, string>>,
    state: Case['state'] | 'running' = 'running',
  ) => {
    const words = Object.entries(labels).map(([name, value]) => `--label=${name}=${value}`);
    const how = state === 'created' ? ['create'] : ['run', '--detach'];
    const program = state === 'exited' ? ['true'] : ['sleep', '1000'];
    const id = await call('docker', ...how, '--pull=never', '--init', ...words, 'berth-busybox', ...program);
    if (state === 'exited') await call('docker', 'wait', id);
    made.push(id);
    return id;
  };
  const task = (number: number) => ({
    [QUEUE_LABEL]: queue,
    [TASK_LABEL]: String(number),
    [ATTEMPT_LABEL]: '1',
  });
  const found = async (held: readonly string[] = []) => {
    const inspectors = [cliInspector(host, 'docker')];
    const isHeld = async ({ id }: { readonly id: string }) => held.includes(id);
    return (await leftovers(host, { inspectors, queue, isHeld })).map(({ id }) => id);
  };
  const ids = new Map<Case, string>();
  beforeAll(async () => {
    for (const [index, one] of CASES.entries()) {
      const labels = { ...task(index + 1), ...(one.owner !== null && { [OWNER_LABEL]: one.owner }) };
      ids.set(one, await make(labels, one.state));
    }
  });
  afterAll(() => call('docker', 'rm', '--force', ...made));

  for (const one of CASES) {
    test(`${one.swept ? 'takes' : 'leaves'} ${one.what}`, async () => {
      expect((await found()).includes(ids.get(one) ?? '')).toBe(one.swept);
    });
  }

  test('leaves what an unfinished attempt was put in', async () => {
    const [id = ''] = await found();
    expect(id).not.toBe('');
    expect(await found([id])).not.toContain(id);
  });

  test('takes that of a session that is not there, and leaves that of one that is', async () => {
    const session = { [SESSION_LABEL]: `api-2-${'0123456789abcdef'}` };
    const owner = { [OWNER_LABEL]: `local:${ended}:1:${here}` };
    const id = await make({ [QUEUE_LABEL]: queue, [TASK_LABEL]: '0', ...session, ...owner });
    const inspectors = [cliInspector(host, 'docker')];
    const asked: (string | null)[] = [];
    const left = await leftovers(host, {
      ...{ inspectors, queue },
      isHeld: async (one) => {
        if (one.id === id) asked.push(one.session);
        return one.id === id;
      },
    });

    expect((await found()).includes(id)).toBe(true);
    expect([asked, left.some((one) => one.id === id)]).toEqual([['api-2'], false]);
  });

  test('leaves what lacks a label of ours, or has another queue’s', async () => {
    const owner = { [OWNER_LABEL]: `local:${ended}:1:${here}` };
    const strangers = [
      await make({ [QUEUE_LABEL]: queue, ...owner }),
      await make({ [QUEUE_LABEL]: queue, [TASK_LABEL]: '1', ...owner }),
      await make({ ...task(1), ...owner, [QUEUE_LABEL]: randomUUID() }),
    ];
    const all = await found();
    expect(strangers.filter((id) => all.includes(id))).toEqual([]);
  });
});
