import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { inFront, isClient } from './in-front.ts';

test.each([
  'docker exec -it web bash',
  'docker exec --interactive --tty web /bin/sh',
  'docker compose exec web sh',
  '/usr/bin/podman exec -it c0ffee ash',
  'kubectl exec -it pod/api -- bash -l',
  'ssh build-1',
  'ssh -p 2222 -o BatchMode=yes -tA me@build-1',
  '/usr/bin/ssh -vJ hop build-1',
])('behind `%s` there is a shell', (line) => {
  expect(isClient(line.split(' '))).toBe(true);
});

test.each([
  'docker exec -it web make test',
  'docker exec -it web bash -c make',
  'docker run -it web bash',
  'docker logs -f bash',
  'kubectl exec -it pod/api -- python',
  'ssh build-1 make test',
  'ssh -p 2222 build-1 bash',
  'ssh',
  'bash',
  'vim',
])('nothing is typed into `%s`', (line) => {
  expect(isClient(line.split(' '))).toBe(false);
});

test('a process without a terminal has nobody in front', async () => {
  const child = spawn('sleep', ['100'], { detached: true, stdio: 'ignore' });
  const front = inFront(child.pid ?? 0);
  child.kill();

  expect(front).toBeNull();
  expect(inFront(2 ** 22 + 1)).toBeNull();
});
