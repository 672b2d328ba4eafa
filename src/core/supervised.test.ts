import { expect, test } from 'vitest';
import { localHost } from '../hosts/local.ts';
import { followSupervised } from './supervised.ts';

const NONCE = '0123456789abcdef';
const SAYS_ALL = `printf 'out\\036berth ${NONCE} out\\n'; printf '\\036berth ${NONCE} exit 7\\n' >&2`;

test('a run whose record and output have come is over, however long its client goes on', async () => {
  const argv = ['sh', '-c', `${SAYS_ALL}; exec sleep 1000`];
  const child = localHost().spawn({ argv, cwd: '/', env: {} }, PIPES);
  const said: string[] = [];
  try {
    const end = await followSupervised(child, NONCE, {
      write: async (_stream, bytes) => void said.push(bytes.toString()),
      heard: () => void said.push('heard'),
    });

    expect(end).toEqual({ kind: 'ended', report: { kind: 'exit', exitCode: 7, reason: null, gone: true } });
    expect(said).toEqual(['out', 'heard']);
  } finally {
    child.kill('SIGKILL');
  }
});

const PIPES = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: true } as const;
