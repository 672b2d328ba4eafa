import { expect, test } from 'vitest';
import type { RunEnd } from '../core/executor.ts';
import type { Place } from '../core/runtime.ts';
import { entryFailure } from './entry-failure.ts';

const PLACE: Place = { runtime: 'docker', id: 'a'.repeat(64), owned: false, container: null, user: null };

function codeOf(words: { stdout?: string; stderr?: string; exitCode?: number | null }): string | null {
  const { stdout = '', stderr = '', exitCode = null } = words;
  const end: RunEnd = { kind: 'vanished', exitCode, stdoutTail: stdout, stderrTail: stderr };
  return entryFailure(PLACE, end)?.code ?? null;
}

const GONE = 'Error response from daemon: No such container: web\n';
const AWAY =
  'Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?\n';

test.each([
  ['docker, on stderr', { stderr: GONE, exitCode: 1 }, 'CONTAINER_NOT_FOUND'],
  [
    'docker, on stdout',
    {
      stdout:
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown\r\n',
      exitCode: 126,
    },
    'NO_SHELL',
  ],
  [
    'podman, after a warning',
    {
      stderr:
        'time="2026-01-01" level=warning msg="x"\nError: unable to find user nobody2: no matching entries in passwd file\n',
      exitCode: 255,
    },
    'USER_NOT_FOUND',
  ],
  [
    'podman under docker’s name',
    {
      stderr:
        'Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\nError: no container with name or ID "web" found\n',
      exitCode: 125,
    },
    'CONTAINER_NOT_FOUND',
  ],
  ['a daemon that is away', { stderr: AWAY, exitCode: 1 }, 'RUNTIME_UNAVAILABLE'],
  ['a run that another process started', { stderr: GONE }, 'CONTAINER_NOT_FOUND'],
])('the words of %s prove that nothing ran', (_, words, code) => {
  expect(codeOf(words)).toBe(code);
});

test.each([
  ['what the task itself printed before', { stdout: 'tests pass\n', stderr: GONE, exitCode: 1 }],
  ['words in the middle of its log', { stderr: `deploying\n${GONE}`, exitCode: 1 }],
  ['a daemon that was lost while it ran', { stderr: AWAY, exitCode: 255 }],
  ['a program that was killed', { stderr: GONE, exitCode: 137 }],
  ['more than an engine says', { stderr: GONE + 'x'.repeat(2_000), exitCode: 1 }],
  ['silence', { exitCode: 1 }],
])('%s proves nothing', (_, words) => {
  expect(codeOf(words)).toBeNull();
});
